"""The alias table exactly; draws against SciPy's distribution and a wide chi-square bound."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlsys.foundations.datasets.zipf import Zipf, alias_table

exponents = st.floats(0, 3)
elements = st.floats(0, 1) | st.integers(0, 3).map(float)  # whole numbers often tie
masses = arrays.arrays(float, st.integers(1, 60), elements=elements).filter(
    lambda mass: mass.sum() > 1e-3
)


def held(threshold, alias):
    """The probability of each key that an alias table holds, column by column."""
    share = threshold / len(threshold)
    np.add.at(share, alias, (1 - threshold) / len(threshold))
    return share


@given(masses)
@example(np.array([1.0, 1.0, 0.0, 0.0]))  # the first pour ends just where a column is full
@example(np.array([3.0, 3.0, 1.0, 1.0, 0.0, 0.0]))
def test_an_alias_table_holds_the_distribution_it_was_made_from(mass):
    p = mass / mass.sum()
    threshold, alias = alias_table(p)
    assert (threshold >= -1e-12).all() and (threshold <= 1 + 1e-12).all()
    np.testing.assert_allclose(held(threshold, alias), p, atol=1e-12)


@given(n=st.integers(1, 3000), s=exponents)
def test_the_table_holds_scipys_bounded_zipf(n, s):
    oracle = scipy.stats.zipfian.pmf(np.arange(1, n + 1), s, n)
    zipf = Zipf(n, s)
    np.testing.assert_allclose(zipf.probability, oracle, rtol=1e-9)
    np.testing.assert_allclose(held(*zipf.table), oracle, atol=1e-11)


@given(n=st.integers(1, 2000), s=exponents, k=st.integers(0, 2000))
def test_the_share_of_the_top_is_a_ratio_of_harmonic_numbers(n, s, k):
    terms = [1 / j**s for j in range(1, n + 1)]
    assert Zipf(n, s).share_of_top(k) == pytest.approx(sum(terms[:k]) / sum(terms))


@given(n=st.integers(1, 500), s=exponents, seed=st.integers(0, 2**32 - 1))
def test_search_is_the_inverse_of_the_cumulative_distribution(n, s, seed):
    u = np.random.default_rng(seed).random(100)
    keys = Zipf(n, s).search(u)
    total = np.cumsum(Zipf(n, s).probability)
    assert (keys < n).all()
    assert (u < total[keys] + 1e-12).all()
    assert (u >= np.concatenate([[0], total])[keys] - 1e-12).all()


@pytest.mark.parametrize("way", ["search", "look_up"])
@pytest.mark.parametrize(("n", "s"), [(1, 1.0), (7, 0.0), (100, 1.0), (300, 1.7)])
def test_both_ways_of_drawing_are_within_six_sigma_of_the_distribution(way, n, s):
    zipf = Zipf(n, s)
    uniform = np.random.default_rng(11).random(200_000)
    seen = np.bincount(getattr(zipf, way)(uniform), minlength=n)
    expected = zipf.probability * len(uniform)
    chi_square = ((seen - expected) ** 2 / expected).sum()
    assert len(seen) == n
    assert chi_square <= n + 6 * np.sqrt(2 * n)  # n - 1 degrees: mean n - 1, variance 2 (n - 1)


def test_the_last_number_below_one_gives_a_key():
    below_one = np.array([np.nextafter(1, 0)])
    for n in (1, 3, 1_000_003):
        zipf = Zipf(n, 0.5)
        assert zipf.search(below_one) < n and zipf.look_up(below_one) < n


@pytest.mark.parametrize(("n", "s"), [(0, 1.0), (5, -0.1), (5, float("inf")), (5, float("nan"))])
def test_what_is_no_distribution_is_refused(n, s):
    with pytest.raises(ValueError, match="exponent >= 0"):
        Zipf(n, s)
