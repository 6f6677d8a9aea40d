"""Every entry of the table: values, derivatives to second order, agreement with PyTorch."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from mlsys.foundations.autodiff import Tensor, check_gradients
from mlsys.foundations.autodiff.check import GradientError
from mlsys.foundations.autodiff.graph import Rule
from mlsys.foundations.autodiff.rules import RULES
from mlsys.foundations.autodiff.windows import Window

Sample = tuple[tuple[np.ndarray, ...], tuple[Any, ...]]  # inputs, static arguments

WINDOW = Window(3, 2, 2, 1)
LABELS = np.array([2, 0, 1, 2])
WINNERS = np.arange(12).reshape(2, 1, 2, 3) % 4


def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[np.ndarray, ...]]:
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


def positive(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[np.ndarray, ...]]:
    return lambda rng: tuple(rng.uniform(0.5, 2, shape) for shape in shapes)


def distinct(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[np.ndarray, ...]]:
    """Values well apart from each other and from 0: no kink within reach of a difference."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        sizes = [int(np.prod(shape)) for shape in shapes]
        values = (rng.permutation(sum(sizes)) + 0.5) * 0.1 - 0.05 * sum(sizes) + 0.02
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))

    return draw


# What differs from two broadcasting inputs of shapes (3, 4) and (4,), or one input (3, 4).
SPECIAL: dict[str, list[tuple[Any, tuple[Any, ...]]]] = {
    "divide": [(positive((3, 4), (3, 1)), ())],
    "power": [(positive((3, 4), (4,)), ())],
    "maximum": [(distinct((3, 4), (4,)), ())],
    "where": [(normal((3, 4), (4,)), (np.arange(12).reshape(3, 4) % 3 == 0,))],
    "log": [(positive((3, 4)), ())],
    "sqrt": [(positive((3, 4)), ())],
    "absolute": [(distinct((3, 4)), ())],
    "relu": [(distinct((3, 4)), ())],
    "sum": [(normal((3, 4)), (None, False)), (normal((2, 3, 4)), ((0, -1), True))],
    "mean": [(normal((3, 4)), (None, False)), (normal((2, 3, 4)), (1, False))],
    "max": [(distinct((3, 4)), (None, False)), (distinct((2, 3, 4)), ((0, 2), False))],
    "softmax": [
        (normal((3, 4)), (-1, None)),
        (
            normal((2, 3, 3)),
            (-2, np.where(np.tri(3, 3, -1, dtype=bool), -np.inf, 0.0).astype(np.float32)),
        ),
    ],
    "softmax_pull": [(normal((3, 4), (3, 4)), (0,))],
    "log_softmax": [(normal((3, 4)), (0,))],
    "cross_entropy": [(normal((4, 3)), (LABELS, []))],
    "normalize": [
        (normal((3, 4)), (1e-5, [])),
        (normal((3, 2, 2, 3)), (1e-5, [], (0, 2, 3))),
        (normal((4, 3)), (1e-5, [], (0,))),
    ],
    "affine": [
        (normal((3, 4), (4,), (4,)), ()),
        (normal((2, 3, 2, 2), (3, 1, 1), (3, 1, 1)), ()),
    ],
    "max_pool": [(distinct((2, 3, 4, 6)), (2, [])), (distinct((1, 1, 3, 6)), (3, []))],
    "unpool": [(normal((2, 1, 2, 3)), (WINNERS, 2))],
    "pick": [(normal((2, 1, 4, 6)), (WINNERS, 2))],
    "matmul": [(normal((3, 4), (4, 2)), ()), (normal((2, 1, 3, 4), (5, 4, 2)), ())],
    "matmul_nt": [(normal((3, 4), (2, 4)), ()), (normal((2, 1, 3, 4), (5, 2, 4)), ())],
    "matmul_tn": [(normal((4, 3), (4, 2)), ()), (normal((2, 1, 4, 3), (5, 4, 2)), ())],
    "linear": [(normal((3, 4), (2, 4), (2,)), ()), (normal((2, 3, 4), (2, 4), (2,)), ())],
    "filter": [(normal((2, 6), (3, 6, 5)), ())],
    "reshape": [(normal((3, 4)), ((2, 6),)), (normal((3, 4)), (-1,))],
    "transpose": [(normal((2, 3, 4)), ((2, 0, 1),))],
    "broadcast_to": [(normal((3, 1)), ((2, 3, 4),))],
    "concatenate": [(normal((2, 3), (1, 3), (2, 3)), (0,)), (normal((2, 1), (2, 3)), (-1,))],
    "getitem": [
        (normal((3, 4)), ((slice(None), slice(1, None, 2)),)),
        (normal((3, 4)), (np.array([0, 2, 2, 0]),)),
        (normal((3, 4)), ((np.array([0, 0]), np.array([1, 1])),)),
        (normal((3, 4)), ((None, ..., 1),)),
    ],
    "put": [
        (normal((2, 4)), (slice(0, 2), (3, 4))),
        (normal((3, 4)), (np.array([1, 1, 0]), (3, 4))),
    ],
    "embed": [(normal((5, 3)), (np.array([[0, 4], [4, 4]]),))],
    "add_rows": [(normal((4, 3)), (np.array([1, 1, 0, 2]), 5))],
    "unfold": [(normal((2, 3, 5, 4)), (WINDOW,)), (normal((1, 1, 1, 2)), (Window(5, 4, 1, 2),))],
    "fold": [(normal((2, 18, 9)), ((2, 3, 5, 4), WINDOW))],
}


def samples() -> list[Any]:
    cases = []
    for name, rule in RULES.items():
        default = normal((3, 4), (4,)) if len(rule.vjps) == 2 else normal((3, 4))
        for i, (draw, static) in enumerate(SPECIAL.get(name, [(default, ())])):
            cases.append(pytest.param(rule, draw, static, id=f"{name}-{i}"))
    return cases


def as_function(rule: Rule, static: tuple[Any, ...]) -> Callable[..., Tensor]:
    return lambda *inputs: rule(*inputs, static=deepcopy(static))  # a call's own place to save in


@pytest.mark.parametrize(("rule", "draw", "static"), samples())
def test_derivatives_agree_with_finite_differences_to_second_order(
    rule: Rule, draw: Any, static: tuple[Any, ...]
) -> None:
    rng = np.random.default_rng(0)
    check_gradients(as_function(rule, static), *draw(rng), rng=rng, order=2)


@pytest.mark.parametrize(("rule", "draw", "static"), samples())
def test_float32_in_gives_float32_values_and_gradients(
    rule: Rule, draw: Any, static: tuple[Any, ...]
) -> None:
    inputs = [
        Tensor(x.astype(np.float32), requires_grad=True) for x in draw(np.random.default_rng(1))
    ]
    y = as_function(rule, static)(*inputs)
    y.sum().backward()
    assert y.dtype == np.float32
    for x in inputs:
        assert x.grad.dtype == np.float32
        assert x.grad.shape == x.shape


@pytest.mark.parametrize(("rule", "draw", "static"), samples())
def test_derivatives_change_none_of_their_arguments(
    rule: Rule, draw: Any, static: tuple[Any, ...]
) -> None:
    arrays = draw(np.random.default_rng(2))
    inputs = [Tensor(x.copy(), requires_grad=True) for x in arrays]
    y = as_function(rule, static)(*inputs)
    seed, value = np.ones(y.shape), y.numpy().copy()
    y.backward(seed, retain_graph=True)
    y.backward(seed)  # a second walk finds everything as it was
    np.testing.assert_array_equal(y.numpy(), value)
    np.testing.assert_array_equal(seed, 1)
    fresh = [Tensor(x, requires_grad=True) for x in arrays]
    as_function(rule, static)(*fresh).backward(seed)
    for x, once in zip(inputs, fresh, strict=True):
        np.testing.assert_array_equal(x.data, once.data)
        np.testing.assert_allclose(x.grad, 2 * once.grad, rtol=1e-12)


def test_a_wrong_derivative_is_caught() -> None:
    """The referee itself: each kind of slip in a rule is noticed."""
    rng = np.random.default_rng(0)

    def cut(x: Any) -> Any:  # loses the graph of x
        return x.numpy() if isinstance(x, Tensor) else x

    slips = {
        "sign": Rule("tanh", np.tanh, lambda g, y, x: -g * (1 - y * y)),
        "factor": Rule("square", np.square, lambda g, y, x: g * x),
        "input for output": Rule("exp", np.exp, lambda g, y, x: g * x),
        "forgets g": Rule("sin", np.sin, lambda g, y, x: x * 0 + 1),
        "no second order": Rule("cube", lambda x: x**3, lambda g, y, x: g * (3 * cut(x) ** 2)),
    }
    for slip, rule in slips.items():
        with pytest.raises(GradientError):
            check_gradients(as_function(rule, ()), rng.standard_normal(4), rng=rng, order=2)
            pytest.fail(slip)


UNARY = {
    "exp": (Tensor.exp, "exp"), "log": (Tensor.log, "log"), "sqrt": (Tensor.sqrt, "sqrt"),
    "tanh": (Tensor.tanh, "tanh"), "sigmoid": (Tensor.sigmoid, "sigmoid"),
    "relu": (Tensor.relu, "relu"), "absolute": (abs, "abs"), "negative": (lambda x: -x, "neg"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_variable_equal_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = UNARY[name]
    data = np.random.default_rng(3).uniform(0.1, 3, (5, 7))
    x, tx = Tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    y, ty = ours(x), getattr(torch, theirs)(tx)
    (y * y).sum().backward()
    (ty * ty).sum().backward()
    np.testing.assert_allclose(y.numpy(), ty.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(x.grad, tx.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("x", [-1000.0, -30.0, 0.0, 30.0, 1000.0])
def test_saturating_functions_neither_overflow_nor_warn(x: float) -> None:
    with np.errstate(all="raise", under="ignore"):
        for f in (Tensor.sigmoid, Tensor.tanh, Tensor.gelu, Tensor.softmax, Tensor.log_softmax):
            leaf = Tensor([x, 0.0], requires_grad=True)
            f(leaf).sum().backward()
            assert np.isfinite(leaf.grad).all()
