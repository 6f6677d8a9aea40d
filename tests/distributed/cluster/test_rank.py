"""What a cluster knows of a rank: what it still waits for, and for whom."""

from __future__ import annotations

from mlsys.distributed.cluster.calls import Incoming, Outgoing, Probe, Shrink, Step
from mlsys.distributed.cluster.rank import Rank


def test_what_is_done_is_not_waited_for() -> None:
    rank = Rank(0)
    rank.call = Step()
    rank.waits = (Outgoing(0, "world", 2, 7, "|u1", b""), Incoming(0, "world", -1, -1))
    assert tuple(rank.waiting("", [rank]).peers) == (2,)
    assert " and " in rank.waiting("", [rank]).what
    rank.waits[0].done = 0.0
    assert tuple(rank.waiting("", [rank]).peers) == ()
    assert "rank 2" not in rank.waiting("", [rank]).what


def test_probes_and_shrinks_say_for_whom() -> None:
    ranks = [Rank(number) for number in range(4)]
    ranks[0].call = Probe("world", 3, 1, True)
    assert tuple(ranks[0].waiting("", ranks).peers) == (3,)
    ranks[0].call = ranks[1].call = Shrink("world", (0, 1, 2, 3))
    ranks[3].alive = False
    assert tuple(ranks[0].waiting("", ranks).peers) == (2,)


def test_each_death_ends_one_receive_from_anyone() -> None:
    rank, wanted = Rank(0), Incoming(0, "world", -1, -1)
    told = rank.hopeless(wanted, {2, 1}, set())
    assert told is not None and told.ranks == (1, 2)
    assert rank.hopeless(wanted, {2, 1}, set()) is None


def test_nothing_begins_on_a_revoked_communicator_and_waiting_in_it_ends() -> None:
    rank, wanted = Rank(0), Incoming(0, "world", 1, 0)
    for failure in (
        rank.refused(Step((), (wanted,)), {"world"}),
        rank.refused(Probe("world", 1, 0, False), {"world"}),
        rank.hopeless(wanted, set(), {"world"}),
    ):
        assert failure is not None and failure.revoked
    assert rank.refused(Shrink("world", (0,)), {"world"}) is None
    assert rank.refused(Step((), (wanted,)), {"other"}) is None
