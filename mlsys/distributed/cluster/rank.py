"""What a cluster knows of one of its ranks: what it has started, waits for, and has done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set

from mlsys.distributed.cluster.calls import Call, Failure, Incoming, Outgoing, Probe, Shrink, Step
from mlsys.distributed.cluster.communicator import ANY_SOURCE
from mlsys.distributed.cluster.deadlock import Waiting, explain
from mlsys.distributed.cluster.mailbox import Mailbox

Transfer = Incoming | Outgoing


class Rank:
    """The notes of a cluster, engine or exchange, on one rank."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.box = Mailbox()
        self.requests: dict[int, Transfer] = {}  # not yet waited for to the end
        self.call: Call | None = None  # that it is blocked in
        self.waits: Sequence[Transfer] = ()  # for these, if it is a Step
        self.since = 0.0  # when it called
        self.alive, self.returned = True, False
        self.told: set[int] = set()  # the dead it has been told of
        self.looks: set[float] = set()  # when it is seen what has arrived
        self.depth = 0  # messages in the longest chain that led here
        self.held = 0  # bytes of messages in its buffer
        self.sent_bytes = self.sent_messages = self.received_bytes = self.received_messages = 0
        self.compute = self.waited = 0.0  # seconds

    def undone(self) -> list[Transfer]:
        """What its call still waits for."""
        if type(self.call) is Probe:
            return [Incoming(0, *self.call[:3])]
        waits = self.waits if type(self.call) is Step else ()
        return [request for request in waits if request.done is None]

    def waiting(self, line: str, ranks: Sequence[Rank]) -> Waiting:
        """For whom of all ``ranks`` it waits, and where."""
        if type(self.call) is Shrink:
            group = [ranks[number] for number in self.call.group]
            late = [rank.number for rank in group if rank.alive and rank.call != self.call]
            return Waiting(self.number, "for the rest of the living to Shrink", late, line)
        undone = self.undone()
        peers = [request.peer for request in undone if request.peer != ANY_SOURCE]
        return Waiting(self.number, " and ".join(each.purpose for each in undone), peers, line)

    def refused(self, call: object, revoked: Set[str]) -> Failure | None:
        """Why a call may not begin: its communicator was revoked."""
        starts = call.starts if type(call) is Step else (call,) if type(call) is Probe else ()
        return None if revoked.isdisjoint(each.context for each in starts) else self._revoked()

    def hopeless(self, request: Transfer, dead: Set[int], revoked: Set[str]) -> Failure | None:
        """Why a request that is not done never will be: what its rank is told, and notes."""
        if request.context in revoked:
            return self._revoked()
        missed = {request.peer} & dead
        if request.peer == ANY_SOURCE:
            missed = set(dead - self.told)  # each death ends one receive from anyone
        if not missed:
            return None
        self.told |= missed
        numbers = tuple(sorted(missed))
        names = ", ".join(map(str, numbers))
        text = f"rank {self.number} waited {request.purpose}: rank {names} is dead"
        return Failure(text, numbers)

    def collect(self, done: Iterable[Transfer]) -> tuple[Outgoing | None, ...]:
        """The message of each request that is done; None for a send."""
        messages = []
        for request in done:
            message = request.message
            if message is not None and message.depth > self.depth:
                self.depth = message.depth
            messages.append(message)
        return tuple(messages)

    def forget(self, requests: Iterable[Transfer]) -> None:
        """Give requests up of which one can never be done."""
        for request in requests:
            if type(request) is Incoming:
                self.box.forget(request)

    def _revoked(self) -> Failure:
        return Failure(f"rank {self.number}: this communicator was revoked", (), revoked=True)


def stuck(ranks: Sequence[Rank], where: Callable[[int], str]) -> str:
    """The explanation of a deadlock when nothing more will happen; nothing if nobody waits."""
    blocked = [rank for rank in ranks if rank.call is not None]
    ended = {rank.number: "has returned" for rank in ranks if rank.returned}
    ended |= {rank.number: "is dead" for rank in ranks if not rank.alive}
    waiting = [rank.waiting(where(rank.number), ranks) for rank in blocked]
    return explain(waiting, ended) if waiting else ""
