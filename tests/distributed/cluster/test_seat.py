"""A seat: which requests a rank may name, and how much room its messages take."""

from __future__ import annotations

import pytest

from mlsys.distributed.cluster import calls
from mlsys.distributed.cluster.calls import Incoming, Outgoing, Step
from mlsys.distributed.cluster.seat import OVERHEAD, Seat
from mlsys.distributed.cluster.untrusted import Malformed


def test_a_step_may_wait_for_what_it_starts_and_for_what_is_known() -> None:
    seat = Seat(0)
    seat.requests[4] = Incoming(4, "world", 1, 0)
    seat.admit(Step((Outgoing(5, "world", 1, 0, "|u1", b""),), (), (4, 5)), room=OVERHEAD * 2)
    seat.admit(calls.Test(4), room=OVERHEAD)
    with pytest.raises(Malformed, match="need 3,000 bytes, more than 2,999"):
        seat.admit(Step((Outgoing(5, "world", 1, 0, "|u1", b""),), (), ()), room=OVERHEAD * 2 - 1)
    with pytest.raises(Malformed, match="no such requests"):
        seat.admit(calls.Test(5), room=OVERHEAD)
