"""What a cluster knows of one of its ranks: what it has started, waits for, and has done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from mlsys.distributed.cluster.calls import Call, Failure, Incoming, Outgoing, Probe, Shrink, Step
from mlsys.distributed.cluster.communicator import ANY_SOURCE
from mlsys.distributed.cluster.deadlock import Waiting, explain
from mlsys.distributed.cluster.mailbox import Mailbox

Transfer = Incoming | Outgoing


class Rank:
    """The engine's notes on one rank."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.box = Mailbox()
        self.requests: dict[int, Transfer] = {}  # not yet waited for to the end
        self.call: Call | None = None  # that it is blocked in
        self.waits: Sequence[Transfer] = ()  # for these, if it is a Step
        self.since = 0.0  # when it called
        self.alive, self.returned = True, False
        self.told: set[int] = set()  # the dead it has been told of
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

    def waiting(self, line: str, late: Sequence[int]) -> Waiting:
        """For whom it waits, and where; ``late``: who is missing in the Shrink that it is in."""
        if type(self.call) is Shrink:
            return Waiting(self.number, "for the rest of the living to Shrink", late, line)
        undone = self.undone()
        peers = [request.peer for request in undone if request.peer != ANY_SOURCE]
        return Waiting(self.number, " and ".join(each.purpose for each in undone), peers, line)

    def revoked(self) -> Failure:
        """What a call on a revoked communicator is told."""
        return Failure(f"rank {self.number}: this communicator was revoked", (), revoked=True)

    def left_by(self, dead: Collection[int], request: Transfer) -> Failure:
        """What a rank is told that waited for the dead."""
        names = ", ".join(map(str, sorted(dead)))
        text = f"rank {self.number} waited {request.purpose}: rank {names} is dead"
        return Failure(text, tuple(sorted(dead)))


def stuck(ranks: Sequence[Rank], where: Callable[[int], str]) -> str:
    """The explanation of a deadlock when nothing more will happen; nothing if nobody waits."""
    waiting = [
        rank.waiting(where(rank.number), _late(rank, ranks))
        for rank in ranks
        if rank.call is not None
    ]
    ended = {rank.number: "has returned" for rank in ranks if rank.returned}
    ended |= {rank.number: "is dead" for rank in ranks if not rank.alive}
    return explain(waiting, ended) if waiting else ""


def _late(rank: Rank, ranks: Sequence[Rank]) -> list[int]:
    """Who has not come to the Shrink that a rank waits in."""
    group = rank.call.group if type(rank.call) is Shrink else ()
    others = [ranks[number] for number in group]
    return [other.number for other in others if other.alive and other.call != rank.call]
