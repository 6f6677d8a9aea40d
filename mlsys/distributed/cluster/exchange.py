"""Who gets what, on the real clock: the state that all ranks of a cluster of processes share.

The counterpart of `engine`, with the same rules and counts: a call comes in whenever its rank makes
it, and changes what its rank and others wait for. Nothing here waits, locks or looks at a clock,
so that every order of events can be tried one by one. Cost: a call looks again at the ranks whose
waiting it may have ended, two of them as a rule, all of them at a death.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from mlsys.distributed.cluster.calls import (
    Arrived,
    Call,
    Compute,
    Failure,
    Incoming,
    Outgoing,
    Probe,
    Revoke,
    Shrink,
    Step,
    Test,
)
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.rank import Rank, Transfer, stuck
from mlsys.distributed.cluster.untrusted import Malformed

OVERHEAD = 1500  # bytes that a message takes beside its payload, about
PENDING: Any = object()  # instead of the value of a call: there is none yet
SENT = Outgoing(0, "", 0, 0, "", b"")  # instead of a message that its sender may forget
SENT.done = 0.0


class Seat(Rank):
    """A rank that calls whenever it likes, and gets its value when there is one."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.line = ""  # of its program, where it called last
        self.value: Any = PENDING  # of the call that it has made
        self.under_way = 0  # bytes that it has sent and nobody has received

    def admit(self, call: Call, room: float) -> None:
        """Refuse numbers of requests that make no sense, and more than there is ``room`` for.

        A rank chooses the numbers itself: each must be new when its request is started, and known
        when it is waited for.
        """
        new, waits, sending = set[int](), set[int](), 0
        if isinstance(call, Test):
            waits = {call.request}
        elif isinstance(call, Step):
            sending = sum(send.nbytes + OVERHEAD for send in call.sends)
            if call.waits is not None:
                new = {transfer.request for transfer in call.starts}
                waits = set(call.waits)
        if new & self.requests.keys() or not self.requests.keys() | new >= waits:
            raise Malformed(f"rank {self.number}: no such requests, or used before: {waits or new}")
        needed = self.under_way + sending + OVERHEAD * len(self.requests)
        if needed > room:
            raise Malformed(
                f"rank {self.number}: what it has sent, and nobody has received, and its "
                f"{len(self.requests):,} open requests need {needed:,} bytes, more than {room:,}"
            )


class Exchange:
    """The shared state of ``ranks`` ranks; ``freed`` collects those whose call has got its value.

    eager, buffer: as in `engine.Engine`. room: bytes for what one rank has sent, or wants, and has
    not been received. A message that is late because of ``faults`` is kept until
    ``advance`` is called at its time.
    """

    def __init__(
        self,
        ranks: int,
        faults: Faults = NOTHING_WRONG,
        eager: float = math.inf,
        buffer: float = math.inf,
        room: float = math.inf,
    ) -> None:
        for name, given in (("eager", eager), ("buffer", buffer), ("room", room)):
            if not given >= 0:
                raise ValueError(f"{name}: expected bytes >= 0, got {given}")
        faults.check(ranks)
        self.ranks = [Seat(number) for number in range(ranks)]
        self.freed: list[int] = []
        self.dead: set[int] = set()
        self.faults, self._rng = faults, np.random.default_rng(faults.seed)
        self._eager, self._buffer, self._room = eager, buffer, room
        self._revoked: set[str] = set()
        self._ticket = itertools.count()
        self._late: list[tuple[float, int, Outgoing]] = []  # a heap
        self._latest: dict[tuple[int, int], float] = {}  # of what one rank has sent another

    def take(self, rank: int, call: Call, now: float, line: str = "") -> None:
        """The rank's next call. Its value is there at once, or when it comes into ``freed``."""
        seat = self.ranks[rank]
        seat.admit(call, self._room)
        seat.line, seat.since, seat.value = line, now, PENDING
        self.advance(now)
        if failure := seat.refused(call, self._revoked):
            seat.value = failure
            return
        match call:
            case Step():
                self._step(seat, call)
            case Compute():
                seat.compute += self.faults.work(rank, call.seconds, self._rng)
            case Revoke():
                self._revoked.add(call.context)
                self._look_at_all()
        seat.call = call
        self._look(seat)

    def advance(self, now: float) -> None:
        """Deliver what was late and is due."""
        while self._late and self._late[0][0] <= now:
            self._arrive(heapq.heappop(self._late)[2])

    @property
    def next_arrival(self) -> float:
        """When the next message that is late is due."""
        return self._late[0][0] if self._late else math.inf

    def bury(self, rank: int) -> None:
        """The rank is dead from now on. What it has sent still arrives."""
        seat = self.ranks[rank]
        seat.alive, seat.call = False, None
        self.dead.add(rank)
        self._look_at_all()

    def dismiss(self, rank: int) -> None:
        """The rank has returned."""
        self.ranks[rank].returned = True

    def left(self) -> list[Seat]:
        """Those that have neither ended nor died."""
        return [seat for seat in self.ranks if seat.alive and not seat.returned]

    def stuck(self) -> str:
        """Why nobody can go on; "" while somebody can."""
        left = self.left()
        if self._late or not left or any(seat.call is None for seat in left):
            return ""
        return stuck(self.ranks, lambda rank: self.ranks[rank].line)

    def _step(self, seat: Seat, call: Step) -> None:
        if call.waits is not None:
            seat.requests |= {transfer.request: transfer for transfer in call.starts}
        for receive in call.receives:
            self._receive(seat, receive)
        for send in call.sends:
            self._send(seat, send)
        seat.waits = (
            call.starts if call.waits is None else tuple(map(seat.requests.pop, call.waits))
        )

    # How calls end: their value, or PENDING.

    def _value(self, seat: Seat, call: Call) -> Any:
        match call:
            case Step():
                return self._value_of_step(seat)
            case Test():
                return self._value_of_test(seat, call.request)
            case Probe():
                return self._value_of_probe(seat, call)
            case Shrink():
                return self._value_of_shrink(call)
        return None

    def _value_of_step(self, seat: Seat) -> Any:
        undone = seat.undone()
        for transfer in undone:
            if failure := self._hopeless(seat, transfer):
                seat.forget(seat.waits)
                return failure
        return PENDING if undone else _arrived(seat, seat.waits)

    def _value_of_test(self, seat: Seat, number: int) -> Any:
        transfer = seat.requests[number]
        if transfer.done is not None:
            return True, _arrived(seat, [seat.requests.pop(number)])[0]
        if failure := self._hopeless(seat, transfer):
            seat.forget([seat.requests.pop(number)])
            return failure
        return False, None

    def _value_of_probe(self, seat: Seat, call: Probe) -> Any:
        message = seat.box.first(call, math.inf)
        if message is not None:
            return message.announcement()
        failure = self._hopeless(seat, seat.undone()[0])
        return failure or (PENDING if call.block else None)

    def _value_of_shrink(self, call: Shrink) -> Any:
        """The living, as soon as all of them ask."""
        living = [self.ranks[rank] for rank in call.group if rank not in self.dead]
        if any(seat.call != call for seat in living):
            return PENDING
        group = tuple(seat.number for seat in living)
        for seat in living:
            seat.told |= self.dead
            self._free(seat, group)
        return group

    # Messages.

    def _send(self, seat: Seat, message: Outgoing) -> None:
        there, now = self.ranks[message.dest], seat.since
        message.source, message.depth = seat.number, seat.depth + 1
        seat.sent_bytes += message.nbytes
        seat.sent_messages += 1
        if message.dest in self.dead:
            return  # whoever waits for it is told
        message.fate = self.faults.fate(self._rng)
        message.waits = not (
            message.nbytes <= self._eager and there.held + message.nbytes <= self._buffer
        )
        if not message.waits:
            self._sent(message)
        if not message.fate.dropped:
            seat.under_way += message.nbytes + OVERHEAD
            if not message.waits:
                message.held = True
                there.held += message.nbytes
            heapq.heappush(self._late, (self._due(message, now), next(self._ticket), message))
            self.advance(now)

    def _sent(self, message: Outgoing) -> None:
        """Its sender has done its part, and need not keep it."""
        message.done, sender = 0.0, self.ranks[message.source]
        if sender.requests.get(message.request) is message:
            sender.requests[message.request] = SENT

    def _due(self, message: Outgoing, now: float) -> float:
        """When a message arrives: after earlier ones of its sender, unless it may overtake."""
        due, pair = now + message.fate.delay, (message.source, message.dest)
        if not message.fate.overtakes:
            due = self._latest[pair] = max(due, self._latest.get(pair, due))
        return due

    def _arrive(self, message: Outgoing) -> None:
        """Give a message to the receive that waits for it, or keep it."""
        there = self.ranks[message.dest]
        message.arrival = next(self._ticket)
        receive = there.box.put(message)
        if receive is not None:
            self._match(there, receive, message)
        else:
            self._settle(there)

    def _receive(self, seat: Seat, receive: Incoming) -> None:
        message = seat.box.receive(receive)
        if message is not None:
            self._match(seat, receive, message)
        else:
            self._settle(seat)

    def _settle(self, seat: Seat) -> None:
        """Serve the receives, and a Probe, that take messages from anyone."""
        for receive, message in seat.box.settle(math.inf):
            self._match(seat, receive, message)
        self._look(seat)

    def _match(self, seat: Seat, receive: Incoming, message: Outgoing) -> None:
        """A message and its receive have found each other: both are done."""
        receive.message, receive.done = message, 0.0
        seat.received_bytes += message.nbytes
        seat.received_messages += 1
        sender = self.ranks[message.source]
        sender.under_way -= message.nbytes + OVERHEAD
        if message.held:
            seat.held -= message.nbytes
        else:
            self._sent(message)
        self._look(seat)
        self._look(sender)

    # Waiting, and going on.

    def _look(self, seat: Seat) -> None:
        """Let a rank go on if its call has a value by now."""
        if seat.call is not None:
            value = self._value(seat, seat.call)
            if value is not PENDING:
                self._free(seat, value)

    def _look_at_all(self) -> None:
        for seat in self.ranks:
            self._look(seat)

    def _free(self, seat: Seat, value: Any) -> None:
        if seat.call is not None:
            seat.call, seat.value = None, value
            self.freed.append(seat.number)

    def _hopeless(self, seat: Seat, transfer: Transfer) -> Failure | None:
        """Why a request that is not done never will be; what the dead have sent may still come."""
        way = transfer.peer, seat.number
        coming = any((late.source, late.dest) == way for _, _, late in self._late)
        return seat.hopeless(transfer, set() if coming else self.dead, self._revoked)


def _arrived(seat: Seat, done: Iterable[Transfer]) -> tuple[Arrived | None, ...]:
    """What requests that are done have received, apart from all that is noted on it."""
    return tuple(
        message if message is None else message.announcement()._replace(payload=message.payload)
        for message in seat.collect(done)
    )
