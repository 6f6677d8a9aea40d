"""The cluster on a virtual clock: it takes the calls of ranks and says who goes on, and when.

The engine runs no rank's code and looks into no message. Whoever hosts the ranks, greenlets here or
a sandbox behind a pipe, repeats two steps:

    rank, reply = engine.turn()         the rank that may go on, the one with the smallest clock
    engine.take(rank, its next call)    until all have returned

Of all ranks that can go on, that with the smallest clock always does, so whatever a rank does is
done after everything that could still influence it, and the same program gives the same run: a
conservative simulation of discrete events (Chandy and Misra, 1979), on one queue. Cost: one event
for each call that takes time, and one more for a message that anyone may have sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from mlsys.distributed.cluster.agenda import Agenda
from mlsys.distributed.cluster.calls import (
    Call,
    Compute,
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
from mlsys.distributed.cluster.communicator import Deadlock
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.network import Network
from mlsys.distributed.cluster.rank import Rank, Transfer, stuck
from mlsys.distributed.cluster.run import Traffic
from mlsys.distributed.cluster.topology import Topology
from mlsys.foundations.measurement.trace import Trace

POLL = 1e-7  # seconds for a question that is answered "not yet", so that whoever polls gets older
MOST_POLLS = 1_000_000


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
        self.now = 0.0  # seconds
        self._agenda = Agenda()
        self._at = self._agenda.at
        self.network = Network(topology)
        self.ranks = [Rank(number) for number in range(topology.ranks)]
        self.ended = 0.0  # when the last rank returned, or died
        self.trace = Trace() if trace else None
        self.faults, self._rng = faults, np.random.default_rng(faults.seed)
        self._unreliable = faults.of_messages
        self._eager, self._buffer, self._detection = eager, buffer, detection
        self._where = where
        for name, given in (("eager", eager), ("buffer", buffer), ("detection", detection)):
            if not given >= 0:
                raise ValueError(f"{name}: expected a number >= 0, got {given}")
        faults.check(topology.ranks)
        self._noticed: set[int] = set()  # the dead of whom the others know
        self._revoked: set[str] = set()
        self._polls = 0  # questions in a row that were answered "not yet"
        self._turn: tuple[int, Reply | None] | None = None
        for rank in self.ranks:
            self._at(0.0, self._reply, rank, None)
        for number, seconds in faults.crash.items():
            self._at(seconds, self.crash, number)

    # The host's side.

    def turn(self) -> tuple[int, Reply | None] | None:
        """The next rank to go on and the reply that it waits for; None when all have ended.

        A rank that dies gets no reply: the host ends it. Raises `Deadlock`.
        """
        while self._turn is None and (event := self._agenda.next()) is not None:
            self.now = self._agenda.now
            happen, arguments = event
            happen(*arguments)
        if self._turn is None and (why := stuck(self.ranks, self._where)):
            raise Deadlock(why)
        turn, self._turn = self._turn, None
        return turn

    def take(self, number: int, call: Call | Returned | Raised) -> None:
        """The next call of the rank whose turn it is, or how it ended."""
        rank = self.ranks[number]
        rank.since = self.now
        if self._revoked and (failure := rank.refused(call, self._revoked)):
            self._reply(rank, failure)
        else:
            _TAKEN[type(call)](self, rank, call)

    def crash(self, number: int) -> None:
        """The rank is dead from now on. What it has sent still arrives."""
        rank = self.ranks[number]
        if rank.alive and not rank.returned:
            self._turn = (number, None)
            self._bury(rank)

    def traffic(self) -> Traffic:
        """What the ranks have sent and done so far."""
        return Traffic.of(self.ranks, self.network.traffic())

    # Calls.

    def _step(self, rank: Rank, call: Step) -> None:
        sends, receives, waits = call
        self._polls = 0
        for receive in receives:
            self._receive(rank, receive)
        for send in sends:
            self._send(rank, send)
        if waits is None:
            rank.waits = (*sends, *receives)
        else:
            rank.requests |= {send.request: send for send in sends}
            rank.requests |= {receive.request: receive for receive in receives}
            rank.waits = [rank.requests.pop(number) for number in waits]
        if rank.waits:
            rank.call = call
            self._retry(rank)
        else:
            self._reply(rank, ())

    def _test(self, rank: Rank, call: Test) -> None:
        request = rank.requests[call.request]
        if request.done is not None and request.done <= self.now:
            self._reply(rank, (True, rank.collect([rank.requests.pop(call.request)])[0]))
        elif request.done is None and (failure := self._hopeless(rank, request)):
            self._give_up(rank, [rank.requests.pop(call.request)], failure)
        else:
            self._poll(rank, (False, None))

    def _probe(self, rank: Rank, call: Probe) -> None:
        message = rank.box.first(call, self.now)
        if message is not None:
            self._reply(rank, message.announcement())
        elif failure := self._hopeless(rank, Incoming(0, *call[:3])):
            self._reply(rank, failure)
        elif call.block:
            rank.call = call
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
        self._at(self.now + POLL, self._reply, rank, answer)

    def _compute(self, rank: Rank, call: Compute) -> None:
        now, seconds = self.now, call.seconds
        if not 0 <= seconds < math.inf:
            raise ValueError(f"compute: expected finite seconds >= 0, got {seconds}")
        if self.faults.of_work:
            seconds = self.faults.work(rank.number, seconds, self._rng)
        self._polls = 0
        rank.compute += seconds
        if self.trace:
            self.trace.add("compute", f"rank {rank.number}", now, now + seconds)
        self._at(now + seconds, self._reply, rank, None)

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
        if all(rank.call == call for rank in living):
            group = tuple(rank.number for rank in living)
            for rank in living:
                rank.told |= set(call.group) - set(group)
                self._resume(rank, self.now, self._reply, group)

    def _returned(self, rank: Rank, call: Returned) -> None:
        rank.returned, self.ended = True, self.now

    # Messages.

    def _send(self, rank: Rank, message: Outgoing) -> None:
        dest = message.dest
        message.source, message.depth = rank.number, rank.depth + 1
        rank.sent_bytes += message.nbytes
        rank.sent_messages += 1
        if dest in self._noticed:
            return  # whoever waits for it is told
        if self._unreliable:
            message.fate = self.faults.fate(self._rng)
        there = self.ranks[dest]
        if message.nbytes <= self._eager and there.held + message.nbytes <= self._buffer:
            self._carry(message)
        else:
            message.waits = True
            message.arrival = self.network.announce(rank.number, dest, self.now)
        if not there.alive or (self._unreliable and message.fate.dropped):
            return
        if self._unreliable:  # until it is there, others may overtake it
            self._hold(there, message)
            self._at(message.arrival, self._deliver, there, message)
        else:
            self._deliver(there, message)

    def _deliver(self, rank: Rank, message: Outgoing) -> None:
        """Give a message to the receive that has asked for exactly this one, or keep it."""
        receive = rank.box.put(message)
        if receive is not None:
            self._match(rank, receive, message)
            return
        self._hold(rank, message)
        if rank.box.open or type(rank.call) is Probe:
            self._look(rank, message.arrival)

    def _hold(self, rank: Rank, message: Outgoing) -> None:
        """Take up room in the receiver's buffer, unless the message waits with its sender."""
        if not (message.waits or message.held):
            message.held = True
            rank.held += message.nbytes

    def _receive(self, rank: Rank, receive: Incoming) -> None:
        message = rank.box.receive(receive)
        if message is not None:
            self._match(rank, receive, message)
        elif rank.box.open:
            self._settle(rank)

    def _settle(self, rank: Rank) -> None:
        """See what has arrived at a rank that takes messages from anyone."""
        rank.looks.discard(self.now)
        for receive, message in rank.box.settle(self.now):
            self._match(rank, receive, message)
        if type(rank.call) is Probe and (found := rank.box.first(rank.call, self.now)):
            self._resume(rank, self.now, self._reply, found.announcement())
        if rank.box.open or type(rank.call) is Probe:
            coming = [m.arrival for m in rank.box.left() if m.arrival > self.now]
            if coming:
                self._look(rank, min(coming))

    def _look(self, rank: Rank, time: float) -> None:
        """Settle at that time, once."""
        if time not in rank.looks:
            rank.looks.add(time)
            self._at(time, self._settle, rank)

    def _match(self, rank: Rank, receive: Incoming, message: Outgoing) -> None:
        """A message and its receive have found each other: when will both be done?"""
        if message.waits:
            self._carry(message)
            self._retry(self.ranks[message.source])
        elif message.held:
            rank.held -= message.nbytes
        receive.message = message
        now, arrival = self.now, message.arrival
        receive.done = arrival if arrival > now else now
        rank.received_bytes += message.nbytes
        rank.received_messages += 1
        if rank.call is not None:
            self._retry(rank)

    def _carry(self, message: Outgoing) -> None:
        """Put a message on the network."""
        source, dest, fate = message.source, message.dest, message.fate
        start, message.done, message.arrival = self.network.transmit(
            source, dest, message.nbytes, self.now, fate.delay, not fate.overtakes
        )
        if self.trace:
            about = {"nbytes": message.nbytes, "tag": message.tag, "source": source, "dest": dest}
            self.trace.add(f"to {dest}", f"rank {source} sends", start, message.arrival, **about)

    # Waiting, and going on.

    def _retry(self, rank: Rank) -> None:
        """Let a blocked rank go on as soon as it is known when all that it waits for is done."""
        call, at = rank.call, self.now
        if type(call) is Step:
            ready, trouble = True, self._noticed or self._revoked
            for request in rank.waits:
                done = request.done
                if done is None:
                    ready = False
                    if trouble and (failure := self._hopeless(rank, request)):
                        self._resume(rank, at, self._give_up, rank.waits, failure)
                        return
                elif done > at:
                    at = done
            if ready:
                rank.call = None
                self._at(at, self._finish, rank)
        elif type(call) is Probe and (failure := self._hopeless(rank, Incoming(0, *call[:3]))):
            self._resume(rank, at, self._reply, failure)

    def _resume(self, rank: Rank, at: float, how: Callable[..., None], *arguments: Any) -> None:
        """The rank is blocked no more: it goes on at that time."""
        rank.call = None
        self._at(at, how, rank, *arguments)

    def _finish(self, rank: Rank) -> None:
        """All that the rank's Step has waited for is done."""
        now = self.now
        rank.waited += now - rank.since
        if self.trace and now > rank.since:
            self.trace.add("wait", f"rank {rank.number} waits", rank.since, now)
        if rank.alive:
            self._turn = (rank.number, (now, rank.collect(rank.waits)))

    def _give_up(self, rank: Rank, requests: Iterable[Transfer], failure: Failure) -> None:
        """End requests of which one can never be done."""
        rank.forget(requests)
        self._reply(rank, failure)

    def _reply(self, rank: Rank, value: Any) -> None:
        if rank.alive:
            self._turn = (rank.number, (self.now, value))

    # The dead.

    def _bury(self, rank: Rank, call: Raised | None = None) -> None:
        rank.alive, rank.call, self.ended = False, None, self.now
        self._at(self.now + self._detection, self._notice, rank.number)

    def _notice(self, number: int) -> None:
        self._noticed.add(number)
        self._retry_all()

    def _retry_all(self) -> None:
        for rank in self.ranks:
            self._retry(rank)
            if type(rank.call) is Shrink:
                self._agree(rank.call)

    def _hopeless(self, rank: Rank, request: Transfer) -> Failure | None:
        """Why a request that is not done never will be."""
        if not (self._noticed or self._revoked):
            return None
        return rank.hopeless(request, self._noticed, self._revoked)


_TAKEN: dict[type, Callable[[Engine, Rank, Any], None]] = {
    Step: Engine._step,
    Test: Engine._test,
    Probe: Engine._probe,
    Compute: Engine._compute,
    Revoke: Engine._revoke,
    Shrink: Engine._shrink,
    Returned: Engine._returned,
    Raised: Engine._bury,
}
