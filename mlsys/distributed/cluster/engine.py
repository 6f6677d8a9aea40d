"""The cluster on a virtual clock: takes the calls of ranks, and says who goes on, when and with what.

The engine runs no rank's code and looks into no message. Whoever hosts the ranks, greenlets here or
a sandbox behind a pipe, repeats two steps:

    rank, reply = engine.turn()         the rank that may go on, the one with the smallest clock
    engine.take(rank, its next call)    until it has returned

Of all ranks that can go on, that with the smallest clock always does, so whatever a rank does is
done after everything that could still influence it, and the same program gives the same run: a
conservative simulation of discrete events (Chandy and Misra, 1979), on one queue. Cost: one event
for each call that takes time, two for a receive that takes messages from anyone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mlsys.distributed.cluster.calls import (
    Call,
    Compute,
    Delivery,
    Failure,
    Incoming,
    Outgoing,
    Probe,
    Raised,
    Reply,
    Returned,
    Revoke,
    Shrink,
    Step,
    Test,
)
from mlsys.distributed.cluster.communicator import ANY_SOURCE, Deadlock
from mlsys.distributed.cluster.deadlock import Waiting, explain
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.mailbox import Mailbox, Message, Transfer
from mlsys.distributed.cluster.network import Network
from mlsys.distributed.cluster.run import Traffic
from mlsys.distributed.cluster.topology import Topology
from mlsys.foundations.measurement.trace import Trace
from mlsys.foundations.simulation.events import Simulator

POLL = 1e-7  # seconds for a question that is answered "not yet", so that whoever polls gets older
MOST_POLLS = 1_000_000


class Rank:
    """What the engine knows of one rank."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.box = Mailbox()
        self.requests: dict[int, Transfer] = {}  # started, and not yet waited for to the end
        self.call: Call | None = None  # that it is blocked in
        self.since = 0.0  # when it called
        self.alive, self.returned = True, False
        self.depth = 0  # messages in the longest chain that led here
        self.held = 0  # bytes of messages in its buffer
        self.told: set[int] = set()  # the dead it has been told of


class Engine:
    """A cluster of ``topology.ranks`` ranks, all of which may go on at time 0.

    eager: a message of at most so many bytes leaves at once, and its Send returns when it has left.
    A longer one waits until its receiver asks for it (rendezvous), as does any that does not fit
    into the ``buffer`` (bytes) that each rank has for what it has not asked for yet.
    detection: seconds from a rank's death until the others know.
    where: says at which line of its program a rank stands.
    """

    def __init__(
        self,
        topology: Topology,
        faults: Faults = NOTHING_WRONG,
        eager: float = math.inf,
        buffer: float = math.inf,
        detection: float = 0.0,
        trace: bool = False,
        where: Callable[[int], str] = lambda rank: "",
    ) -> None:
        self.clock = Simulator()
        self.network = Network(topology)
        self.ranks = [Rank(number) for number in range(topology.ranks)]
        self.traffic = Traffic.none(topology.ranks)
        self.trace = Trace() if trace else None
        self.faults, self._rng = faults, np.random.default_rng(faults.seed)
        self._eager, self._buffer, self._detection = eager, buffer, detection
        self._where = where
        self._noticed: set[int] = set()  # the dead of whom the others know
        self._revoked: set[str] = set()
        self._polls = 0  # questions in a row that were answered "not yet"
        self._turn: tuple[int, Reply | None] | None = None
        for rank in self.ranks:
            self.clock.at(0.0, self._reply, rank, None)
        for number, seconds in faults.crash.items():
            self.clock.at(seconds, self.crash, number)

    # The host's side.

    def turn(self) -> tuple[int, Reply | None] | None:
        """The next rank to go on and the reply that it waits for; None when all have ended.

        A rank that dies gets no reply: the host ends it. Raises `Deadlock`.
        """
        while self._turn is None:
            if not self.clock.step():
                if stuck := self._stuck():
                    raise Deadlock(stuck)
                return None
        turn, self._turn = self._turn, None
        return turn

    def take(self, rank: int, call: Call | Returned | Raised) -> None:
        """The next call of the rank whose turn it is, or how it ended."""
        state = self.ranks[rank]
        state.since = self.clock.now
        _TAKEN[type(call)](self, state, call)

    def crash(self, number: int) -> None:
        """The rank is dead from now on. What it has sent still arrives."""
        rank = self.ranks[number]
        if rank.alive and not rank.returned:
            self._turn = (number, None)
            self._bury(rank)

    def left_over(self) -> list[Message]:
        """What was sent to a rank that lived and was never received."""
        return [message for rank in self.ranks if rank.alive for message in rank.box.left()]

    # Calls.

    def _step(self, rank: Rank, call: Step) -> None:
        if self._revoked and not self._revoked.isdisjoint(_contexts(call)):
            self._reply(rank, _revoked_for(rank))
            return
        for receive in call.receives:
            self._receive(rank, receive)
        for send in call.sends:
            self._send(rank, send)
        self._polls = 0
        if call.waits:
            rank.call = call
            self._retry(rank)
        else:
            self._reply(rank, ())

    def _test(self, rank: Rank, call: Test) -> None:
        transfer = rank.requests[call.request]
        if transfer.done is not None and transfer.done <= self.clock.now:
            self._reply(rank, (True, self._collect(rank, call.request)))
        elif transfer.done is None and (failure := self._hopeless(rank, transfer)):
            self._give_up(rank, (call.request,), failure)
        else:
            self._poll(rank, (False, None))

    def _probe(self, rank: Rank, call: Probe) -> None:
        message = rank.box.first(call.context, call.source, call.tag, self.clock.now)
        if message is not None:
            self._reply(rank, message.delivery()._replace(payload=b""))
        elif call.block:
            rank.call = call
            self._retry(rank)
            self._settle(rank)
        else:
            self._poll(rank, None)

    def _poll(self, rank: Rank, answer: object) -> None:
        """Not yet. A program in which ranks do nothing but ask is told so in the end."""
        self._polls += 1
        if self._polls > MOST_POLLS:
            raise Deadlock(
                f"{MOST_POLLS:,} times in a row ranks asked whether a message was there, and none "
                f"was; the last was rank {rank.number}, at {self._where(rank.number)}: "
                f"compute, or wait, between two questions"
            )
        self.clock.after(POLL, self._reply, rank, answer)

    def _compute(self, rank: Rank, call: Compute) -> None:
        seconds = call.seconds
        if not 0 <= seconds < math.inf:
            raise ValueError(f"compute: expected finite seconds >= 0, got {seconds}")
        self._polls = 0
        if self.faults.of_work:
            seconds = self.faults.work(rank.number, seconds, self._rng)
        self.traffic.compute[rank.number] += seconds
        now = self.clock.now
        if self.trace:
            self.trace.add("compute", f"rank {rank.number}", now, now + seconds)
        self.clock.after(seconds, self._reply, rank, None)

    def _revoke(self, rank: Rank, call: Revoke) -> None:
        self._revoked.add(call.context)
        self._reply(rank, None)
        self._retry_all()

    def _shrink(self, rank: Rank, call: Shrink) -> None:
        rank.call = call
        self._agree(call)

    def _agree(self, call: Shrink) -> None:
        """Answer a Shrink that every living rank has called."""
        living = [self.ranks[number] for number in call.group if self.ranks[number].alive]
        if all(type(rank.call) is Shrink and rank.call.context == call.context for rank in living):
            group = tuple(rank.number for rank in living)
            for rank in living:
                self._resume(rank, self.clock.now, self._reply, group)

    def _returned(self, rank: Rank, call: Returned) -> None:
        rank.returned = True
        self.traffic.rounds = max(self.traffic.rounds, rank.depth)

    def _raised(self, rank: Rank, call: Raised) -> None:
        self._bury(rank)

    # Transfers.

    def _send(self, rank: Rank, send: Outgoing) -> None:
        request, context, dest, tag, kind, payload = send
        now, there = self.clock.now, self.ranks[dest]
        transfer = Transfer(request, context, dest, tag, is_send=True)
        rank.requests[request] = transfer
        message = Message(rank.number, dest, tag, kind, payload, rank.depth + 1)
        self.traffic.sent_bytes[rank.number] += message.nbytes
        self.traffic.sent_messages[rank.number] += 1
        if dest in self._noticed:
            return  # whoever waits for it is told
        if self.faults.of_messages:
            message.fate = self.faults.fate(self._rng)
        if message.nbytes <= self._eager and there.held + message.nbytes <= self._buffer:
            transfer.done = self._carry(message)
        else:
            message.sender = transfer
            message.arrival = now + self.network.latency(rank.number, dest)
        if there.alive and not message.fate.dropped:
            self._arrive(there, context, message)

    def _arrive(self, rank: Rank, context: str, message: Message) -> None:
        """Give a message to the receive that waits for it, or keep it."""
        receive = rank.box.put(context, message)
        if receive is not None:
            self._match(rank, receive, message)
            return
        if message.sender is None:
            message.held = True
            rank.held += message.nbytes
        if rank.box.open or type(rank.call) is Probe:
            self.clock.at(message.arrival, self._settle, rank)

    def _receive(self, rank: Rank, receive: Incoming) -> None:
        transfer = Transfer(*receive)
        rank.requests[receive.request] = transfer
        message = rank.box.receive(transfer)
        if message is not None:
            self._match(rank, transfer, message)
        elif rank.box.open:
            self._settle(rank)

    def _settle(self, rank: Rank) -> None:
        """Something has arrived at a rank that takes messages from anyone."""
        for transfer, message in rank.box.settle(self.clock.now):
            self._match(rank, transfer, message)
        if type(probe := rank.call) is Probe:
            found = rank.box.first(probe.context, probe.source, probe.tag, self.clock.now)
            if found is not None:
                answer = found.delivery()._replace(payload=b"")
                self._resume(rank, self.clock.now, self._reply, answer)
        if rank.box.open or type(rank.call) is Probe:
            self._look_again(rank)

    def _look_again(self, rank: Rank) -> None:
        """Settle when the next of what is on its way to a rank arrives."""
        now = self.clock.now
        coming = [message.arrival for message in rank.box.left() if message.arrival > now]
        if coming:
            self.clock.at(min(coming), self._settle, rank)

    def _match(self, rank: Rank, receive: Transfer, message: Message) -> None:
        """A message and its receive have found each other: when will both be done?"""
        if message.sender is not None:
            message.sender.done = self._carry(message)
            self._retry(self.ranks[message.source])
        elif message.held:
            rank.held -= message.nbytes
        receive.message = message
        receive.done = max(self.clock.now, message.arrival)
        self.traffic.received_bytes[rank.number] += message.nbytes
        self.traffic.received_messages[rank.number] += 1
        self._retry(rank)

    def _carry(self, message: Message) -> float:
        """Put a message on the network; returns when it has left."""
        source, dest, now, fate = message.source, message.dest, self.clock.now, message.fate
        start, left, message.arrival = self.network.transmit(
            source, dest, message.nbytes, now, fate.delay, not fate.overtakes
        )
        if self.trace:
            about = {"nbytes": message.nbytes, "tag": message.tag, "source": source, "dest": dest}
            self.trace.add(f"to {dest}", f"rank {source} sends", start, message.arrival, **about)
        return left

    # Waiting, and going on.

    def _retry(self, rank: Rank) -> None:
        """Let a blocked rank go on as soon as it is known when all that it waits for is done."""
        call, at = rank.call, self.clock.now
        if type(call) is Probe:
            if failure := self._hopeless(rank, Transfer(0, *call[:3])):
                self._resume(rank, at, self._reply, failure)
        if type(call) is not Step:
            return
        ready = True
        for number in call.waits:
            transfer = rank.requests[number]
            if transfer.done is None:
                ready = False
                if failure := self._hopeless(rank, transfer):
                    self._resume(rank, at, self._give_up, call.waits, failure)
                    return
            elif transfer.done > at:
                at = transfer.done
        if ready:
            self._resume(rank, at, self._finish, call.waits)

    def _resume(self, rank: Rank, at: float, how: Callable[..., None], *arguments: Any) -> None:
        """The rank is blocked no more: it goes on at that time."""
        rank.call = None
        self.clock.at(at, how, rank, *arguments)

    def _finish(self, rank: Rank, waits: tuple[int, ...]) -> None:
        now = self.clock.now
        self.traffic.waited[rank.number] += now - rank.since
        if self.trace and now > rank.since:
            self.trace.add("wait", f"rank {rank.number} waits", rank.since, now)
        self._reply(rank, [self._collect(rank, number) for number in waits])

    def _collect(self, rank: Rank, number: int) -> Delivery | None:
        """End a request that is done; what it has received."""
        message = rank.requests.pop(number).message
        if message is None:
            return None
        if message.depth > rank.depth:
            rank.depth = message.depth
        return message.delivery()

    def _give_up(self, rank: Rank, requests: tuple[int, ...], failure: Failure) -> None:
        """End requests of which one can never be done."""
        for number in requests:
            rank.box.forget(rank.requests.pop(number))
        self._reply(rank, failure)

    def _reply(self, rank: Rank, value: Any) -> None:
        if rank.alive:
            self._turn = (rank.number, Reply(self.clock.now, value))

    # The dead.

    def _bury(self, rank: Rank) -> None:
        rank.alive, rank.call = False, None
        self.traffic.rounds = max(self.traffic.rounds, rank.depth)
        self.clock.after(self._detection, self._notice, rank.number)

    def _notice(self, number: int) -> None:
        self._noticed.add(number)
        self._retry_all()

    def _retry_all(self) -> None:
        for rank in self.ranks:
            self._retry(rank)
            if type(rank.call) is Shrink:
                self._agree(rank.call)

    def _hopeless(self, rank: Rank, transfer: Transfer) -> Failure | None:
        """Why a request that is not done never will be."""
        if transfer.context in self._revoked:
            return _revoked_for(rank)
        dead = {transfer.peer} & self._noticed
        if transfer.peer == ANY_SOURCE:
            dead = self._noticed - rank.told  # each death ends one receive from anyone
            rank.told |= dead
        if not dead:
            return None
        names = ", ".join(map(str, sorted(dead)))
        return Failure(
            f"rank {rank.number} waited {transfer.purpose}: rank {names} is dead",
            tuple(sorted(dead)),
        )

    def _stuck(self) -> str:
        """The explanation of a deadlock, or nothing."""
        waiting = [self._waiting(rank) for rank in self.ranks if rank.call is not None]
        ended = {rank.number: "has returned" for rank in self.ranks if rank.returned}
        ended |= {rank.number: "is dead" for rank in self.ranks if not rank.alive}
        return explain(waiting, ended) if waiting else ""

    def _waiting(self, rank: Rank) -> Waiting:
        call, peers, purposes = rank.call, list[int](), list[str]()
        if type(call) is Shrink:
            purposes.append("in Shrink for the rest of the living")
            peers += [n for n in call.group if self.ranks[n].alive and self.ranks[n].call != call]
        waits = [rank.requests[number] for number in call.waits] if type(call) is Step else []
        if type(call) is Probe:
            waits = [Transfer(0, *call[:3])]
        for transfer in waits:
            if transfer.done is None:
                purposes.append(transfer.purpose)
                peers += [transfer.peer] if transfer.peer != ANY_SOURCE else []
        purpose = " and ".join(purposes)
        return Waiting(rank.number, purpose, tuple(peers), self._where(rank.number))


def _contexts(call: Step) -> set[str]:
    return {part.context for part in (*call.sends, *call.receives)}


def _revoked_for(rank: Rank) -> Failure:
    return Failure(f"rank {rank.number}: this communicator was revoked", (), revoked=True)


_TAKEN: dict[type, Callable[[Engine, Rank, Any], None]] = {
    Step: Engine._step,
    Test: Engine._test,
    Probe: Engine._probe,
    Compute: Engine._compute,
    Revoke: Engine._revoke,
    Shrink: Engine._shrink,
    Returned: Engine._returned,
    Raised: Engine._raised,
}
