"""Fits against SciPy's non-negative least squares; rates and replicas against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.profiles import (
    Profile,
    Setting,
    fitted,
    price,
    replicas_needed,
    throughput,
)

SIZES = st.lists(st.integers(1, 64), min_size=2, max_size=12).filter(lambda s: len(set(s)) > 1)


@given(SIZES, st.floats(0, 1), st.floats(0, 0.1), st.floats(0, 0.8), st.integers(0, 99))
def test_the_fit_is_the_least_squares_of_relative_errors(sizes, fixed, each, noise, seed):
    n = np.array(sizes, float)
    rng = np.random.default_rng(seed)
    seconds = (fixed + each * n + 1e-3) * np.exp(noise * rng.standard_normal(n.size))
    expected, _ = nnls(np.stack([1 / seconds, n / seconds], 1), np.ones(n.size))
    found = fitted(n, seconds)
    assert min(found) >= 0
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_a_line_is_found_again():
    n = np.array([1.0, 3.0, 10.0, 30.0])
    np.testing.assert_allclose(fitted(n, 0.02 + 0.003 * n), (0.02, 0.003))


def test_an_error_of_a_tenth_counts_alike_for_short_and_long_batches():
    """Twice the weight on absolute errors would let the long batches decide alone."""
    n = np.array([1.0, 1000.0])
    seconds = np.array([1.0, 100.0])
    fixed, each = fitted(np.repeat(n, 2), np.repeat(seconds, 2) * [0.9, 1.1, 0.9, 1.1])
    assert abs((fixed + each) / 1.0 - 1) < 0.02 and abs((fixed + 1000 * each) / 100 - 1) < 0.02


@given(st.floats(1e-3, 1), st.floats(1e-4, 1), st.integers(1, 63))
def test_larger_batches_answer_more_and_never_more_than_one_in_each(fixed, each, batch):
    curve = Linear(fixed, each)
    assert throughput(curve, batch) < throughput(curve, batch + 1) < 1 / each
    assert throughput(curve, 1) == pytest.approx(1 / (fixed + each))


@given(st.floats(0, 1e4), st.floats(0.1, 1e3), st.floats(0.05, 1))
def test_as_few_replicas_as_can_do_it(rate, each, load):
    count = replicas_needed(rate, each, load)
    assert rate <= count * each * load * (1 + 1e-6) and count >= 1
    assert count == 1 or rate > (count - 1) * each * load


def test_a_whole_number_is_not_rounded_up():
    assert all(replicas_needed(0.1 * k, 0.1) == k for k in range(1, 200))


def test_the_price_is_the_sum_over_replicas():
    kinds = {"slow": Profile(Linear(1, 1), 0.1), "fast": Profile(Linear(0.1, 0.1), 2.0)}
    plan = {"a": Setting("slow", 4, 3), "b": Setting("fast", 1, 2)}
    assert price({"a": kinds, "b": kinds}, plan) == pytest.approx(4.3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Profile(Linear(1, 1), 0.0),
        lambda: Profile(Linear(1, 1), 1.0, most=0),
        lambda: fitted(np.array([2.0, 2.0]), np.array([1.0, 1.0])),
        lambda: fitted(np.array([1.0, 2.0]), np.array([0.0, 1.0])),
        lambda: replicas_needed(1.0, 0.0),
        lambda: replicas_needed(1.0, 1.0, load=1.5),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
