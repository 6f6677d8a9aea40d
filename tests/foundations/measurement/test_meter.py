"""Counters against their definition, and the measurer against arrays of known size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.meter import Meter, measure_peak


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), max_size=40))
def test_live_is_the_balance_and_peak_its_highest_value(steps):
    meter, balance, allocations = Meter(), [0], 0
    for gives_back, size in steps:
        if not gives_back:
            meter.allocate(size)
            allocations += 1
            balance.append(balance[-1] + size)
        elif size <= balance[-1]:
            meter.free(size)
            balance.append(balance[-1] - size)
    assert (meter.live, meter.peak) == (balance[-1], max(balance))
    assert meter.allocations == allocations


def test_operations_are_counted_by_name():
    meter = Meter()
    meter.count("add")
    meter.count("matmul", 10)
    meter.count("add", 2)
    assert meter.operations == {"add": 3, "matmul": 10}


def test_more_cannot_be_freed_than_is_live():
    meter = Meter()
    meter.allocate(10)
    with pytest.raises(ValueError, match="freed twice"):
        meter.free(11)
    assert meter.live == 10


@pytest.mark.parametrize("call", [Meter().allocate, Meter().free, lambda n: Meter().count("x", n)])
def test_negative_counts_are_refused(call):
    with pytest.raises(ValueError, match=">= 0, got -1"):
        call(-1)


@given(st.integers(100_000, 1_000_000), st.integers(1, 4))
def test_the_peak_of_numpy_arrays_is_that_of_their_bytes(size, copies):
    with measure_peak() as memory:
        kept = np.ones(size, np.uint8)
        for _ in range(copies):
            kept = kept + kept  # old and new live together for a moment
    assert 2 * size <= memory.peak < 2 * size + 20_000
    assert size <= memory.live < size + 20_000


def test_what_was_there_before_does_not_count():
    before = np.ones(1_000_000)
    with measure_peak() as memory:
        before.sum()
    assert memory.peak < 100_000


def test_a_block_that_fails_is_measured_and_leaves_no_tracing_behind():
    with pytest.raises(ZeroDivisionError), measure_peak() as memory:
        bytes(500_000)
        1 / 0  # noqa: B018
    assert memory.peak >= 500_000
    with measure_peak():
        pass


def test_measuring_inside_a_measurement_is_refused():
    with measure_peak(), pytest.raises(RuntimeError, match="one block at a time"), measure_peak():
        pass
