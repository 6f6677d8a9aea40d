"""What a worker has asked, under any order and repetition of answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.exchange import Exchange
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.messages import (
    Outbox,
    Pull,
    Pulled,
    Push,
    Pushed,
    Refused,
    Unknown,
    View,
)
from mlsys.distributed.parameter_server.tasks import Dependencies, Task, cut

SIZE, SHARDS, WORKER = 12, 3, 4
TABLE = Table("w", SIZE, dtype="<f8", shards=SHARDS)
GROUP = Group((TABLE,), servers=3)


def view(epoch: int, chains, synced: int = 1, lost=()) -> View:
    places = {(0, shard): chain for shard, chain in enumerate(chains)}
    return View(epoch, places, dict.fromkeys(places, synced), {"": (WORKER,)}, lost)


def exchange(index: int = 0) -> Exchange:
    first = view(0, [(1,), (2,), (3,)])
    return Exchange(WORKER, index, GROUP, first, Outbox(), Dependencies())


def said(one: Exchange, kind=Push | Pull) -> list:
    return [message for message in one._outbox.take() if isinstance(message[1], kind)]


def task(values=None) -> Task:
    made = Task(None, values)  # type: ignore[arg-type]
    made.started, made.left = True, SHARDS
    return made


def pieces(keys=None, signed: bool = False) -> list:
    return [*cut(TABLE, 0, keys, 0, SIZE, signed)]


def push(one: Exchange, values) -> Task:
    made, parts = task(), pieces()
    for piece, number in zip(parts, one.number(parts), strict=True):
        one.push(made, piece, number, 0, values[piece.rows])
    return made


@given(st.integers(1, 4), st.randoms())
def test_a_push_is_done_when_each_piece_is_answered_once_or_often(count, rng) -> None:
    one = exchange()
    made = [push(one, np.full((SIZE, 1), number)) for number in range(count)]
    asked = [message for _, message in said(one)]
    assert sorted((each.shard, each.sequence) for each in asked) == [
        ((0, shard), number) for shard in range(SHARDS) for number in range(1, count + 1)
    ]
    open_ = [set(range(SHARDS)) for _ in made]
    for each in rng.choices(asked, k=3 * len(asked)):
        one.handlers[Pushed](Pushed(0, each.shard, each.sequence))
        open_[each.sequence - 1].discard(each.shard[1])
        assert [not left for left in open_] == [each.done for each in made]
        assert one.busy == any(open_)


@given(st.permutations(range(SHARDS)))
def test_a_pull_puts_each_answer_in_its_place(order) -> None:
    one, values = exchange(), np.full((SIZE, 1), -1.0)
    made = task(values)
    for piece in pieces():
        one.pull(made, piece, reach=5)
    asked = {each.shard[1]: each for _, each in said(one)}
    assert all(each.after == 5 for each in asked.values())
    for place in order:
        begin, end = TABLE.bounds(place)
        rows = np.arange(begin, end, dtype=float)[:, None]
        one.handlers[Pulled](Pulled(0, (0, place), asked[place].request, 7 - place, rows))
    assert made.done and values[:, 0].tolist() == [*range(SIZE)] and made.clock == 5


def test_a_clock_that_somebody_has_not_begun_is_not_forgotten() -> None:
    one, made = exchange(), task(np.zeros((SIZE, 1)))
    for piece in pieces():
        one.pull(made, piece, reach=-1)
    for (_, each), clock in zip(said(one), (3, -1, 4), strict=True):
        one.handlers[Pulled](Pulled(0, each.shard, each.request, clock, np.zeros((4, 1))))
    assert made.clock == -1


def test_in_a_new_epoch_what_is_open_goes_to_who_serves_it_now() -> None:
    one = exchange()
    first, second = (push(one, np.full((SIZE, 1), value)) for value in (1.0, 2.0))
    said(one)
    for shard in range(SHARDS):
        one.handlers[Pushed](Pushed(0, (0, shard), 1))
    one.adopt(view(1, [(2,), (3,), ()], lost=((0, 2),)))
    again = said(one)
    assert [(dest, each.epoch, each.sequence) for dest, each in again] == [(2, 1, 2), (3, 1, 2)]
    assert all((each.values == 2).all() for _, each in again)
    assert first.done and "keys 8 to 11 are lost" in second.error and not second.done
    one.adopt(view(1, [(1,), (1,), (1,)]))
    one.adopt(view(0, [(1,), (1,), (1,)]))
    assert not said(one) and one.view.epoch == 1


@pytest.mark.parametrize("answer", [Unknown(0, (0, 0), 9, 0, 1), Refused(0, (0, 0), 0, 1, "no")])
def test_answers_of_an_old_epoch_change_nothing(answer) -> None:
    one = exchange()
    made = push(one, np.zeros((SIZE, 1)))
    one.adopt(view(1, [(2,), (3,), (1,)]))
    said(one)
    one.handlers[type(answer)](answer)
    assert not said(one) and not made.error


def test_workers_read_from_different_replicas() -> None:
    asked = set()
    for index in range(3):
        one = exchange(index)
        one.adopt(view(1, [(1, 2, 3)] * 3, synced=2))
        one.pull(task(np.zeros((SIZE, 1))), pieces()[0], -1)
        ((dest, _),) = said(one)
        asked.add(dest)
    assert asked == {1, 2}  # and not from the third, which may not hold the shard yet


def test_each_server_is_told_keys_once() -> None:
    one, keys = exchange(), np.array([0, 5, 9])
    for with_keys in (True, False):
        for piece in pieces(keys, signed=True):
            one.pull(task(np.zeros((3, 1))), piece, -1)
        assert [each.keys is not None for _, each in said(one)] == [with_keys] * SHARDS
    one.adopt(view(1, [(2,), (3,), (1,)]))  # other servers: the first of two that go to each
    assert [each.keys is not None for _, each in said(one)] == [True] * SHARDS + [False] * SHARDS
