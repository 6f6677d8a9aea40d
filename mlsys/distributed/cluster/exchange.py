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
from collections.abc import Callable, Iterable
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
from mlsys.distributed.cluster.communicator import ANY_SOURCE
from mlsys.distributed.cluster.deadlock import Waiting, explain
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.run import Traffic
from mlsys.distributed.cluster.seat import OVERHEAD, PENDING, Seat, transfers

SENT = Outgoing(0, "", 0, 0, "", b"")  # instead of a message that its sender may forget
SENT.done = 0.0


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
        if self._revoked & _contexts(call):
            seat.value = _revoked_for(seat)
            return
        _START[type(call)](self, seat, call)
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
        ended = {seat.number: "has returned" for seat in self.ranks if seat.returned}
        ended |= dict.fromkeys(self.dead, "is dead")
        return explain([self.waiting(seat) for seat in left], ended)

    # How calls start.

    def _step(self, seat: Seat, call: Step) -> None:
        new = transfers(call)
        if call.waits is not None:
            seat.requests.update((transfer.request, transfer) for transfer in new)
        for receive in call.receives:
            self._receive(seat, receive)
        for send in call.sends:
            self._send(seat, send)
        seat.waits = new if call.waits is None else tuple(map(seat.requests.pop, call.waits))

    def _compute(self, seat: Seat, call: Compute) -> None:
        seconds = self.faults.work(seat.number, call.seconds, self._rng)
        seat.compute += seconds

    def _revoke(self, seat: Seat, call: Revoke) -> None:
        self._revoked.add(call.context)
        self._look_at_all()

    def _nothing(self, seat: Seat, call: Call) -> None:
        pass

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
                return self._give_up(seat, seat.waits, failure)
        return PENDING if undone else tuple(self._collect(seat, each) for each in seat.waits)

    def _value_of_test(self, seat: Seat, number: int) -> Any:
        transfer = seat.requests[number]
        if transfer.done is not None:
            return True, self._collect(seat, seat.requests.pop(number))
        if failure := self._hopeless(seat, transfer):
            return self._give_up(seat, (seat.requests.pop(number),), failure)
        return False, None

    def _value_of_probe(self, seat: Seat, call: Probe) -> Any:
        message = seat.box.first(call, math.inf)
        if message is not None:
            return _arrived(message, b"")
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

    def _collect(self, seat: Seat, transfer: Outgoing | Incoming) -> Arrived | None:
        """What has been received by a transfer that is done."""
        message = transfer.message
        if message is None:
            return None
        seat.depth = max(seat.depth, message.depth)
        return _arrived(message, message.payload)

    def _give_up(
        self, seat: Seat, given_up: Iterable[Outgoing | Incoming], failure: Failure
    ) -> Failure:
        """End transfers of which one can never be done."""
        for transfer in given_up:
            if type(transfer) is Incoming:
                seat.box.forget(transfer)
        return failure

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

    def _hopeless(self, seat: Seat, transfer: Outgoing | Incoming) -> Failure | None:
        """Why a request that is not done never will be."""
        if transfer.context in self._revoked:
            return _revoked_for(seat)
        dead = {transfer.peer} & self.dead
        if transfer.peer == ANY_SOURCE:
            dead = self.dead - seat.told  # each death ends one receive from anyone
        if not dead or self._comes_from(transfer.peer, seat.number):
            return None
        seat.told |= dead
        names = ", ".join(map(str, sorted(dead)))
        return Failure(
            f"rank {seat.number} waited {transfer.purpose}: rank {names} is dead",
            tuple(sorted(dead)),
        )

    def _comes_from(self, source: int, dest: int) -> bool:
        return any((late[2].source, late[2].dest) == (source, dest) for late in self._late)

    # For those who look on.

    def waiting(self, seat: Seat) -> Waiting:
        """What a blocked rank waits for."""
        late: tuple[int, ...] = ()
        if type(call := seat.call) is Shrink:
            late = tuple(n for n in call.group if n not in self.dead and self.ranks[n].call != call)
        return seat.waiting(seat.line, late)

    def traffic(self) -> Traffic:
        """What has been counted."""
        return Traffic.of(self.ranks, links=[])

    def left_over(self) -> list[Outgoing]:
        """What was sent and never received."""
        return [message for seat in self.ranks for message in seat.box.left()]


def _arrived(message: Outgoing, payload: bytes) -> Arrived:
    return Arrived(message.source, message.tag, message.kind, message.nbytes, payload)


def _contexts(call: Call) -> set[str]:
    """The communicators on which a call starts something that a Revoke ends."""
    if isinstance(call, Step):
        return {transfer.context for transfer in transfers(call)}
    return {call.context} if isinstance(call, Probe) else set()


def _revoked_for(seat: Seat) -> Failure:
    return Failure(f"rank {seat.number}: this communicator was revoked", (), revoked=True)


_START: dict[type, Callable[[Exchange, Seat, Any], None]] = {
    Step: Exchange._step,
    Compute: Exchange._compute,
    Revoke: Exchange._revoke,
    Test: Exchange._nothing,
    Probe: Exchange._nothing,
    Shrink: Exchange._nothing,
}
