"""Counts of arrivals against the means and variances that theory gives them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.foundations.simulation.arrivals import (
    bursts,
    dispersion,
    diurnal,
    heavy_tailed,
    replayed,
    thinned,
)

seeds = st.integers(0, 2**32)


def burstiness(high, low, on, off, window):
    """Index of dispersion of a Poisson process whose rate is a two-state Markov chain.

    The rate at two moments u apart has covariance (high - low)^2 p (1 - p) exp(-u r).
    """
    r, p = 1 / on + 1 / off, on / (on + off)
    mean = p * high + (1 - p) * low
    memory = 1 / r - (1 - math.exp(-r * window)) / (r**2 * window)
    return 1 + 2 * (high - low) ** 2 * p * (1 - p) * memory / mean


@given(seeds)
def test_all_are_in_order_and_repeatable(seed):
    def every(rng):
        yield bursts(20.0, 1.0, 1.0, 3.0, 100, rng)
        yield thinned(lambda t: 0 * t + 3.0, 5.0, 20.0, rng)
        yield diurnal(5.0, 0.9, 7.0, 20.0, rng)
        yield heavy_tailed(3.0, 1.4, 100, rng)

    one, two = (list(every(np.random.default_rng(seed))) for _ in range(2))
    for arrivals, again in zip(one, two, strict=True):
        assert arrivals.dtype == np.float64 and (np.diff(arrivals) >= 0).all()
        assert np.array_equal(arrivals, again) and (arrivals >= 0).all()


def test_bursts_of_one_rate_are_poisson_arrivals():
    steady = bursts(4.0, 4.0, 1.0, 1.0, 50_000, np.random.default_rng(0))
    gaps = np.diff(steady)
    assert stats.kstest(gaps, stats.expon(scale=1 / 4).cdf).pvalue > 1e-6
    assert np.corrcoef(gaps[1:], gaps[:-1])[0, 1] == pytest.approx(0, abs=5 / math.sqrt(50_000))


@pytest.mark.parametrize("window", [0.5, 5.0, 50.0])
def test_the_dispersion_of_bursts_is_that_of_the_closed_form(window):
    state = {"high": 9.0, "low": 1.0, "on": 1.0, "off": 3.0}
    arrivals = bursts(**state, count=400_000, rng=np.random.default_rng(1))
    assert arrivals.size / arrivals[-1] == pytest.approx(3.0, rel=0.05)
    assert dispersion(arrivals, window) == pytest.approx(
        burstiness(**state, window=window), rel=0.15
    )


def test_on_and_off_without_any_arrivals_in_between():
    arrivals = bursts(10.0, 0.0, 1.0, 9.0, 50_000, np.random.default_rng(2))
    gaps = np.diff(arrivals)
    assert arrivals.size / arrivals[-1] == pytest.approx(1.0, rel=0.1)
    assert (gaps > 3.0).mean() == pytest.approx(math.exp(-3 / 9) / 11, rel=0.2)  # one per silence


@pytest.mark.parametrize("window", [1.0, 7.0])
def test_poisson_arrivals_have_a_dispersion_of_one(window):
    arrivals = poisson_arrivals(5.0, 200_000, np.random.default_rng(3))
    windows = arrivals[-1] / window
    assert dispersion(arrivals, window) == pytest.approx(1.0, abs=6 * math.sqrt(2 / windows))


def test_thinning_gives_each_stretch_of_time_a_poisson_number():
    def steps(times):
        return np.where(times < 1.0, 50.0, 200.0)

    rng = np.random.default_rng(4)
    runs = [thinned(steps, 300.0, 2.0, rng) for _ in range(2000)]
    for part, mean in ((lambda a: a < 1, 50.0), (lambda a: a >= 1, 200.0)):
        counts = np.array([part(arrivals).sum() for arrivals in runs])
        assert counts.mean() == pytest.approx(mean, abs=6 * math.sqrt(mean / 2000))
        assert counts.var() == pytest.approx(mean, rel=6 * math.sqrt(2 / 2000))


def test_a_day_has_its_mean_its_noon_and_its_night():
    arrivals = diurnal(1000.0, 0.8, 24.0, 240.0, np.random.default_rng(5))
    assert arrivals.size == pytest.approx(240_000, abs=6 * math.sqrt(240_000))
    hour = (arrivals % 24).astype(int)
    counts, edges = np.bincount(hour), 2 * np.pi * np.arange(25) / 24
    expected = 10_000 + 0.8 * 240_000 / (2 * np.pi) * (np.cos(edges[:-1]) - np.cos(edges[1:]))
    assert (abs(counts - expected) < 6 * np.sqrt(expected)).all()


def test_pareto_gaps_have_the_tail_that_was_asked_for():
    arrivals = heavy_tailed(2.0, 1.5, 100_000, np.random.default_rng(6))
    gaps = np.diff(arrivals)
    pareto = stats.pareto(b=1.5, scale=0.5 / 1.5 / 2.0)
    assert pareto.mean() == pytest.approx(0.5)
    assert stats.kstest(gaps, pareto.cdf).pvalue > 1e-6


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.floats(0.1, 100))
def test_a_log_played_again_has_the_rate_and_the_ratios(gaps, rate):
    times = np.cumsum([100, *gaps])
    if times[-1] == times[0]:
        return
    again = replayed(times, rate)
    assert again[0] == 0 and again[-1] == pytest.approx(len(gaps) / rate)
    np.testing.assert_allclose(np.diff(again) * sum(gaps), np.array(gaps) * again[-1], atol=1e-9)


@given(seeds, st.floats(0.5, 20))
def test_the_dispersion_is_the_variance_of_counts_over_their_mean(seed, window):
    arrivals = np.sort(np.random.default_rng(seed).uniform(0, 100, 300))
    edges = np.arange(0, arrivals[-1] + 1e-9, window)
    counts = [((arrivals >= low) & (arrivals < low + window)).sum() for low in edges[:-1]]
    assert dispersion(arrivals, window) == pytest.approx(np.var(counts) / np.mean(counts))


def test_impossible_processes_are_refused():
    rng = np.random.default_rng(0)
    for wrong in ((1.0, 2.0, 1.0, 1.0), (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)):
        with pytest.raises(ValueError, match="bursts: expected"):
            bursts(*wrong, 10, rng)
    with pytest.raises(ValueError, match="peak"):
        thinned(lambda t: t, 1.0, 5.0, rng)
    with pytest.raises(ValueError, match="peak > 0"):
        thinned(lambda t: t, 0.0, 5.0, rng)
    with pytest.raises(ValueError, match="swing"):
        diurnal(1.0, 1.5, 1.0, 1.0, rng)
    with pytest.raises(ValueError, match="shape > 1"):
        heavy_tailed(1.0, 1.0, 10, rng)
    with pytest.raises(ValueError, match="in order"):
        replayed([2.0, 1.0], 1.0)
    with pytest.raises(ValueError, match="rate"):
        replayed([1.0, 2.0], 0.0)
    with pytest.raises(ValueError, match="at least two"):
        dispersion([1.0, 2.0], 1.5)
