"""A server's answer to every message that it may get."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from mlsys.distributed.parameter_server.consistency import ASP, BSP, Backup
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.messages import (
    Forward,
    Forwarded,
    Join,
    Leave,
    Pull,
    Pulled,
    Push,
    Pushed,
    Refused,
    Snapshot,
    Stop,
    Synced,
    Tick,
    Unknown,
    View,
)
from mlsys.distributed.parameter_server.server import Server

SIZE, SHARD = 6, (0, 0)  # scheduler 0, servers 1 and 2, workers 3, 4, 5
WORKERS = {"": (3, 4, 5)}


def server(rank: int = 1, *chain: int, rule=ASP, sparse: bool = False) -> Server:
    chain = chain or (1,)
    table = Table("t", 4, dtype="<f8", consistency=rule, sparse=sparse)
    group = Group((table,), servers=2, jobs={"": None})
    return Server(rank, group, SIZE, View(0, {SHARD: chain}, {SHARD: len(chain)}, WORKERS))


def push(sender=3, sequence=1, clock=0, values=(1.0,) * 4, keys=None, **others) -> Push:
    keys = None if keys is None else np.array(keys, np.int64)
    values = np.array(values, float).reshape(-1, 1)
    made = Push(0, SHARD, sender, sequence, clock, 0, 4, 0, keys, values)
    return replace(made, **others)


def pull(sender=3, request=1, after=-1, **others) -> Pull:
    return replace(Pull(0, SHARD, sender, request, after, 0, 4, 0, None), **others)


def ask(server: Server, message) -> list:
    source = getattr(message, "sender", 0)
    server.handle(source, message)
    return server.outbox.take()


def test_what_was_pushed_is_pulled() -> None:
    one = server()
    assert ask(one, push(values=[1, 2, 3, 4])) == [(3, Pushed(0, SHARD, 1))]
    ((dest, answer),) = ask(one, pull(sender=5, request=9))
    assert dest == 5 and (answer.request, answer.clock) == (9, -1)
    assert answer.values.tolist() == [[1], [2], [3], [4]]
    ask(one, push(sequence=2, values=[1]))  # refused below
    assert one.counts["pushes"] == 2 and one.counts["rows pulled"] == 4


def test_the_answer_to_a_pull_is_a_copy() -> None:
    one = server()
    ((_, answer),) = ask(one, pull())
    ask(one, push())
    assert not answer.values.any()


def test_a_pull_waits_for_the_slowest_worker() -> None:
    one = server()
    assert not ask(one, pull(after=0))
    for sender in (3, 4):
        assert ask(one, push(sender)) == [(sender, Pushed(0, SHARD, 1))]
    messages = ask(one, push(5))
    ((dest, answer),) = [each for each in messages if isinstance(each[1], Pulled)]
    assert dest == 3 and answer.clock == 0 and (answer.values == 3).all()
    assert isinstance(ask(one, pull(after=0))[0][1], Pulled)


def test_a_pull_with_a_backup_worker_waits_for_the_others_only() -> None:
    one = server(rule=Backup(1))
    ask(one, pull(after=0))
    ask(one, push(3))
    assert {type(message) for _, message in ask(one, push(5))} == {Pushed, Pulled}


def test_a_pull_that_waits_for_a_worker_that_dies_is_answered_in_the_next_epoch() -> None:
    one = server(rule=BSP)
    for each in (push(3), push(4), pull(after=0)):
        assert not ask(one, each)
    ask(one, View(1, {SHARD: (1,)}, {SHARD: 1}, {"": (3, 4)}))
    assert not one.waiting[SHARD]
    assert not ask(one, pull(after=0, epoch=1))  # the pushes had no answer: they come again
    ask(one, push(3, epoch=1))
    messages = ask(one, push(4, epoch=1))
    assert {type(message) for _, message in messages} == {Pushed, Pulled}


def test_a_worker_that_goes_is_waited_for_no_longer_in_the_same_epoch() -> None:
    one = server(rule=BSP)
    for each in (push(3), push(4), pull(after=0)):
        assert not ask(one, each)
    fewer = View(0, {SHARD: (1,)}, {SHARD: 1}, {"": (3, 4)})
    messages = ask(one, fewer)
    assert [(dest, type(each)) for dest, each in messages] == [
        (3, Pushed),
        (4, Pushed),
        (3, Pulled),
    ]
    assert (messages[-1][1].values == 2).all()
    ask(one, View(0, {SHARD: (1,)}, {SHARD: 1}, WORKERS))  # came late: nobody comes back by it
    assert one.view.workers == {"": (3, 4)}
    assert not ask(one, fewer)


def test_any_replica_answers_by_its_own_clocks() -> None:
    one = server(2, 1, 2)
    assert not ask(one, pull(after=0))
    done = np.array([[3, 1, 0, 0, 4], [4, 1, 0, 0, 4], [5, 1, 0, 0, 4]])
    ((head, word), (dest, answer)) = ask(one, Forward(0, SHARD, 1, done, None, np.ones((4, 1))))
    assert (head, word) == (1, Forwarded(0, SHARD, 1)) and dest == 3 and answer.values.all()


def test_a_newcomer_answers_when_it_has_a_snapshot() -> None:
    first, new = server(1, 1), server(2, 1)
    ask(first, push())
    after = View(1, {SHARD: (1, 2)}, {SHARD: 1}, WORKERS)
    ((dest, snapshot),) = ask(first, after)
    assert dest == 2 and isinstance(snapshot, Snapshot)
    ask(new, after)
    assert not ask(new, pull(epoch=1))
    (_, (_, answer)) = ask(new, snapshot)
    assert answer.values.all()
    assert ask(first, Forwarded(1, SHARD, 1)) == [(0, Synced(1, SHARD))]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (push(values=[1.0]), r"expected values of shape \(4, 1\)"),
        (push(values=[1.0], keys=[4]), "expected 0 to 3, got 4"),
        (push(values=[1.0, 2], keys=[2, 1]), "ascending"),
        (replace(push(), values=np.zeros((4, 1), np.int32)), "and type float64, got .* int32"),
        (push(begin=2, end=5), "keys 2 to 4 were named"),
        (push(sender=1), "rank 1 is no worker of job ''"),
        (push(shard=(3, 1)), r"there is no shard \(3, 1\): the group has 1 shards"),
        (pull(begin=-1), "keys -1 to 3 were named"),
        (pull(keys=np.array([9])), "expected 0 to 3, got 9"),
        (pull(shard=(0, 7)), "there is no shard"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(message, reason: str) -> None:
    one = server()
    ((dest, refused),) = ask(one, message)
    assert isinstance(refused, Refused) and dest == message.sender
    assert refused.sequence == getattr(message, "sequence", 0)
    assert refused.request == getattr(message, "request", 0)
    assert re.search(reason, refused.reason)


def test_a_sparse_table_must_be_told_the_keys() -> None:
    one = server(sparse=True)
    ((_, refused),) = ask(one, push())
    assert "name the keys" in refused.reason
    ask(one, push(sequence=2, values=[5], keys=[2]))
    ((_, answer),) = ask(one, pull(keys=np.array([1, 2])))
    assert answer.values.tolist() == [[0], [5]]


@pytest.mark.parametrize("chain", [(2, 1), (2,)])
def test_a_push_goes_to_the_head_and_to_no_other(chain: tuple[int, ...]) -> None:
    ((_, refused),) = ask(server(1, *chain), push())
    assert refused.sequence == 1 and "ask its head, (2,)" in refused.reason


def test_a_pull_of_a_shard_that_is_elsewhere_is_refused() -> None:
    ((_, refused),) = ask(server(1, 2), pull())
    assert "ask one of (2,)" in refused.reason


def test_unknown_signatures_are_asked_for() -> None:
    one = server()
    keys = np.array([1, 3])
    assert ask(one, pull(request=7, signature=5)) == [(3, Unknown(0, SHARD, 5, 7, 0))]
    unknown = replace(push(sequence=2, values=[1, 2]), signature=5)
    assert ask(one, unknown) == [(3, Unknown(0, SHARD, 5, 0, 2))]
    ask(one, replace(unknown, keys=keys, sequence=1))
    assert ask(one, unknown) == [(3, Pushed(0, SHARD, 2))]
    ((_, answer),) = ask(one, pull(signature=5))
    assert answer.values.tolist() == [[2], [4]]


def test_messages_of_an_older_epoch_are_ignored_and_of_a_later_one_kept_for_it() -> None:
    one = server()
    early = push(epoch=1)
    assert not ask(one, early)
    assert ask(one, View(1, {SHARD: (1,)}, {SHARD: 1}, WORKERS)) == [(3, Pushed(1, SHARD, 1))]
    assert not ask(one, push(sequence=2)) and not ask(one, pull())
    assert not ask(one, View(0, {SHARD: (2,)}, {SHARD: 1}, WORKERS)) and one.links
    assert ask(one, push(sequence=1, epoch=1)) == [(3, Pushed(1, SHARD, 1))]


def test_a_shard_that_goes_elsewhere_is_forgotten() -> None:
    one = server()
    ask(one, View(1, {SHARD: (2,)}, {SHARD: 1}, WORKERS))
    assert not one.links and not one.intakes
    assert isinstance(ask(one, pull(epoch=1))[0][1], Refused)
    for stray in (Forward(1, SHARD, 1, np.zeros((0, 5), int), None, np.ones((4, 1))),
                  Forwarded(1, SHARD, 1), Snapshot(1, SHARD, 1, {})):  # fmt: skip
        assert not ask(one, stray)


def test_a_head_takes_no_entries_from_others() -> None:
    one = server()
    assert not ask(one, Forward(0, SHARD, 1, np.zeros((0, 5), int), None, np.ones((4, 1))))
    assert not ask(one, Snapshot(0, SHARD, 9, {})) and one.links[SHARD].replica.index == 0


def test_joining_and_leaving_is_asked_for_until_it_is_granted() -> None:
    one = server(2, 1)
    one.join()
    assert one.outbox.take() == ask(one, Tick(1.0)) == [(0, Join(2))]
    ask(one, View(1, {SHARD: (1, 2)}, {SHARD: 1}, WORKERS))
    assert not ask(one, Tick(2.0))
    one.leave()
    assert one.outbox.take() == ask(one, Tick(3.0)) == [(0, Leave(2))]
    ask(one, Stop())
    assert one.stopped and not one.reason


def test_the_end_comes_from_the_scheduler_or_with_its_death() -> None:
    one, two = server(), server()
    ask(one, Stop("taken for dead"))
    assert one.stopped and one.reason == "taken for dead"
    two.died({2, 4})
    assert not two.stopped
    two.died({0})
    assert two.stopped and "scheduler, has died" in two.reason


@pytest.mark.parametrize("stray", [Join(3), Pushed(0, SHARD, 1), Synced(0, SHARD)])
def test_what_no_server_should_get_is_ignored(stray) -> None:
    assert not ask(server(), stray)
