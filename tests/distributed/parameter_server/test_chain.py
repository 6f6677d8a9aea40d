"""One shard's chain: entries, snapshots, acknowledgements, each step by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.chain import Link
from mlsys.distributed.parameter_server.group import Table
from mlsys.distributed.parameter_server.messages import (
    Forward,
    Forwarded,
    Outbox,
    Pushed,
    Snapshot,
    Synced,
    View,
)
from mlsys.distributed.parameter_server.replica import Replica

SHARD = (0, 0)


def view(epoch: int, *chain: int, synced: int) -> View:
    return View(epoch, {SHARD: chain}, {SHARD: synced}, {"": (8, 9)})


def link(rank: int, first: View | None = None) -> Link:
    made = Link(rank, SHARD, Replica(Table("t", 4), 0, [8, 9]), Outbox())
    if first is not None:
        made.start(first)
    return made


def log(head: Link, sequence: int, value: float = 1.0, keys: tuple[int, ...] | None = None) -> None:
    named = None if keys is None else np.array(keys, np.int64)
    rows = slice(0, 4) if named is None else named
    count = 4 if keys is None else len(keys)
    values = np.full((count, 1), value, np.float32)
    head.log([(8, sequence, sequence - 1, 0, 4)], named, rows, values)


def rows(one: Link) -> list[float]:
    return one.replica.store.read(slice(0, 4))[:, 0].tolist()


def only(one: Link):
    ((dest, message),) = one.outbox.take()
    return dest, message


def test_a_push_is_acknowledged_when_the_last_of_the_chain_has_it() -> None:
    first = view(0, 1, 2, 3, synced=3)
    head, middle, last = (link(rank, first) for rank in (1, 2, 3))
    log(head, 1, 5.0, keys=(1, 3))
    dest, entry = only(head)
    assert dest == 2 and entry.index == 1 and entry.done.tolist() == [[8, 1, 0, 0, 4]]
    assert middle.forward(entry) and only(middle) == (3, entry)
    assert last.forward(entry) and only(last) == (1, Forwarded(0, SHARD, 1))
    head.confirm(1)
    assert only(head) == (8, Pushed(0, SHARD, 1)) and not head.pending
    assert rows(head) == rows(middle) == rows(last) == [0, 5, 0, 5]
    assert last.replica.clocks.clocks(0, 4) == [0, -1]


def test_a_head_alone_acknowledges_at_once() -> None:
    head = link(1, view(0, 1, synced=1))
    log(head, 1)
    assert only(head) == (8, Pushed(0, SHARD, 1))


@given(st.lists(st.integers(0, 5), max_size=30))
def test_entries_may_come_in_any_order_and_again(order: list[int]) -> None:
    first = view(0, 1, 2, 3, synced=3)
    head, middle = link(1, first), link(2, first)
    for sequence in range(1, 7):
        log(head, sequence, 2.0**sequence)
    entries = [message for _, message in head.outbox.take()]
    for place in [*order, *range(6)]:
        middle.forward(entries[place])
    passed = [message.index for _, message in middle.outbox.take()]
    fresh = [index for place, index in enumerate(passed) if index not in passed[:place]]
    assert fresh == [1, 2, 3, 4, 5, 6] and rows(middle) == rows(head) and not middle.held


def test_a_duplicate_is_acknowledged_when_all_have_what_it_asks_for() -> None:
    head = link(1, view(0, 1, 2, synced=2))
    log(head, 1)
    head.outbox.take()
    head.owe(8, 1)
    assert not head.outbox.take()
    head.confirm(1)
    assert {*head.outbox.take()} == {(8, Pushed(0, SHARD, 1))}
    head.owe(8, 1)
    assert only(head) == (8, Pushed(0, SHARD, 1))


def test_a_newcomer_gets_a_snapshot_down_the_chain_and_the_scheduler_hears() -> None:
    first = view(0, 1, 2, synced=2)
    head, middle, new = link(1, first), link(2, first), link(3)
    log(head, 1)
    middle.forward(only(head)[1])
    middle.outbox.take()
    head.confirm(1)
    head.outbox.take()
    after = view(1, 1, 2, 3, synced=2)
    for each in (head, middle, new):
        each.adopt(after)
    dest, snapshot = only(head)
    assert dest == 2 and isinstance(snapshot, Snapshot) and snapshot.index == 1
    log(head, 2, 7.0)  # while the snapshot is on its way
    entry = only(head)[1]
    assert not middle.snapshot(snapshot)  # it has all that, and passes it on
    assert only(middle) == (3, snapshot)
    assert middle.forward(entry) and only(middle) == (3, entry)
    assert not new.settled and not new.forward(entry)  # overtook the snapshot
    assert new.snapshot(snapshot) and new.settled
    words = [message for _, message in new.outbox.take()]
    assert words == [Forwarded(1, SHARD, 1), Forwarded(1, SHARD, 2)]
    assert rows(new) == rows(head) == [8.0] * 4
    head.confirm(1)
    assert only(head) == (0, Synced(1, SHARD))
    head.confirm(2)
    assert only(head) == (8, Pushed(1, SHARD, 2))


def test_a_new_head_sends_what_it_has_and_acknowledges_nothing_before_all_have_it() -> None:
    first = view(0, 1, 2, 3, synced=3)
    head, second, third = (link(rank, first) for rank in (1, 2, 3))
    log(head, 1)
    second.forward(only(head)[1])  # and then the head dies; the third never sees it
    second.outbox.take()
    after = view(1, 2, 3, synced=2)
    second.adopt(after)
    third.adopt(after)
    assert third.settled
    _, snapshot = only(second)
    second.owe(8, 1)  # the worker asks again
    second.confirm(0)  # a word about something older
    assert not second.outbox.take()
    assert third.snapshot(snapshot) and only(third) == (2, Forwarded(1, SHARD, 1))
    second.confirm(1)
    assert second.outbox.take() == [(8, Pushed(1, SHARD, 1))] and rows(third) == rows(second)


def test_a_head_that_stays_sends_only_what_is_pending() -> None:
    first = view(0, 1, 2, 3, synced=3)
    head = link(1, first)
    for sequence in (1, 2):
        log(head, sequence)
    head.confirm(1)
    head.outbox.take()
    head.adopt(view(1, 1, 3, synced=2))
    dest, entry = only(head)
    assert dest == 3 and isinstance(entry, Forward) and (entry.epoch, entry.index) == (1, 2)
    head.adopt(view(2, 1, synced=1))
    assert not head.pending and head.confirmed == 2


def test_a_server_whose_state_does_not_count_waits_for_a_snapshot() -> None:
    old = link(3, view(0, 1, 3, synced=2))
    log(link(1, view(0, 1, 3, synced=2)), 1)
    old.adopt(view(5, 2, 3, synced=1))  # it was out in between, unknown to it
    assert not old.settled


def test_a_tick_repeats_what_had_no_answer_since_the_last() -> None:
    head = link(1, view(0, 1, 2, synced=2))
    log(head, 1)
    _, entry = only(head)
    head.tick(2)
    assert not head.outbox.take()  # it may be on its way
    log(head, 2)
    head.outbox.take()
    head.tick(2)
    assert only(head) == (2, entry)
    head.adopt(view(1, 1, 2, 3, synced=2))
    _, snapshot = only(head)
    head.tick(2)
    assert not head.outbox.take()
    head.tick(2)
    assert only(head)[1].index == snapshot.index == 2
    head.confirm(2)
    assert only(head) == (0, Synced(1, SHARD))
    head.tick(2)  # the scheduler does not know yet
    assert only(head) == (0, Synced(1, SHARD))
    head.tick(3)
    assert not head.outbox.take()
