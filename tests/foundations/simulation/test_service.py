"""What is drawn against SciPy's distributions, and moments against integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from mlsys.foundations.simulation.service import (
    BoundedPareto,
    Constant,
    Exponential,
    Lognormal,
    TwoPoint,
)

positive = st.floats(0.01, 100)


@given(positive, positive)
def test_the_moments_are_those_of_scipy(mean, variation):
    for ours, theirs in (
        (Exponential(mean), stats.expon(scale=mean)),
        (lognormal := Lognormal(mean, variation), scipys(lognormal)),
        (Constant(mean), stats.uniform(loc=mean, scale=0)),
    ):
        if not isinstance(ours, Constant):
            assert ours.mean == pytest.approx(theirs.mean())
            assert ours.second_moment == pytest.approx(theirs.var() + theirs.mean() ** 2)
    assert (Constant(mean).mean, Constant(mean).second_moment) == (mean, mean * mean)


def scipys(service):
    spread = math.log(1 + service.variation**2)
    return stats.lognorm(math.sqrt(spread), scale=service.mean * math.exp(-spread / 2))


@given(positive, st.floats(1.1, 1000), st.sampled_from([1.0, 2.0]) | st.floats(0.3, 4))
def test_the_moments_of_a_bounded_pareto_are_its_integrals(low, ratio, shape):
    service, high = BoundedPareto(low, low * ratio, shape), low * ratio
    mass = 1 - ratio**-shape

    def moment(k):  # with x = e^u, which tames the range
        def density(u):
            return math.exp((k - shape) * u) * shape * low**shape / mass

        return integrate.quad(density, math.log(low), math.log(high))[0]

    assert moment(0) == pytest.approx(1)
    assert service.mean == pytest.approx(moment(1), rel=1e-6)
    assert service.second_moment == pytest.approx(moment(2), rel=1e-6)


@pytest.mark.parametrize(
    ("service", "cdf"),
    [
        (Exponential(2.0), stats.expon(scale=2.0).cdf),
        (Lognormal(2.0, 1.5), scipys(Lognormal(2.0, 1.5)).cdf),
        (BoundedPareto(1, 50, 1.2), lambda x: (1 - x**-1.2) / (1 - 50**-1.2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_draws_follow_the_distribution(service, cdf):
    times = service.draw(50_000, np.random.default_rng(0))
    assert stats.kstest(times, cdf).pvalue > 1e-6


@given(st.floats(0, 1), positive, positive)
def test_two_points_are_two_points(share, short, long):
    service = TwoPoint(short, long, share)
    times = service.draw(1000, np.random.default_rng(0))
    assert set(times) <= {short, long}
    spread = math.sqrt(share * (1 - share) / 1000)
    if short != long:
        assert (times == long).mean() == pytest.approx(share, abs=6 * spread + 1e-3)
    assert service.mean == pytest.approx((1 - share) * short + share * long)
    assert service.second_moment == pytest.approx((1 - share) * short**2 + share * long**2)


def test_draws_are_repeatable_and_within_bounds():
    for service in (Constant(3.0), BoundedPareto(1, 9, 2.0)):
        one, two = (service.draw(100, np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(one, two)
    assert one.min() >= 1 and one.max() <= 9


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Constant(0.0), "mean > 0"),
        (lambda: Exponential(math.inf), "finite mean"),
        (lambda: Lognormal(1.0, -1.0), "variation > 0"),
        (lambda: BoundedPareto(2.0, 1.0, 1.0), "low < high"),
        (lambda: BoundedPareto(1.0, 2.0, 0.0), "shape > 0"),
        (lambda: TwoPoint(1.0, 2.0, 1.5), "share"),
    ],
)
def test_impossible_distributions_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
