"""One rank as the router sees it: a rank that has an open call, and a bounded room in memory.

A rank's requests are numbers that it chose itself, so they are checked here: each is new when it is
started and known when it is waited for. What its messages take in the router's memory is bounded
by the ``room`` that it has.
"""

from __future__ import annotations

from typing import Any

from mlsys.distributed.cluster.calls import Call, Incoming, Outgoing, Step, Test
from mlsys.distributed.cluster.rank import Rank
from mlsys.distributed.cluster.untrusted import Malformed

OVERHEAD = 1500  # bytes that a message takes beside its payload, about
PENDING: Any = object()  # instead of the value of a call: there is none yet


class Seat(Rank):
    """A rank that calls whenever it likes, and gets its value when there is one."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.line = ""  # of its program, where it called last
        self.value: Any = PENDING  # of the call that it has made
        self.under_way = 0  # bytes that it has sent and nobody has received

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


def transfers(step: Step) -> tuple[Outgoing | Incoming, ...]:
    """What a step starts, sends first."""
    return *step.sends, *step.receives
