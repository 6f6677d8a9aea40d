"""One rank as the router sees it: what it has sent, wants, waits for, and how much of each.

A rank's requests are numbers that it chose itself, so they are checked here: each is new when it is
started and known when it is waited for. What its messages take in the router's memory is bounded
by the ``room`` that it has.
"""

from __future__ import annotations

from typing import Any

from mlsys.distributed.cluster.calls import Call, Incoming, Outgoing, Probe, Shrink, Step, Test
from mlsys.distributed.cluster.communicator import ANY_SOURCE
from mlsys.distributed.cluster.deadlock import Waiting
from mlsys.distributed.cluster.mailbox import Mailbox
from mlsys.distributed.cluster.untrusted import Malformed

OVERHEAD = 300  # bytes that a message takes beside its payload, about
PENDING: Any = object()  # instead of the value of a call: there is none yet


class Seat:
    """What the exchange knows of one rank."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.box = Mailbox()
        self.requests: dict[int, Outgoing | Incoming] = {}  # started and not yet waited for
        self.call: Call | None = None  # that it is blocked in
        self.waits: tuple[Outgoing | Incoming, ...] = ()  # what that waits for, if a Step
        self.line = ""  # of its program, where it called last
        self.since = 0.0  # when that was
        self.value: Any = PENDING  # of the call that it has made
        self.alive, self.returned = True, False
        self.depth = 0  # messages in the longest chain that led here
        self.held = 0  # bytes of messages in its buffer
        self.under_way = 0  # bytes that it has sent and nobody has received
        self.told: set[int] = set()  # the dead it has been told of
        self.sent_bytes = self.sent_messages = self.received_bytes = self.received_messages = 0
        self.compute = self.waited = 0.0  # seconds

    def admit(self, call: Call, room: float) -> None:
        """Refuse numbers of requests that make no sense, and more than there is room for."""
        new, waits, sending = set[int](), set[int](), 0
        if isinstance(call, Test):
            waits = {call.request}
        elif isinstance(call, Step):
            sending = sum(send.nbytes + OVERHEAD for send in call.sends)
            if call.waits is not None:
                new = {transfer.request for transfer in transfers(call)}
                waits = set(call.waits)
        if new & self.requests.keys() or not self.requests.keys() | new >= waits:
            raise Malformed(f"rank {self.number}: no such requests, or used before: {waits or new}")
        needed = self.under_way + sending + OVERHEAD * len(self.requests)
        if needed > room:
            raise Malformed(
                f"rank {self.number}: what it has sent, and nobody has received, and its "
                f"{len(self.requests):,} open requests need {needed:,} bytes, more than {room:,}"
            )

    def undone(self) -> list[Outgoing | Incoming]:
        """What its call still waits for."""
        if isinstance(self.call, Probe):
            return [Incoming(0, *self.call[:3])]
        return [transfer for transfer in self.waits if transfer.done is None]

    def waiting(self, late: tuple[int, ...]) -> Waiting:
        """For whom it waits; ``late``: who has not come to the Shrink that it is in."""
        if isinstance(self.call, Shrink):
            return Waiting(self.number, "in Shrink for the rest of the living", late, self.line)
        undone = self.undone()
        peers = tuple(transfer.peer for transfer in undone if transfer.peer != ANY_SOURCE)
        purpose = " and ".join(transfer.purpose for transfer in undone)
        return Waiting(self.number, purpose, peers, self.line)


def transfers(step: Step) -> tuple[Outgoing | Incoming, ...]:
    """What a step starts, sends first."""
    return *step.sends, *step.receives
