"""Updates on a server are those of the books: PyTorch's, an algorithm of a paper, a closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.updates import (
    FTRL,
    SGD,
    Adagrad,
    Add,
    Assign,
    ProximalL1,
    soft_threshold,
)

SHAPE = (5, 3)
seeds = st.integers(0, 2**32 - 1)


def steps(update, weights, gradients):
    """The weights after all gradients."""
    weights = weights.copy()
    state = {name: np.zeros_like(weights) for name in update.state_names}
    for gradient in gradients:
        update.apply(weights, state, gradient)
    return weights


def problem(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=SHAPE), rng.normal(size=(6, *SHAPE))


@given(seeds)
def test_add_and_assign(seed):
    weights, gradients = problem(seed)
    np.testing.assert_allclose(steps(Add(), weights, gradients), weights + gradients.sum(0))
    np.testing.assert_array_equal(steps(Assign(), weights, gradients), gradients[-1])


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    ours = {"SGD": SGD(0.1), "Adagrad": Adagrad(0.1)}[name]
    weights, gradients = problem(3)
    tensor = torch.tensor(weights, requires_grad=True)
    optimizer = getattr(torch.optim, name)([tensor], lr=0.1)
    for gradient in gradients:
        tensor.grad = torch.tensor(gradient)
        optimizer.step()
    np.testing.assert_allclose(steps(ours, weights, gradients), tensor.detach().numpy())


def follow(gradients, alpha, beta, l1, l2):
    """Algorithm 1 of McMahan and others for one coordinate, number by number."""
    z = n = w = 0.0
    for g in gradients:
        sigma = ((n + g * g) ** 0.5 - n**0.5) / alpha
        z, n = z + g - sigma * w, n + g * g
        sign = -1.0 if z < 0 else 1.0
        w = 0.0 if abs(z) <= l1 else -(z - sign * l1) / ((beta + n**0.5) / alpha + l2)
    return w


@given(seeds, st.floats(0.01, 1), st.floats(0, 2), st.floats(0, 1))
def test_ftrl_is_its_algorithm(seed, alpha, l1, l2):
    _, gradients = problem(seed)
    found = steps(FTRL(alpha, 1.0, l1, l2), np.zeros(SHAPE), gradients)
    expected = np.apply_along_axis(lambda g: follow(g, alpha, 1.0, l1, l2), 0, gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert ((found == 0) == (expected == 0)).all()


@given(st.floats(-5, 5), st.floats(0, 3))
def test_the_threshold_is_the_nearest_cheap_point(x, by):
    """No point of a fine grid costs less than the closed form."""

    def cost(w):
        return (w - x) ** 2 / 2 + by * np.abs(w)

    found = soft_threshold(np.array(x), by)
    assert cost(found) <= cost(np.linspace(-6, 6, 2001)).min() + 1e-12


@given(seeds)
def test_a_proximal_step_is_a_gradient_step_and_a_threshold(seed):
    weights, gradients = problem(seed)
    step = weights - 0.1 * gradients[0]
    expected = np.sign(step) * np.maximum(np.abs(step) - 0.1 * 0.5, 0)
    np.testing.assert_allclose(steps(ProximalL1(0.1, 0.5), weights, gradients[:1]), expected)
