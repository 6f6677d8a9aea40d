"""Views: who holds what, through deaths, joins and leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.messages import (
    Join,
    Leave,
    Pull,
    Push,
    Refused,
    Stop,
    Synced,
    Tick,
    View,
)
from mlsys.distributed.parameter_server.scheduler import Scheduler, first_view, placement, wanted

RANKS = st.integers(1, 6)


def group(**options) -> Group:
    tables = (Table("t", 64, shards=16), Table("u", 8, job="other"))
    return Group(tables, **{"servers": 3, "replicas": 2, "jobs": {"": 2, "other": None}, **options})


def sent(scheduler: Scheduler, kind: type) -> dict[int, object]:
    return {dest: each for dest, each in scheduler.outbox.take() if isinstance(each, kind)}


@given(st.lists(RANKS, min_size=1, unique=True), st.integers(1, 6), st.sets(RANKS), st.sets(RANKS))
def test_holders_stay_in_front_in_their_order(chain, synced, target, dead) -> None:
    synced, target = min(synced, len(chain)), target - dead
    new, count = placement(chain, synced, target, dead)
    holders = [rank for rank in chain[:synced] if rank not in dead]
    assert len(set(new)) == len(new) and not dead & {*new}
    if not holders:
        assert new == () and count == 0
        return
    assert [rank for rank in holders if rank in new] == list(new[:count])
    assert target <= {*new} or not target
    assert not target or count == len(holders) or {*new} == target  # cut only when all are there


def test_every_shard_has_as_many_servers_as_replicas_and_few_move() -> None:
    before, after = wanted(group(), {1, 2, 3}), wanted(group(), {1, 2, 3, 4})
    assert all(len({*chain}) == 2 and {*chain} <= {1, 2, 3} for chain in before.values())
    assert all({*after[shard]} <= {*chain, 4} for shard, chain in before.items())
    assert {len(chain) for chain in wanted(group(), {2}).values()} == {1}
    assert {*wanted(group(), set()).values()} == {()}


def test_the_first_view_is_the_same_for_all_and_synced() -> None:
    view = first_view(group(), 8)
    assert view.epoch == 0 and view.workers == {"": (4, 5), "other": (6, 7)}
    assert all(view.synced[shard] == len(chain) == 2 for shard, chain in view.chains.items())
    assert view.chains == first_view(group(), 8).chains


def test_after_a_death_the_rest_holds_the_shard_until_a_newcomer_is_synced() -> None:
    scheduler = Scheduler(group(), 8)
    old = scheduler.view
    scheduler.died({2})
    views = sent(scheduler, View)
    assert set(views) == {1, 3, 4, 5, 6, 7} and len({*map(id, views.values())}) == 1
    view = views[1]
    for shard, chain in old.chains.items():
        stayed = tuple(rank for rank in chain if rank != 2)
        assert view.chains[shard][: len(stayed)] == stayed and view.synced[shard] == len(stayed)
        assert len(view.chains[shard]) == 2
    assert view.epoch == 1 and not view.lost
    scheduler.handle(1, Synced(0, (0, 0)))  # of an old epoch
    assert scheduler.view.synced == view.synced
    scheduler.died({2})  # known
    assert not scheduler.outbox.take()


def test_a_shard_whose_holders_all_died_is_lost_for_good() -> None:
    scheduler = Scheduler(group(replicas=1), 8)
    held = [shard for shard, chain in scheduler.view.chains.items() if chain == (1,)]
    scheduler.died({1})
    assert scheduler.view.lost == tuple(held) and held
    scheduler.died({4})
    assert scheduler.view.lost == tuple(held)


def test_a_spare_takes_the_place_of_a_dead_server() -> None:
    scheduler = Scheduler(group(spares=2), 10)
    scheduler.died({1, 4})  # 4 is a spare itself
    assert scheduler.servers == {2, 3, 5} and scheduler.spares == set()


def complete(scheduler: Scheduler) -> None:
    """All heads say that their chains are complete."""
    view = scheduler.view
    for shard, chain in view.chains.items():
        if view.synced[shard] < len(chain):
            scheduler.handle(chain[0], Synced(view.epoch, shard))


def test_a_server_joins_and_others_hold_its_shards_until_it_has_them() -> None:
    scheduler = Scheduler(group(spares=1), 9)
    old = scheduler.view.chains
    scheduler.handle(4, Join(4))
    during = scheduler.view
    assert all(during.chains[shard][:2] == chain for shard, chain in old.items())
    complete(scheduler)
    assert scheduler.view.epoch == during.epoch + 1
    target = wanted(group(spares=1), {1, 2, 3, 4})
    assert {s: {*c} for s, c in scheduler.view.chains.items()} == {
        s: {*c} for s, c in target.items()
    }
    assert any(4 in chain for chain in target.values())
    scheduler.outbox.take()
    scheduler.handle(4, Join(4))  # once more
    assert not scheduler.outbox.take()


def test_a_server_may_go_when_others_hold_what_it_held() -> None:
    scheduler = Scheduler(group(), 8)
    scheduler.handle(2, Leave(2))
    assert not sent(scheduler, Stop)
    complete(scheduler)
    messages = scheduler.outbox.take()
    assert [dest for dest, each in messages if each == Stop()] == [2]
    assert all(2 not in chain for chain in scheduler.view.chains.values())
    assert all(dest != 2 for dest, each in messages if isinstance(each, View))


def test_servers_that_want_to_go_stay_while_there_are_fewer_others_than_replicas() -> None:
    scheduler = Scheduler(group(), 8)
    for rank in (1, 2):
        scheduler.handle(rank, Leave(rank))
        complete(scheduler)
    assert 1 in scheduler.gone and 2 not in scheduler.gone
    assert all({*chain} == {2, 3} for chain in scheduler.view.chains.values())
    scheduler.died({3})
    assert not scheduler.view.lost and {*scheduler.view.chains.values()} == {(2,)}


def test_when_the_last_worker_has_left_everyone_is_stopped() -> None:
    scheduler = Scheduler(group(spares=1), 8)  # workers 5 and 6, and 7 of the other job
    scheduler.handle(5, Leave(5))
    messages = scheduler.outbox.take()
    assert messages[0] == (5, Stop()) and [dest for dest, _ in messages[1:]] == [1, 2, 3]
    scheduler.handle(7, Leave(7))
    assert scheduler.view.workers == {"": (6,), "other": ()} and not scheduler.stopped
    scheduler.outbox.take()
    scheduler.died({6})
    assert scheduler.stopped
    assert [*sent(scheduler, Stop)] == [6, 1, 2, 3, 4]


def test_workers_leave_without_a_new_epoch_and_without_a_word_to_the_others() -> None:
    """So that n of them cost n messages for each server, and nobody sends anything again."""
    many = Group((Table("t", 8),), servers=3, replicas=2)
    scheduler = Scheduler(many, 104)
    for rank in range(4, 103):
        scheduler.handle(rank, Leave(rank))
        messages = scheduler.outbox.take()
        assert [dest for dest, _ in messages] == [rank, 1, 2, 3]
        assert all(each.epoch == 0 and rank not in each.workers[""] for _, each in messages[1:])
    assert scheduler.view.workers == {"": (103,)}


def test_who_missed_that_a_worker_left_hears_it_at_the_next_tick() -> None:
    scheduler = Scheduler(group(tick=0.1), 7)
    scheduler.tick(0.1)
    assert not sent(scheduler, View)
    scheduler.died({4})
    scheduler.outbox.take()
    scheduler.tick(0.2)
    assert sent(scheduler, View)[2].workers[""] == (5,)


def test_where_messages_get_lost_the_end_is_said_several_times() -> None:
    scheduler = Scheduler(group(tick=0.1), 7)
    for rank in (4, 5, 6):
        scheduler.handle(rank, Leave(rank))
    scheduler.outbox.take()
    ticks = 0
    while not scheduler.stopped:
        scheduler.tick(0.1 * ticks)
        assert set(sent(scheduler, Stop)) == {1, 2, 3, 4, 5, 6}
        ticks += 1
    assert ticks == 8


def test_a_rank_that_was_taken_for_dead_is_told_when_it_speaks() -> None:
    scheduler = Scheduler(group(), 8)
    scheduler.died({2})
    scheduler.outbox.take()
    scheduler.handle(2, Synced(0, (0, 0)))
    ((dest, stop),) = scheduler.outbox.take()
    assert dest == 2 and "taken for dead" in stop.reason


def test_a_late_worker_is_in_the_next_view() -> None:
    options = group()
    view = first_view(options, 8)
    scheduler = Scheduler(
        options, 8, View(0, view.chains, view.synced, {"": (4,), "other": (6, 7)})
    )
    scheduler.handle(5, Join(5))
    assert scheduler.view.workers == {"": (4, 5), "other": (6, 7)} and scheduler.view.epoch == 1


def test_a_tick_brings_the_view_that_may_be_missing() -> None:
    scheduler = Scheduler(group(tick=1.0), 8)
    scheduler.tick(1.0)
    assert scheduler.outbox.take() == [(rank, Tick(1.0)) for rank in range(1, 8)]
    scheduler.died({7})
    scheduler.outbox.take()
    scheduler.tick(2.0)
    messages = scheduler.outbox.take()
    assert messages[:2] == [(1, scheduler.view), (1, Tick(2.0))] and len(messages) == 12


@pytest.mark.parametrize(
    "message",
    [
        Push(0, (0, 0), 4, 9, 0, 0, 4, 0, None, np.zeros((4, 1))),
        Pull(0, (0, 0), 4, 9, 0, 0, 4, 0, None),
    ],
)
def test_the_scheduler_holds_no_rows(message: Push | Pull) -> None:
    scheduler = Scheduler(group(), 8)
    scheduler.handle(4, message)
    ((dest, refused),) = scheduler.outbox.take()
    assert dest == 4 and isinstance(refused, Refused) and "scheduler" in refused.reason
    assert 9 in (refused.sequence, refused.request)
    scheduler.handle(4, Stop())  # nothing for a scheduler
    assert not scheduler.outbox.take()
