"""What a head takes in: order, sums, late and wrong pushes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.chain import Link
from mlsys.distributed.parameter_server.consistency import ASP, BSP, Backup, Consistency
from mlsys.distributed.parameter_server.group import Table
from mlsys.distributed.parameter_server.intake import Arrival, Intake
from mlsys.distributed.parameter_server.messages import Outbox, Push, Pushed, Refused, View
from mlsys.distributed.parameter_server.replica import Replica

SHARD, WORKERS = (0, 0), (7, 8, 9)


def head(rule: Consistency, workers=WORKERS, known=WORKERS) -> Intake:
    """The intake of a chain of one server."""
    replica = Replica(Table("t", 4, dtype="<f8", consistency=rule), 0, WORKERS)
    replica.applied = dict.fromkeys(known, 0)
    link = Link(1, SHARD, replica, Outbox())
    link.start(View(0, {SHARD: (1,)}, {SHARD: 1}, {"": workers}))
    return Intake(link, workers)


def arrival(sender, sequence, clock, value=1.0, keys=None, begin=0, end=4, reason="") -> Arrival:
    named = None if keys is None else np.array(keys, np.int64)
    values = np.full((end - begin if keys is None else len(keys), 1), value)
    push = Push(0, SHARD, sender, sequence, clock, begin, end, 0, named, values)
    return Arrival(push, named, slice(begin, end) if named is None else named, reason)


def told(intake: Intake) -> list:
    """Who was told that which push is safe."""
    messages = intake.link.outbox.take()
    return [(dest, each.sequence) for dest, each in messages if isinstance(each, Pushed)]


def rows(intake: Intake) -> list[float]:
    return intake.replica.store.read(slice(0, 4))[:, 0].tolist()


@given(st.permutations([(s, q) for s in WORKERS for q in (1, 2, 3)]), st.randoms())
def test_pushes_in_any_order_and_twice_count_once(order, rng) -> None:
    intake = head(ASP)
    for sender, sequence in [*order, *rng.sample(order, 5)]:
        intake.take(arrival(sender, sequence, sequence - 1, 10.0**sequence))
    assert rows(intake) == [3330.0] * 4 and intake.replica.index == 9
    assert {*told(intake)} == set(order) and intake.replica.applied == dict.fromkeys(WORKERS, 3)


@given(st.permutations(WORKERS), st.integers(0, 2**32 - 1))
def test_bulk_synchronous_sums_do_not_depend_on_who_is_first(order, seed: int) -> None:
    values = dict(zip(WORKERS, np.random.default_rng(seed).standard_normal(3), strict=True))
    intake = head(BSP)
    for place, sender in enumerate(order):
        assert not told(intake) and rows(intake) == [0.0] * 4
        assert intake.take(arrival(sender, 1, 0, values[sender])) == (place == 2)
    assert rows(intake) == [values[7] + values[8] + values[9]] * 4  # in this order, to the bit
    assert intake.replica.index == 1 and set(told(intake)) == {(7, 1), (8, 1), (9, 1)}
    assert intake.replica.clocks.clocks(0, 4) == [0, 0, 0]


def test_ranges_and_keys_are_summed_together() -> None:
    intake = head(BSP)
    intake.take(arrival(7, 1, 0, 1.0))
    intake.take(arrival(8, 1, 0, 2.0, keys=[1]))
    intake.take(arrival(9, 1, 0, keys=[]))
    assert rows(intake) == [1, 3, 1, 1]


def test_a_late_push_of_a_backup_worker_is_acknowledged_and_left_out() -> None:
    intake = head(Backup(1))
    intake.take(arrival(9, 1, 0, 1.0))
    intake.take(arrival(8, 1, 0, 2.0))
    assert rows(intake) == [3.0] * 4 and intake.replica.clocks.clocks(0, 4) == [-1, 0, 0]
    told(intake)
    assert intake.take(arrival(7, 1, 0, 50.0))
    assert told(intake) == [(7, 1)] and rows(intake) == [3.0] * 4
    assert intake.replica.clocks.clocks(0, 4) == [0, 0, 0]


def test_a_push_without_a_clock_is_applied_at_once_and_moves_none() -> None:
    intake = head(BSP)
    assert intake.take(arrival(7, 1, -1, 4.0))
    assert rows(intake) == [4.0] * 4 and intake.replica.clocks.least(0, 4) == -1


def test_pushes_that_overtake_within_a_worker_are_not_lost_by_a_new_head() -> None:
    """One that waits for its sum, then one that does not: the later is safe, the earlier not."""
    intake = head(BSP)
    intake.take(arrival(7, 1, 0, 1.0))
    intake.take(arrival(7, 2, -1, 10.0))
    assert told(intake) == [(7, 2)] and intake.replica.has(7, 2) and not intake.replica.has(7, 1)
    heir = Intake(intake.link, WORKERS)  # has what was forwarded, and no more
    heir.take(arrival(7, 3, -1, 100.0))
    assert not told(heir)  # the first is missing
    heir.take(arrival(7, 1, 0, 1.0))
    assert told(heir) == [(7, 3)] and rows(heir) == [110.0] * 4
    heir.take(arrival(7, 2, -1, 10.0))
    for sender in (8, 9):
        heir.take(arrival(sender, 1, 0, 0.0))
    assert (7, 1) in told(heir) and rows(heir) == [111.0] * 4
    assert heir.replica.applied[7] == 3 and not heir.replica.ahead[7]


def test_a_worker_that_died_half_way_is_not_waited_for() -> None:
    intake = head(BSP)
    intake.take(arrival(7, 1, 0, 1.0))
    heir = Intake(intake.link, (8, 9))  # a new epoch without worker 7
    for sender in (8, 9):
        heir.take(arrival(sender, 1, 0, 1.0))
    assert rows(heir) == [2.0] * 4 and heir.replica.clocks.least(0, 4, (8, 9)) == 0


def test_a_worker_that_is_out_has_no_answer_even_if_it_lives() -> None:
    """Its clock is summed without it: a push that comes later would be done in name only."""
    intake = head(BSP)
    for sender, sequence in [(7, 3), (8, 1), (9, 1)]:
        intake.take(arrival(sender, sequence, sequence - 1, 1.0))
    intake.part_with((8, 9))
    assert rows(intake) == [2.0] * 4 and told(intake) == [(8, 1), (9, 1)]
    for late in (arrival(7, 1, 0, 1.0), arrival(7, 2, 1, reason="no such key")):
        assert not intake.take(late)
    assert not intake.link.outbox.take() and not intake.replica.has(7, 1)


def test_a_push_that_came_before_its_worker_went_is_in_the_sum() -> None:
    intake = head(BSP)
    for sender in (7, 8):
        intake.take(arrival(sender, 1, 0, 1.0))
    intake.part_with((7, 8))
    assert rows(intake) == [2.0] * 4 and told(intake) == [(7, 1), (8, 1)]


def test_a_worker_that_joins_begins_at_the_clock_of_the_slowest() -> None:
    intake = head(ASP, workers=(7, 8), known=(7, 8))
    for sender, clock in [(7, 0), (7, 1), (8, 0)]:
        intake.take(arrival(sender, clock + 1, clock))
    heir = Intake(intake.link, WORKERS)
    assert heir.replica.clocks.clocks(0, 4) == [1, 0, 0] and heir.replica.applied[9] == 0
    index = heir.replica.index
    assert Intake(intake.link, WORKERS).replica.index == index  # and only once


def test_a_refused_push_uses_its_number_up_and_is_refused_again() -> None:
    intake = head(ASP)
    for _ in range(2):
        intake.take(arrival(7, 1, 0, reason="no such key"))
        ((dest, refused),) = intake.link.outbox.take()
        assert dest == 7 and isinstance(refused, Refused)
        assert refused.sequence == 1 and refused.reason == "no such key"
    intake.take(arrival(7, 2, 0))
    assert told(intake) == [(7, 2)] and rows(intake) == [1.0] * 4


def test_pushing_a_clock_again_or_other_ranges_than_the_others_is_refused() -> None:
    intake = head(BSP)
    for sender in WORKERS:
        intake.take(arrival(sender, 1, 0))
    told(intake)
    intake.take(arrival(7, 2, 0))
    assert "push once for each clock" in intake.link.outbox.take()[0][1].reason
    intake.take(arrival(7, 3, 1))
    intake.take(arrival(8, 2, 1, begin=1, end=3))
    assert "the same ranges" in intake.link.outbox.take()[0][1].reason
