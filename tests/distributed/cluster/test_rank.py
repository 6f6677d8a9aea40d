"""What a cluster knows of a rank: what it still waits for, and for whom."""

from __future__ import annotations

from mlsys.distributed.cluster.calls import Incoming, Outgoing, Probe, Shrink, Step
from mlsys.distributed.cluster.rank import Rank


def test_what_is_done_is_not_waited_for() -> None:
    rank = Rank(0)
    rank.call = Step()
    rank.waits = (Outgoing(0, "world", 2, 7, "|u1", b""), Incoming(0, "world", -1, -1))
    assert tuple(rank.waiting("", ()).peers) == (2,)
    assert " and " in rank.waiting("", ()).what
    rank.waits[0].done = 0.0
    assert tuple(rank.waiting("", ()).peers) == ()
    assert "rank 2" not in rank.waiting("", ()).what


def test_probes_and_shrinks_say_for_whom() -> None:
    rank = Rank(0)
    rank.call = Probe("world", 3, 1, True)
    assert tuple(rank.waiting("", ()).peers) == (3,)
    rank.call = Shrink("world", (0, 1, 2))
    assert tuple(rank.waiting("", (2,)).peers) == (2,)
