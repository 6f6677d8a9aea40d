"""Intervals that hold the truth as often as they say, and one that does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import mean_wait, open_loop, poisson_arrivals
from mlsys.foundations.simulation.intervals import as_if_independent, batch_means


def waits(load, count, rng):
    service = rng.exponential(1.0, count)
    return (open_loop(poisson_arrivals(load, count, rng), service).latency - service).clip(0)


@given(st.lists(st.floats(0, 1e6), min_size=40, max_size=80), st.integers(2, 20))
def test_the_estimate_is_the_mean_of_what_was_used(values, batches):
    rng = np.random.default_rng(0)
    assert as_if_independent(values).estimate == pytest.approx(np.mean(values))
    used = values[len(values) % batches :]
    interval = batch_means(values, rng, batches)
    assert interval.estimate == pytest.approx(np.mean(used), abs=1e-9)
    assert interval.low <= interval.estimate + 1e-9 and interval.estimate - 1e-9 <= interval.high


def test_for_independent_samples_both_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    runs = [rng.exponential(1.0, 1000) for _ in range(200)]
    plain = np.mean([1.0 in as_if_independent(run) for run in runs])
    batched = np.mean([1.0 in batch_means(run, rng) for run in runs])
    assert plain > 0.95 - 6 * np.sqrt(0.05 * 0.95 / 200)
    assert batched > 0.92 - 6 * np.sqrt(0.08 * 0.92 / 200)  # 20 batches: a little too narrow


def test_for_waits_in_line_only_batches_do():
    rng, load = np.random.default_rng(2), 0.9
    runs = [waits(load, 50_000, rng)[10_000:] for _ in range(100)]
    truth = mean_wait(load, 1.0, 2.0)
    plain = np.mean([truth in as_if_independent(run) for run in runs])
    batched = np.mean([truth in batch_means(run, rng) for run in runs])
    assert plain < 0.4 and batched > 0.65


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="batches"):
        batch_means([1.0, 2.0], np.random.default_rng(0), batches=3)
    with pytest.raises(ValueError, match="batches"):
        batch_means([1.0, 2.0], np.random.default_rng(0), batches=1)
