"""Tensor as an array: operators and NumPy functions give NumPy's values; mistakes are named."""

import operator
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import (
    GraphError,
    ShapeError,
    Tensor,
    broadcast_to,
    concatenate,
    no_grad,
    where,
)

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("f", OPERATORS)
@pytest.mark.parametrize("other", [2, 2.5, np.float64(1.5), np.arange(1.0, 5)])
def test_operators_take_numbers_and_arrays_on_either_side(f, other) -> None:
    data = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
    x = Tensor(data, requires_grad=True)
    np.testing.assert_allclose(f(x, other).numpy(), f(data, other), rtol=1e-15)
    np.testing.assert_allclose(f(other, x).numpy(), f(other, data), rtol=1e-15)
    assert isinstance(f(other, x), Tensor)


@pytest.mark.parametrize("f", [np.exp, np.log, np.sqrt, np.tanh, np.negative, np.absolute])
def test_numpy_functions_go_through_the_table(f) -> None:
    x = Tensor([0.5, 2.0], requires_grad=True)
    y = f(x)
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(y.numpy(), f(x.data))
    y.sum().backward()
    assert np.isfinite(x.grad).all()


vectors = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 5, 3), (3,)), ((3,), (2, 3, 4))]


@pytest.mark.parametrize(("a", "b"), vectors)
def test_products_with_vectors_equal_pytorch(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    ours = [Tensor(rng.standard_normal(s), requires_grad=True) for s in (a, b)]
    theirs = [torch.tensor(x.data, requires_grad=True) for x in ours]
    for pair in (ours, theirs):
        (pair[0] @ pair[1]).sum().backward()
    np.testing.assert_allclose((ours[0] @ ours[1]).numpy(), np.matmul(ours[0].data, ours[1].data))
    for x, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=1e-12)


@given(st.permutations(range(4)), st.integers(-4, 3), st.integers(-4, 3))
def test_axes_move_as_in_numpy(axes: list[int], first: int, second: int) -> None:
    data = np.arange(24.0).reshape(1, 2, 3, 4)
    x = Tensor(data)
    np.testing.assert_array_equal(x.transpose(*axes).numpy(), data.transpose(*axes))
    np.testing.assert_array_equal(x.swapaxes(first, second).numpy(), data.swapaxes(first, second))
    np.testing.assert_array_equal(x.T.numpy(), data.T)


def test_joining_choosing_and_repeating_equal_numpy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 4))
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    np.testing.assert_array_equal(concatenate([x, b], axis=1).numpy(), np.concatenate([a, b], 1))
    np.testing.assert_array_equal(np.concatenate([x, y]).numpy(), np.concatenate([a, b]))
    np.testing.assert_array_equal(where(x > 0, x, y).numpy(), np.where(a > 0, a, b))
    np.testing.assert_array_equal(broadcast_to(x, (2, 3, 4)).numpy(), np.stack([a, a]))
    np.testing.assert_array_equal(x.maximum(y).numpy(), np.maximum(a, b))


def test_a_python_number_does_not_change_the_precision() -> None:
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    assert (x * 2.0 + 1 - 0.5).dtype == np.float32
    assert (2.0 / x).dtype == np.float32


def test_no_grad_records_nothing_in_its_own_thread_only() -> None:
    x = Tensor([1.0], requires_grad=True)
    elsewhere = []
    with no_grad():
        thread = threading.Thread(target=lambda: elsewhere.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    assert elsewhere == [True]


def test_no_grad_ends_when_its_block_raises() -> None:
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(ZeroDivisionError), no_grad():
        _ = 1 / 0
    assert (x + 1).requires_grad


def test_comparisons_are_plain_arrays() -> None:
    x = Tensor([1.0, 3.0], requires_grad=True)
    for result in (x > 2, x >= 3, x < 2, x <= 1, np.equal(x, 3.0), np.sign(x)):
        assert type(result) is np.ndarray


mistakes = [
    (lambda x: x + np.ones(5), ShapeError, r"add: cannot take shapes \(3, 4\) and \(5,\)"),
    (lambda x: x @ x, ShapeError, r"matmul: .*expected \(\.\.\., n, k\) @ \(\.\.\., k, m\)"),
    (lambda x: x.reshape(5, 5), ShapeError, r"reshape: .*as many elements"),
    (lambda x: x.sum(axis=7), ShapeError, "sum: .*axes that the array has"),
    (lambda x: x[9], ShapeError, "getitem: .*index inside the array"),
    (lambda x: x.backward(), ValueError, r"result of a leaf has shape \(3, 4\)"),
    (lambda x: (x * 2).backward(), ValueError, r"multiply has shape.*\.sum\(\)"),
    (lambda x: x.sum().backward(np.ones(3)), ValueError, "they must be equal"),
    (lambda x: Tensor([1.0]).backward(), GraphError, "requires_grad=True"),
    (lambda x: Tensor([1, 2], requires_grad=True), TypeError, "int64.*astype"),
    (lambda x: np.sin(x), TypeError, "np.sin.*no differentiation rule"),
    (lambda x: np.add.accumulate(x), TypeError, r"np.add.accumulate.*no differentiation rule"),
    (lambda x: np.linalg.inv(x), TypeError, "np.inv.*no differentiation rule"),
    (lambda x: np.add(x, x, out=np.empty(3)), TypeError, "no differentiation rule"),
    (lambda x: concatenate([x, np.ones((3, 4, 1))]), ShapeError, "concatenate"),
]


@pytest.mark.parametrize(("wrong", "error", "says"), mistakes)
def test_mistakes_are_named_with_what_was_expected(wrong, error, says: str) -> None:
    with pytest.raises(error, match=says):
        wrong(Tensor(np.ones((3, 4)), requires_grad=True))


def test_repr_shows_data_and_origin() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "Tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "Tensor([2., 4.], from=multiply)"


def test_numbers_and_loops_come_out_as_in_python() -> None:
    x = Tensor([1.5, 2.5])
    assert [float(v) for v in x] == [1.5, 2.5]
    assert x[1].item() == 2.5
    assert len(x) == 2
    assert bool(x[0] > 1)
    assert not x.detach().requires_grad
