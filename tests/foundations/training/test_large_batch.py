"""Noise scales against quadratics of known noise; LARS and LAMB against PyTorch's directions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.training.large_batch import (
    LAMB,
    LARS,
    best_rate,
    lamb,
    lars,
    noise_scale,
    scaled_rate,
    signal_and_noise,
    steps_to_target,
    trust_ratio,
)

torch = pytest.importorskip("torch")

seeds = st.integers(0, 2**32)


def drawn(seed, count=2, shape=(4, 3)):
    return np.random.default_rng(seed).standard_normal((count, *shape))


def length(x):
    return float(np.linalg.norm(x))


# ------------------------------------------------------------ layers at a rate of their own


def steps_of(ours, theirs, seed, steps=5):
    """Moves of our optimizer and of one of PyTorch, from the same places, on the same gradients."""
    p, *gradients = drawn(seed, steps + 1)
    a, b = Tensor(p.copy(), requires_grad=True), torch.tensor(p, requires_grad=True)
    mine, other = ours([a]), theirs([b])
    for g in gradients:
        before = a.data.copy()
        b.data = torch.tensor(before)
        a.grad, b.grad = g, torch.tensor(g)
        mine.step()
        other.step()
        yield before, a.data - before, b.detach().numpy() - before


@given(seeds)
def test_lamb_moves_along_adamw_and_as_far_as_the_weights_are_long(seed):
    settings = {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.3}
    ours = lambda parameters: LAMB(parameters, **settings)  # noqa: E731
    theirs = lambda parameters: torch.optim.AdamW(parameters, **settings)  # noqa: E731
    for before, move, adamw in steps_of(ours, theirs, seed):
        assert length(move) == pytest.approx(0.02 * length(before))
        np.testing.assert_allclose(move / length(move), adamw / length(adamw), atol=1e-9)


@given(seeds)
def test_lars_moves_along_sgd_and_its_first_step_is_a_share_of_the_weights(seed):
    ours = lambda parameters: LARS(parameters, 2.0, 0.0, 0.1, trust=0.01)  # noqa: E731
    theirs = lambda parameters: torch.optim.SGD(parameters, 1.0, 0.0, weight_decay=0.1)  # noqa: E731
    for before, move, sgd in steps_of(ours, theirs, seed):
        np.testing.assert_allclose(move / length(move), sgd / length(sgd), atol=1e-9)
        g = -sgd - 0.1 * before
        share = 2.0 * 0.01 * length(before) / (length(g) + 0.1 * length(before))
        np.testing.assert_allclose(move, share * sgd, rtol=1e-9, atol=1e-12)


@given(seeds)
def test_lars_keeps_a_velocity_of_moves(seed):
    p, *gradients = drawn(seed, 6)
    x, velocity, moves = p.copy(), np.zeros_like(p), np.zeros_like(p)
    for k, g in enumerate(gradients):
        lr = 0.5 * (k + 1)  # a schedule
        rate = lr * 0.01 * length(p) / (length(g) + 0.2 * length(p))
        moves = 0.9 * moves + rate * (g + 0.2 * p)
        p = p - moves
        lars(x, g, velocity, lr, 0.9, 0.2, 0.01)
        np.testing.assert_allclose(x, p, rtol=1e-9, atol=1e-12)


@given(seeds, st.sampled_from([1e-3, 7.0, 1e4]))
def test_neither_notices_how_large_gradients_are(seed, times):
    for rule in (
        lambda p, g: lars(p, g, np.zeros_like(p), 1.0),
        lambda p, g: lamb(p, g, np.zeros_like(p), np.zeros_like(p), 1, 0.1, eps=0.0),
    ):
        p, g = drawn(seed)
        q = p.copy()
        rule(p, g)
        rule(q, times * g)
        np.testing.assert_allclose(p, q, rtol=1e-9)


def test_a_layer_of_zeros_leaves_zero_and_one_without_gradient_decays():
    assert trust_ratio(np.zeros(3), np.ones(3)) == trust_ratio(np.ones(3), np.zeros(3)) == 1.0
    p = np.zeros(3)
    lars(p, np.ones(3), np.zeros(3), lr=1.0, trust=0.01)
    assert (p == -0.01).all()
    lamb(p, np.ones(3), np.zeros(3), np.zeros(3), 1, lr=0.1)
    assert (p < -0.01).all()
    q = np.ones(3)
    lars(q, np.zeros(3), np.zeros(3), lr=1.0, weight_decay=0.1, trust=0.01)
    assert (q < 1).all() and (q > 0.99).all()


# ------------------------------------------------------------ how large a batch


@given(st.floats(0.1, 10), st.floats(0.1, 1000), st.integers(1, 50), st.integers(1, 50))
def test_two_batch_sizes_give_signal_and_noise_exactly_when_means_are_exact(
    signal, noise, small, more
):
    big = small + more
    squares = [np.array([signal + noise / batch]) for batch in (small, big)]
    got = signal_and_noise(*squares, small, big)
    np.testing.assert_allclose(got, (signal, noise), rtol=1e-6)
    assert noise_scale(*squares, small, big) == pytest.approx(noise / signal, rel=1e-5)


def test_measured_on_a_noisy_quadratic_the_estimates_have_no_bias():
    # Examples y are normal around 0 with deviations s; the gradient of |x - y|^2 / 2 is x - y.
    rng, x, s = np.random.default_rng(0), np.array([1.0, -2.0, 0.5]), np.array([3.0, 1.0, 2.0])
    repeats, small, big = 20_000, 4, 16
    found = []
    for _ in range(10):  # ten estimates, of which the mean and its error are known
        of_batch = {
            batch: ((x - s / np.sqrt(batch) * rng.standard_normal((repeats // 10, 3))) ** 2).sum(1)
            for batch in (small, big)
        }
        found.append(signal_and_noise(of_batch[small], of_batch[big], small, big))
    error = np.std(found, axis=0) / np.sqrt(10)
    truth = np.array([(x**2).sum(), (s**2).sum()])
    assert (np.abs(np.mean(found, axis=0) - truth) < 8 * error).all()


def test_noise_without_a_signal_has_no_scale_and_one_batch_size_is_not_two():
    assert noise_scale(np.array([1.0]), np.array([0.4]), 1, 2) == np.inf
    with pytest.raises(ValueError, match="two batch sizes"):
        noise_scale(np.ones(3), np.ones(3), 8, 8)


@given(seeds, st.integers(1, 10_000))
def test_no_rate_gains_more_in_one_step_of_a_noisy_quadratic(seed, batch):
    rng = np.random.default_rng(seed)
    curvature, g, noise = rng.uniform(0.5, 5, 6), rng.standard_normal(6), rng.uniform(0, 30, 6)

    def loss_after(lr):  # expected: the noise of the step adds curvature * lr^2 * noise / 2 batch
        return -lr * g @ g + lr**2 * (curvature @ (g**2 + noise / batch)) / 2

    best = minimize_scalar(loss_after, bounds=(0, 10), method="bounded", options={"xatol": 1e-9}).x
    largest = g @ g / (curvature @ g**2)
    critical = (curvature @ noise) / (curvature @ g**2)
    assert best_rate(batch, largest, critical) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("critical", [1.0, 100.0])
def test_steps_on_a_quadratic_follow_the_law(critical):
    # Noise in proportion to |G|^2 has the same scale all the way; rates are short of the largest.
    def steps(batch):
        lr, square, count = 0.01 * best_rate(batch, 1.0, critical), 1.0, 0
        while square > 1e-4:
            square *= (1 - lr) ** 2 + lr**2 * critical / batch  # E |x - lr (x + noise)|^2
            count += 1
        return count

    fewest = steps(1e9)
    for batch in (critical / 10, critical, 10 * critical):
        assert steps(batch) == pytest.approx(steps_to_target(batch, fewest, critical), rel=0.02)


@given(st.floats(1, 1e4), st.floats(1, 1e4), st.floats(0.1, 1e4))
def test_what_is_saved_in_steps_is_paid_in_examples(fewest, critical, batch):
    steps = steps_to_target(batch, fewest, critical)
    least = fewest * critical  # examples, in the limit of small batches
    product = (steps / fewest - 1) * (steps * batch / least - 1)
    assert product == pytest.approx(1.0)


def test_the_rate_warms_up_to_the_scaled_one_and_stays():
    rates = [scaled_rate(step, 0.1, 8.0, 5) for step in range(10)]
    np.testing.assert_allclose(np.diff(rates[:6]), 0.14)
    np.testing.assert_allclose(rates[5:], 0.8)
    assert scaled_rate(0, 0.1, 8.0, 0) == pytest.approx(0.8)
