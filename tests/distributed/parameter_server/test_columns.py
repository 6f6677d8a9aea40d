"""Examples by feature say the same as a table of examples by features."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlsys.distributed.parameter_server.columns import Plan, columns, cut, of_clicks, of_table
from mlsys.foundations.datasets import plant_clicks

tables = arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.integers(-2, 2))


@given(tables, st.randoms(use_true_random=False))
def test_entries_in_any_order_are_the_table(table: np.ndarray, random: Random) -> None:
    rows, keys = np.nonzero(table)
    order = np.array(random.sample(range(len(rows)), len(rows)), dtype=np.int64)
    made = columns(rows[order], keys[order], table[rows, keys][order], np.zeros(len(table)))
    again = np.zeros_like(table)
    again[made.rows, made.keys[made.column]] = made.values
    np.testing.assert_array_equal(again, table)
    np.testing.assert_array_equal(made.keys, np.flatnonzero(table.any(axis=0)))


@given(tables, st.integers(0, 9), st.integers(0, 9))
def test_a_block_has_the_entries_of_its_keys(table: np.ndarray, a: int, b: int) -> None:
    begin, end = min(a, b), max(a, b)
    rows, keys = np.nonzero(table)
    made = columns(rows, keys, table[rows, keys], np.zeros(len(table)))
    block = made.block(begin, end)
    part = made.keys[block]
    assert ((begin <= part) & (part < end)).all()
    found = made.keys[made.column[made.entries(block)]]
    assert ((begin <= found) & (found < end)).all()
    assert len(found) == np.count_nonzero(table[:, begin:end])


def test_a_row_of_a_log_has_its_keys_and_the_intercept() -> None:
    clicks = plant_clicks((30, 20), np.random.default_rng(1)).rows(40, np.random.default_rng(2))
    made = of_clicks(clicks, intercept=50)
    for row in range(40):
        assert set(made.keys[made.column[made.rows == row]]) == {*clicks.keys[row], 50}
    np.testing.assert_array_equal(made.clicked, clicks.clicked)
    assert (made.values == 1).all()


def test_a_table_gets_a_constant_column() -> None:
    made = of_table(np.arange(6.0).reshape(3, 2) + 1, np.array([0, 1, 1]))
    np.testing.assert_array_equal(made.values, [1, 3, 5, 2, 4, 6, 1, 1, 1])


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=5, unique=True).map(sorted), st.integers(1, 7)
)
def test_cutting_keeps_the_ends_and_makes_equal_pieces(bounds: list[int], pieces: int) -> None:
    finer = cut(tuple(bounds), pieces)
    assert {*bounds} <= {*finer}
    assert (np.diff(finer) > 0).all()
    for begin, end in pairwise(bounds):
        inside = [each for each in finer if begin <= each <= end]
        assert len(inside) - 1 == min(pieces, end - begin)
        assert np.ptp(np.diff(inside)) <= 1


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_a_pass_goes_once_through_all_blocks(blocks: int, passes: int, refresh: int) -> None:
    plan = Plan(tuple(range(0, 2 * blocks + 1, 2)), passes, refresh=refresh)
    order = [plan.block(t) for t in range(plan.iterations)]
    assert order == passes * [(2 * b, 2 * b + 2) for b in range(blocks)]
    fresh = [plan.fresh(t) for t in range(plan.iterations)]
    assert fresh == [p % refresh == 0 for p in range(passes) for _ in range(blocks)]


def test_a_delay_takes_more_blocks_than_that() -> None:
    with pytest.raises(ValueError, match=r"0 <= delay < blocks.*cut\(\) makes more"):
        Plan((0, 5, 10), passes=1, delay=2)
