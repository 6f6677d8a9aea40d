"""Rates against the matrices they come from; SVRG against normal equations and plain SGD."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import MLP, cross_entropy
from mlsys.foundations.training.optimizers import SGD
from mlsys.foundations.training.variance import (
    best_descent,
    best_heavy_ball,
    sgd_run,
    shrinkage,
    svrg_gradient,
    svrg_run,
    variance,
)

curvatures = st.floats(0.01, 100)


@given(curvatures, st.floats(0, 2), st.floats(0, 0.99))
def test_the_shrinkage_is_the_spectral_radius_of_one_step(curvature, share, momentum):
    lr = share / curvature
    step = np.array([[1 + momentum - lr * curvature, -momentum], [1, 0]])  # (e', e) -> (e'', e')
    radius = np.abs(np.linalg.eigvals(step)).max()
    assert shrinkage(curvature, lr, momentum) == pytest.approx(radius, abs=1e-7)


@given(curvatures, st.floats(1.5, 1000))
def test_the_rates_are_those_of_the_worst_direction(mu, kappa):
    between = np.linspace(mu, kappa * mu, 50)
    for tuning in (best_descent(mu, kappa * mu), best_heavy_ball(mu, kappa * mu)):
        worst = max(shrinkage(c, tuning.lr, tuning.momentum) for c in between)
        assert worst == pytest.approx(tuning.rate, abs=1e-6)


@pytest.mark.parametrize("kappa", [4.0, 100.0])
def test_a_search_finds_no_better_tuning(kappa):
    def worst(settings):
        return max(shrinkage(c, *settings) for c in (1.0, kappa))

    starts = [(1 / kappa, 0.5), (1.5 / kappa, 0.1), (2.5 / kappa, 0.9)]
    found = [minimize(worst, start, method="Nelder-Mead", tol=1e-10).fun for start in starts]
    tuning = best_heavy_ball(1.0, kappa)
    assert min(found) > tuning.rate - 1e-6
    assert worst((tuning.lr, tuning.momentum)) < min(found) + 1e-3
    plain = [worst((lr, 0.0)) for lr in np.linspace(0.01 / kappa, 2 / kappa, 500)]
    assert best_descent(1.0, kappa).rate <= min(plain) + 1e-12


@pytest.mark.parametrize("best", [best_descent, best_heavy_ball])
def test_the_optimizer_runs_at_the_rate_of_the_closed_form(best):
    curvature = np.linspace(1.0, 100.0, 30)
    tuning = best(1.0, 100.0)
    x = Tensor(np.ones(30), requires_grad=True)
    optimizer = SGD([x], tuning.lr, tuning.momentum)
    errors = []
    for _ in range(600):
        x.grad = curvature * x.data
        optimizer.step()
        errors.append(np.abs(x.data).max())
    # Roots that coincide cost heavy ball a factor that grows with the step: hence 2 %.
    assert (errors[599] / errors[299]) ** (1 / 300) == pytest.approx(tuning.rate, rel=0.02)


@pytest.mark.parametrize("kappa", [100.0, 10_000.0])
def test_the_heavy_ball_first_climbs_to_the_root_of_kappa_over_e(kappa):
    """The double root of the steepest direction: (1 + (1 + rate) t) rate^t, at its largest."""
    tuning = best_heavy_ball(1.0, kappa)
    x = Tensor(np.ones(1), requires_grad=True)
    optimizer, peak = SGD([x], tuning.lr, tuning.momentum), 0.0
    for _ in range(int(2 * kappa**0.5)):
        x.grad = kappa * x.data
        optimizer.step()
        peak = max(peak, abs(x.data.item()))
    assert peak == pytest.approx(kappa**0.5 / np.e, rel=2 / kappa**0.5)


# Least squares: example i says (a_i . x - b_i) a_i.


def least_squares(seed, n=60, d=5, noise=1.0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, d))
    b = a @ rng.standard_normal(d) + noise * rng.standard_normal(n)

    def gradient(x, rows):
        return a[rows].T @ (a[rows] @ x - b[rows]) / len(rows)

    optimum = np.linalg.lstsq(a, b, rcond=None)[0]
    return gradient, optimum, np.linalg.norm(a, axis=1).max() ** 2


def each(gradient, n):
    return np.array([gradient(np.array([row])) for row in range(n)])


@given(st.integers(0, 2**32))
def test_svrg_is_right_in_the_mean_whatever_the_anchor(seed):
    gradient, _, _ = least_squares(seed)
    x, anchor = np.random.default_rng(seed).standard_normal((2, 5))
    full = gradient(anchor, np.arange(60))
    all_rows = each(lambda row: svrg_gradient(gradient, x, row, anchor, full), 60)
    np.testing.assert_allclose(all_rows.mean(0), gradient(x, np.arange(60)), atol=1e-12)


@given(st.integers(0, 2**32), st.floats(0.001, 1.0))
def test_svrgs_variance_goes_with_the_square_of_the_distance_and_sgds_stays(seed, far):
    gradient, optimum, smoothness = least_squares(seed)
    direction = np.random.default_rng(seed).standard_normal((2, 5))
    x, anchor = optimum + far * direction
    full = gradient(anchor, np.arange(60))
    corrected = variance(each(lambda row: svrg_gradient(gradient, x, row, anchor, full), 60))
    assert corrected <= smoothness**2 * ((x - anchor) ** 2).sum()
    assert (
        variance(
            each(lambda row: svrg_gradient(gradient, x, row, x, gradient(x, np.arange(60))), 60)
        )
        < 1e-20
    )
    at_optimum = each(lambda row: gradient(optimum, row), 60)
    assert variance(at_optimum) == pytest.approx((at_optimum**2).sum() / 60)  # their mean is zero
    assert variance(at_optimum) > 0.1


@given(st.integers(0, 2**32), st.integers(1, 7))
def test_the_variance_is_numpys(seed, d):
    rows = np.random.default_rng(seed).standard_normal((20, d))
    assert variance(rows) == pytest.approx(np.trace(np.atleast_2d(np.cov(rows.T, bias=True))))


def test_at_a_constant_rate_svrg_arrives_where_sgd_stalls():
    gradient, optimum, smoothness = least_squares(seed=1, n=100)
    start, lr = np.zeros(5), 0.1 / smoothness

    def distances(run):
        xs = run(gradient, start, 100, lr, 60, np.random.default_rng(2))
        return np.array([np.linalg.norm(x - optimum) for x in xs])

    plain, reduced = distances(sgd_run), distances(svrg_run)
    assert reduced[-1] < 1e-6 < 1e-3 < plain[-20:].mean()
    logs = np.log(reduced[5:40])  # a straight line: so many digits an epoch
    slope, start = np.polyfit(np.arange(logs.size), logs, 1)
    assert slope < -0.1
    assert np.abs(logs - slope * np.arange(logs.size) - start).max() < 2.0


def test_on_a_network_the_correction_is_noise_before_an_epoch_is_over():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((640, 16)).astype(np.float32)
    labels = (np.abs(x[:, :10]) + 0.3 * rng.standard_normal((640, 10))).argmax(1)
    model = MLP([16, 32, 32, 10], rng=rng)
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)

    def gradient(rows):
        model.zero_grad()
        cross_entropy(model(x[rows]), labels[rows]).backward()
        return np.concatenate([p.grad.ravel() for p in model.parameters()])

    def left():
        now = each(gradient, 100)
        return variance(now - anchor) / variance(now)

    anchor = each(gradient, 100)
    shares = {}
    for step in range(1, 21):  # one epoch
        gradient(rng.integers(640, size=32))
        optimizer.step()
        if step in (1, 20):
            shares[step] = left()
    assert shares[1] < 0.2
    assert shares[20] > 1.0  # more than without a correction
