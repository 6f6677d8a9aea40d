"""A store of rows is a dictionary of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.store import Dense, Sparse
from mlsys.distributed.parameter_server.updates import Adagrad, Add

BEGIN, END = 100, 160
keys_of_a_push = st.lists(st.integers(BEGIN, END - 1), unique=True, max_size=20).map(
    lambda keys: np.array(sorted(keys), np.int64)
)
pushes = st.lists(keys_of_a_push, min_size=1, max_size=8)


def first(width):
    return lambda keys: keys[:, None] * np.ones(width)


@pytest.mark.parametrize("kind", [Dense, Sparse])
@pytest.mark.parametrize("width", [1, 3])
@given(pushes=pushes)
def test_rows_are_those_of_a_dictionary(kind, width, pushes):
    store = kind(BEGIN, END, width, "<f8", first(width), ())
    rows = {key: np.full(width, float(key)) for key in range(BEGIN, END)}
    for step, keys in enumerate(pushes):
        values = np.arange(len(keys) * width, dtype=float).reshape(-1, width) + step
        where = store.rows(keys)
        store.apply(Add(), where, values)
        for key, value in zip(keys.tolist(), values, strict=True):
            rows[key] = rows[key] + value
        expected = np.array([rows[key] for key in keys.tolist()]).reshape(-1, width)
        np.testing.assert_array_equal(store.read(where), expected)
        out = np.empty_like(expected)
        assert store.read(where, out) is out
    every = np.arange(BEGIN, END)
    np.testing.assert_array_equal(
        store.read(store.rows(every)), np.array([rows[key] for key in every.tolist()])
    )


@pytest.mark.parametrize("kind", [Dense, Sparse])
@given(pushes=pushes)
def test_a_copy_goes_on_as_the_original_does(kind, pushes):
    update = Adagrad(0.1)
    store = kind(BEGIN, END, 2, "<f4", None, update.state_names)
    other = kind(BEGIN, END, 2, "<f4", None, update.state_names)
    for keys in pushes:
        store.apply(update, store.rows(keys), np.ones((len(keys), 2), np.float32))
    other.load(
        {name: array.copy() for name, array in store.state().items()}
        if kind is Dense
        else {**store.state(), "arrays": {n: a.copy() for n, a in store.state()["arrays"].items()}}
    )
    for each in (store, other):
        every = each.rows(np.arange(BEGIN, END))
        each.apply(update, every, np.ones((END - BEGIN, 2), np.float32))
    every = np.arange(BEGIN, END)
    np.testing.assert_array_equal(store.read(store.rows(every)), other.read(other.rows(every)))


@given(st.integers(0, 59), st.integers(0, 60))
def test_a_range_of_rows_is_its_keys(begin, end):
    update = Adagrad(0.5)
    one, other = (Dense(BEGIN, END, 2, "<f4", first(2), update.state_names) for _ in range(2))
    span = slice(begin, max(begin, end))
    keys = np.arange(BEGIN, END)[span]
    values = np.random.default_rng(end).normal(size=(len(keys), 2)).astype(np.float32)
    one.apply(update, span, values)
    other.apply(update, other.rows(keys), values)
    whole = slice(0, END - BEGIN)
    np.testing.assert_array_equal(one.read(whole), other.read(whole))


@given(pushes)
def test_rows_that_were_found_once_stay_where_they_are(pushes):
    store = Sparse(BEGIN, END, 1, "<f4", first(1), ())
    found = [(keys, store.rows(keys)) for keys in pushes]
    for keys, rows in found:
        np.testing.assert_array_equal(store.rows(keys), rows)
        np.testing.assert_array_equal(store.read(rows)[:, 0], keys)
    assert len(store) == len(set(np.concatenate(pushes).tolist()))


def test_a_copy_that_was_read_is_nobody_elses():
    store = Dense(0, 3, 1, "<f4")
    store.read(slice(0, 3))[:] = 7
    assert not store.read(np.arange(3)).any()
