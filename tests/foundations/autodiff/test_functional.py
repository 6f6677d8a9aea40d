"""Derivatives as functions: they nest, agree with PyTorch's, and touch nobody's ``grad``."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import (
    Tensor,
    checkpoint,
    grad,
    hvp,
    jvp,
    linear,
    value_and_grad,
    vjp,
    where,
)

RNG = np.random.default_rng(0)
A, X, V = RNG.standard_normal((4, 4)), RNG.standard_normal(4), RNG.standard_normal(4)


def bowl(x: Tensor) -> Tensor:
    return ((x @ A).tanh() * x.exp()).sum()


def field(x: Tensor) -> Tensor:
    return (x @ A).tanh() * x.exp()


def torch_bowl(x):
    import torch

    return ((x @ torch.tensor(A)).tanh() * x.exp()).sum()


def test_gradient_hessian_product_and_third_order_equal_pytorch() -> None:
    torch = pytest.importorskip("torch")
    x, v = torch.tensor(X), torch.tensor(V)
    np.testing.assert_allclose(grad(bowl)(X), torch.func.grad(torch_bowl)(x))
    hessian = torch.func.hessian(torch_bowl)(x)
    np.testing.assert_allclose(hvp(bowl, X, V), hessian @ v, rtol=1e-10)
    third = grad(lambda x: (hvp(bowl, x, V) * V).sum())(X)
    theirs = torch.func.grad(lambda x: v @ torch.func.hessian(torch_bowl)(x) @ v)(x)
    np.testing.assert_allclose(third, theirs, rtol=1e-10)


def test_forward_and_reverse_are_transposes_of_each_other() -> None:
    u = RNG.standard_normal(4)
    _, pull_back = vjp(field, X)
    _, along = jvp(field, [X], [V])
    np.testing.assert_allclose(np.vdot(pull_back(u)[0], V), np.vdot(u, along), rtol=1e-12)


def test_jvp_equals_pytorch_and_may_be_differentiated() -> None:
    torch = pytest.importorskip("torch")
    y, along = jvp(bowl, [X], [V])
    their_y, theirs = torch.func.jvp(torch_bowl, (torch.tensor(X),), (torch.tensor(V),))
    np.testing.assert_allclose([y, along], [their_y, theirs], rtol=1e-12)
    through = grad(lambda x: jvp(bowl, [x], [V])[1])(X)
    np.testing.assert_allclose(through, hvp(bowl, X, V), rtol=1e-10)


@given(st.integers(1, 6), st.floats(0.2, 2))
def test_repeated_derivatives_of_a_power_follow_the_factorial(n: int, x: float) -> None:
    f = lambda t: t**6  # noqa: E731
    for _ in range(n):
        f = grad(f)
    falling = np.prod(np.arange(6, 6 - n, -1.0))
    np.testing.assert_allclose(f(np.array(x)), falling * x ** (6 - n), rtol=1e-9)


def test_inner_derivatives_do_not_leak_into_outer_ones() -> None:
    """d/dx [x * d/dy (x y)] = d/dx [x * x] = 2 x: perturbation confusion would give 3 x."""
    outer = grad(lambda x: x * grad(lambda y: x * y)(Tensor(2.0, requires_grad=True)))
    np.testing.assert_allclose(outer(np.array(3.0)), 6.0)


def test_gradient_in_another_argument_and_value_beside_it() -> None:
    value, slope = value_and_grad(lambda a, b: (a * b * b).sum(), argument=1)(X, V)
    np.testing.assert_allclose(value, (X * V * V).sum())
    np.testing.assert_allclose(slope, 2 * X * V)


def test_nothing_touches_grad() -> None:
    w = Tensor(A, requires_grad=True)
    w.grad = np.full((4, 4), 7.0)
    grad(lambda x: (x @ w).sum())(X)
    jvp(lambda x: (x @ w).tanh(), [X], [V])
    hvp(lambda x: (x @ w).tanh().sum(), X, V)
    np.testing.assert_array_equal(w.grad, 7)


def test_results_are_arrays_that_may_be_written() -> None:
    gradient = grad(lambda x: x.sum())(X)
    gradient += 1
    np.testing.assert_array_equal(gradient, 2)
    assert type(gradient) is np.ndarray


def test_independent_inputs_get_zeros() -> None:
    _, pull_back = vjp(lambda a, b: a * 2, X, V)
    np.testing.assert_array_equal(pull_back(np.ones(4))[1], 0)
    np.testing.assert_array_equal(grad(lambda x: Tensor(1.0))(X), 0)
    np.testing.assert_array_equal(hvp(lambda x: x.sum(), X, V), 0)


def test_create_graph_makes_gradients_of_gradients_through_grad() -> None:
    x = Tensor(X, requires_grad=True)
    bowl(x).backward(create_graph=True)
    slope = x.grad
    assert isinstance(slope, Tensor)
    x.grad = None
    (slope * V).sum().backward()
    np.testing.assert_allclose(x.grad, hvp(bowl, X, V), rtol=1e-10)


def test_checkpoint_gives_the_same_gradients_of_inputs_and_captured_leaves() -> None:
    w, b = Tensor(A, requires_grad=True), Tensor(V, requires_grad=True)
    results = []
    for wrap in (lambda f, *inputs: f(*inputs), checkpoint):
        x = Tensor(X[None], requires_grad=True)
        h = x
        for _ in range(3):
            h = wrap(lambda h: linear(h, w, b).tanh() * h, h)
        (h * h).sum().backward()
        results.append((x.grad, w.grad, b.grad))
        w.grad = b.grad = None
    for plain, again in zip(*results, strict=True):
        np.testing.assert_allclose(again, plain, rtol=1e-12)


def test_checkpoint_keeps_the_inputs_and_computes_once_more() -> None:
    calls, inner = [], []

    def segment(h: Tensor) -> Tensor:
        calls.append(1)
        middle = h * h
        inner.append(middle)
        return middle.exp()

    x = Tensor(X, requires_grad=True)
    y = checkpoint(segment, x)
    assert y.inputs == (x,)  # nothing of what lies between is reachable from the result
    assert len(calls) == 1
    y.sum().backward()
    assert len(calls) == 2


def test_checkpoint_may_be_nested_and_differentiated_twice() -> None:
    def deep(x: Tensor) -> Tensor:
        return checkpoint(lambda h: checkpoint(lambda k: (k @ A).tanh(), h) * h.exp(), x).sum()

    np.testing.assert_allclose(grad(deep)(X), grad(bowl)(X), rtol=1e-12)
    np.testing.assert_allclose(hvp(deep, X, V), hvp(bowl, X, V), rtol=1e-10)


def test_data_dependent_branches_are_followed() -> None:
    slope = grad(lambda x: where(x > 0, x * x, -x).sum())(np.array([3.0, -3.0]))
    np.testing.assert_array_equal(slope, [6, -1])


mistakes = [
    (lambda: grad(lambda x: x * 2)(X), ValueError, r"returned shape \(4,\).*vjp"),
    (lambda: grad(lambda x: x.data.sum())(X), TypeError, "expected one Tensor"),
    (lambda: grad(lambda x: x.sum())(np.array([1, 2])), TypeError, "int64.*astype"),
    (lambda: vjp(field, X)[1](np.ones(3)), ValueError, r"shapes \[\(4,\)\].*got \[\(3,\)\]"),
    (lambda: jvp(field, [X], [np.ones(2)]), ValueError, r"got \[\(2,\)\]"),
    (lambda: hvp(bowl, X, np.ones(2)), ValueError, r"got \[\(2,\)\]"),
]


@pytest.mark.parametrize(("wrong", "error", "says"), mistakes)
def test_mistakes_are_named(wrong, error, says) -> None:
    with pytest.raises(error, match=says):
        wrong()
