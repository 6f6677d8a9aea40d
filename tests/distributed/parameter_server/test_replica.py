"""Sequences, questions of clocks, and copies of a shard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.group import Table
from mlsys.distributed.parameter_server.messages import Pull
from mlsys.distributed.parameter_server.replica import Replica, in_order, ready
from mlsys.distributed.parameter_server.updates import Adagrad


@given(st.lists(st.integers(1, 9), max_size=40))
def test_what_arrives_anyhow_is_due_once_and_in_order(arrivals: list[int]) -> None:
    applied, held, due = 0, {}, []
    for sequence in arrivals:
        applied, items = in_order(applied, held, sequence, sequence)
        due += items
    first_missing = next(n for n in range(1, 11) if n not in arrivals)
    assert due == list(range(1, first_missing)) and applied == first_missing - 1
    assert set(held) == {n for n in arrivals if n > applied}


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=6), st.integers(-1, 5), st.data())
def test_a_pull_is_ready_when_so_many_clocks_are_there(clocks, after, data) -> None:
    needed = data.draw(st.integers(1, len(clocks)))
    slowest_that_counts = sorted(clocks, reverse=True)[needed - 1]
    assert ready(clocks, after, needed) == (after <= slowest_that_counts)


def replica(sparse: bool = False) -> Replica:
    table = Table("t", 10, 2, "<f8", Adagrad(0.1), shards=2, sparse=sparse)
    return Replica(table, 1, workers=[5, 6])


def pull(begin: int, end: int, keys=None, signature: int = 0) -> Pull:
    keys = None if keys is None else np.array(keys, np.int64)
    return Pull(0, (0, 1), 5, 1, -1, begin, end, signature, keys)


@given(st.booleans(), st.integers(0, 2**32 - 1))
def test_a_copy_goes_on_exactly_like_the_original(sparse: bool, seed: int) -> None:
    rng, one, other = np.random.default_rng(seed), replica(sparse), replica(sparse)
    for step in range(1, 9):
        if step == 5:
            other.load(one.index, one.state())
        keys = np.flatnonzero(rng.random(5) < 0.5) + 5
        done = [(5, (step + 1) // 2 if step % 2 else step + 40, step, 5, 10)]
        values = rng.standard_normal((len(keys), 2))
        for each in (one,) if step < 5 else (one, other):
            each.apply(done, each.store.rows(keys), values)
    keys = np.arange(5, 10)
    for each in (one, other):
        assert each.index == 8 and each.clocks.clocks(5, 10) == [8, -1]
        assert each.applied == {5: 4} and set(each.ahead[5]) == {42, 44, 46, 48}
        assert each.has(5, 4) and each.has(5, 46) and not each.has(5, 5) and not each.has(6, 1)
    assert np.array_equal(*(each.store.read(each.store.rows(keys)) for each in (one, other)))


def test_a_state_is_a_copy() -> None:
    one = replica()
    state = one.state()
    one.apply([], slice(0, 5), np.ones((5, 2)))
    other = replica()
    other.load(0, state)
    assert not other.store.read(slice(0, 5)).any() and one.store.read(slice(0, 5)).all()


def test_keys_are_known_by_their_signature_once_they_were_sent() -> None:
    one = replica()
    with pytest.raises(KeyError):
        one.resolve(pull(5, 10, signature=7))
    keys, rows = one.resolve(pull(5, 10, [6, 9], signature=7))
    again = one.resolve(pull(5, 10, signature=7))
    assert again[0].tolist() == keys.tolist() == [6, 9] and rows.tolist() == [1, 4]
    with pytest.raises(ValueError, match="beyond the range 5 to 8"):
        one.resolve(pull(5, 9, signature=7))
    one.load(0, replica().state())
    with pytest.raises(KeyError):  # their rows may be others now
        one.resolve(pull(5, 10, signature=7))


@pytest.mark.parametrize(
    ("message", "sparse", "reason"),
    [
        (pull(4, 10), False, "has the keys 5 to 9, and keys 4 to 9 were named"),
        (pull(5, 11), False, "split a range at Table.bounds"),
        (pull(6, 6), False, "keys 6 to 5 were named"),
        (pull(5, 10, [4]), False, "expected 5 to 9, got 4"),
        (pull(5, 10, [7, 6]), False, "ascending"),
        (pull(5, 10), True, "sparse: name the keys"),
    ],
)
def test_keys_that_are_not_here_are_refused(message: Pull, sparse: bool, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replica(sparse).resolve(message)
