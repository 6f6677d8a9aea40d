"""The line against a linear program, and against quantiles that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.serving.batching.admission import QueueLimit
from mlsys.serving.batching.quantiles import (
    LatencyModel,
    QuantileRegression,
    pinball,
    quantile_line,
)
from mlsys.serving.batching.simulated import Linear, simulate


def by_linear_program(sizes, seconds, quantile):
    """The least cost of any line with a slope >= 0."""
    count = len(sizes)
    costs = np.concatenate([[0, 0], np.full(count, quantile), np.full(count, 1 - quantile)])
    lines = np.column_stack([np.ones(count), sizes, np.eye(count), -np.eye(count)])
    bounds = [(None, None), (0, None)] + [(0, None)] * (2 * count)
    return linprog(costs, A_eq=lines, b_eq=seconds, bounds=bounds).fun


@given(
    st.lists(st.tuples(st.integers(1, 20), st.floats(0, 10)), min_size=1, max_size=25),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_no_line_is_cheaper(points, quantile):
    sizes, seconds = np.array(points, float).T
    start, slope = quantile_line(sizes, seconds, quantile)
    cost = pinball(seconds - start - slope * sizes, quantile)
    assert slope >= 0
    assert cost <= by_linear_program(sizes, seconds, quantile) + 1e-6 * (1 + seconds.max())


def test_the_share_below_the_line_is_the_quantile():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 50, 4000).astype(float)
    seconds = (1 + 0.1 * sizes) * rng.lognormal(0, 0.3, 4000)
    start, slope = quantile_line(sizes, seconds, 0.9)
    assert np.mean(seconds <= start + slope * sizes) == pytest.approx(0.9, abs=0.005)


def test_the_limit_finds_the_batch_that_is_in_time_nearly_always():
    rng = np.random.default_rng(1)
    device = Linear(0.01, 0.001, spread=0.1, rng=rng)
    policy = QuantileRegression(0.05, LatencyModel(quantile=0.95))
    arrivals = poisson_arrivals(2000.0, 60_000, rng)
    outcome = simulate(policy, arrivals, device, admission=QueueLimit(300))
    begun, done, sizes = outcome.batches[200:].T
    assert np.mean(done - begun <= 0.05) > 0.85
    assert 25 < sizes.mean() < 40  # 40 without any spread


def test_nothing_is_known_at_first():
    policy = QuantileRegression(1.0)
    assert policy.limit == 1
    policy.model.learn(1, 0.1)
    assert policy.limit == 2
    with pytest.raises(ValueError, match="between 0 and 1"):
        LatencyModel(quantile=1.0)
