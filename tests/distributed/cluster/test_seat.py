"""A seat: which requests a rank may name, and what it says that it waits for."""

from __future__ import annotations

import pytest

from mlsys.distributed.cluster import calls
from mlsys.distributed.cluster.calls import Incoming, Outgoing, Probe, Shrink, Step
from mlsys.distributed.cluster.seat import OVERHEAD, Seat
from mlsys.distributed.cluster.untrusted import Malformed


def test_a_step_may_wait_for_what_it_starts_and_for_what_is_known() -> None:
    seat = Seat(0)
    seat.requests[4] = Incoming(4, "world", 1, 0)
    seat.admit(Step((Outgoing(5, "world", 1, 0, "|u1", b""),), (), (4, 5)), room=OVERHEAD * 2)
    seat.admit(calls.Test(4), room=OVERHEAD)
    with pytest.raises(Malformed, match="need 600 bytes, more than 599"):
        seat.admit(Step((Outgoing(5, "world", 1, 0, "|u1", b""),), (), ()), room=OVERHEAD * 2 - 1)
    with pytest.raises(Malformed, match="no such requests"):
        seat.admit(calls.Test(5), room=OVERHEAD)


def test_what_is_done_is_not_waited_for() -> None:
    seat = Seat(0)
    seat.call = Step()
    seat.waits = (Outgoing(0, "world", 2, 7, "|u1", b""), Incoming(0, "world", -1, -1))
    assert seat.waiting(()).peers == (2,)
    assert " and " in seat.waiting(()).what
    seat.waits[0].done = 0.0
    assert seat.waiting(()).peers == ()
    assert "rank 2" not in seat.waiting(()).what


def test_probes_and_shrinks_say_for_whom() -> None:
    seat = Seat(0)
    seat.call = Probe("world", 3, 1, True)
    assert seat.waiting(()).peers == (3,)
    seat.call = Shrink("world", (0, 1, 2))
    assert seat.waiting((2,)).peers == (2,)
