"""Layers and losses: values and all gradients equal PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlsys.foundations.autodiff as ad

torch = pytest.importorskip("torch")
F = torch.nn.functional

LABELS = np.array([1, 0, 3, 3, 2])
IDS = np.array([[0, 2, 2], [5, 0, 2]])
CAUSAL_TAIL = torch.ones(3, 5, dtype=torch.bool).tril(2)

CASES: dict[str, tuple[list[tuple[int, ...]], Callable[..., Any], Callable[..., Any]]] = {
    "linear": ([(5, 3), (4, 3), (4,)], ad.linear, F.linear),
    "linear without bias": ([(2, 5, 3), (4, 3)], ad.linear, F.linear),
    "cross entropy": (
        [(5, 4)],
        lambda x: ad.cross_entropy(x, LABELS),
        lambda x: F.cross_entropy(x, torch.tensor(LABELS)),
    ),
    "embedding": (
        [(6, 3)],
        lambda w: ad.embedding(IDS, w),
        lambda w: F.embedding(torch.tensor(IDS), w),
    ),
    "layer norm": (
        [(2, 5, 8), (8,), (8,)],
        ad.layer_norm,
        lambda x, w, b: F.layer_norm(x, (8,), w, b),
    ),
    "batch norm": (
        [(6, 3), (3,), (3,)],
        lambda x, w, b: ad.batch_norm(x, w, b)[0],
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    ),
    "batch norm of images": (
        [(3, 4, 5, 2), (4,), (4,)],
        lambda x, w, b: ad.batch_norm(x, w, b)[0],
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    ),
    "softplus": ([(5, 4)], ad.Tensor.softplus, F.softplus),
    "gelu": ([(5, 4)], ad.Tensor.gelu, lambda x: F.gelu(x, approximate="tanh")),
    "softmax": ([(2, 5, 4)], lambda x: x.softmax(1), lambda x: x.softmax(1)),
    "log softmax": ([(5, 4)], lambda x: x.log_softmax(), lambda x: x.log_softmax(-1)),
    "largest": ([(2, 5, 4)], lambda x: x.max((0, 2)), lambda x: x.amax((0, 2))),
    "convolution": ([(2, 3, 7, 6), (4, 3, 3, 2), (4,)], ad.conv2d, F.conv2d),
    "padded convolution": (
        [(2, 3, 7, 6), (4, 3, 3, 3), (4,)],
        lambda x, w, b: ad.conv2d(x, w, b, stride=2, padding=1),
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
    ),
    "padding wider than the image": (
        [(1, 2, 1, 2), (3, 2, 5, 4)],
        lambda x, w: ad.conv2d(x, w, padding=2),
        lambda x, w: F.conv2d(x, w, padding=2),
    ),
    "max pool side by side": (
        [(2, 3, 6, 9)],
        lambda x: ad.max_pool2d(x, 3),
        lambda x: F.max_pool2d(x, 3),
    ),
    "max pool among equals": (
        [(2, 3, 4, 6)],
        lambda x: ad.max_pool2d(x * 0, 2),
        lambda x: F.max_pool2d(x * 0, 2),
    ),
    "max pool": ([(2, 3, 6, 7)], lambda x: ad.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 2)),
    "overlapping max pool": (
        [(2, 3, 7, 7)],
        lambda x: ad.max_pool2d(x, 3, stride=2),
        lambda x: F.max_pool2d(x, 3, stride=2),
    ),
    "average pool": ([(2, 3, 6, 7)], lambda x: ad.avg_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2)),
    "attention": (
        [(2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)],
        ad.attention,
        F.scaled_dot_product_attention,
    ),
    "causal attention": (
        [(2, 3, 5, 4)] * 3,
        lambda q, k, v: ad.attention(q, k, v, causal=True),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    ),
    "causal attention of the last queries": (
        [(2, 3, 4), (2, 5, 4), (2, 5, 4)],
        lambda q, k, v: ad.attention(q, k, v, causal=True),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=CAUSAL_TAIL),
    ),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_equal_pytorch(name: str, dtype: type) -> None:
    shapes, ours, theirs = CASES[name]
    rng = np.random.default_rng(0)
    data = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    inputs = [ad.Tensor(x, requires_grad=True) for x in data]
    their_inputs = [torch.tensor(x, requires_grad=True) for x in data]
    y, their_y = ours(*inputs), theirs(*their_inputs)
    seed = rng.standard_normal(y.shape).astype(dtype)
    y.backward(seed)
    their_y.backward(torch.tensor(seed))
    # float32: two orders of summation of some hundred terms differ in the sixth digit.
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), **close)
    for x, t in zip(inputs, their_inputs, strict=True):
        np.testing.assert_allclose(x.grad, t.grad.numpy(), **close)
        assert x.grad.dtype == dtype


def test_no_gradient_is_computed_for_an_input_that_wants_none() -> None:
    """The first layer's input gradient is half of its backward work; it must not be paid."""
    x, w = ad.Tensor(np.ones((5, 3))), ad.Tensor(np.ones((4, 3)), requires_grad=True)
    ad.linear(x, w, np.zeros(4)).sum().backward()
    assert x.grad is None
    assert w.grad is not None


def test_a_mlp_learns_the_same_as_in_pytorch() -> None:
    rng = np.random.default_rng(0)
    shapes = [(16, 8), (16,), (4, 16), (4,)]
    start = [rng.standard_normal(shape) * 0.3 for shape in shapes]
    x, labels = rng.standard_normal((32, 8)), rng.integers(0, 4, 32)
    ours = [ad.Tensor(p.copy(), requires_grad=True) for p in start]
    theirs = [torch.tensor(p.copy(), requires_grad=True) for p in start]
    for _ in range(20):
        h = ad.linear(x, ours[0], ours[1]).relu()
        loss = ad.cross_entropy(ad.linear(h, ours[2], ours[3]), labels)
        th = F.linear(torch.tensor(x), theirs[0], theirs[1]).relu()
        their_loss = F.cross_entropy(F.linear(th, theirs[2], theirs[3]), torch.tensor(labels))
        np.testing.assert_allclose(loss.item(), their_loss.item(), rtol=1e-10)
        loss.backward()
        their_loss.backward()
        for p, t in zip(ours, theirs, strict=True):
            p.data -= 0.5 * p.grad
            p.grad = None
            with torch.no_grad():
                t -= 0.5 * t.grad
                t.grad = None
    assert loss.item() < 1.0


mistakes = [
    (lambda: ad.cross_entropy(np.ones((2, 3)), [0.5, 1.0]), TypeError, "integer indices"),
    (lambda: ad.cross_entropy(np.ones((2, 3)), [0, 3]), ad.ShapeError, "0 to classes - 1"),
    (lambda: ad.cross_entropy(np.ones((2, 3)), [0, -1]), ad.ShapeError, "0 to classes - 1"),
    (lambda: ad.cross_entropy(np.ones((2, 3)), [0]), ad.ShapeError, "n integer labels"),
    (lambda: ad.embedding([0, 9], np.ones((4, 2))), ad.ShapeError, "ids run from 0 to 9"),
    (lambda: ad.conv2d(np.ones((3, 3)), np.ones((1, 1, 2, 2))), ValueError, "expected images"),
    (lambda: ad.conv2d(np.ones((1, 2, 3, 3)), np.ones((1, 1, 2, 2))), ValueError, "2 channels"),
    (
        lambda: ad.conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3))),
        ad.ShapeError,
        "3 x 3 kernel does not fit",
    ),
    (lambda: ad.attention(*np.ones((3, 4, 2)), causal=True).sum(9), ad.ShapeError, "sum"),
    (
        lambda: ad.attention(np.ones((4, 2)), np.ones((3, 2)), np.ones((3, 2)), causal=True),
        ValueError,
        "would see no key",
    ),
    (lambda: ad.max_pool2d(np.ones((3, 3)), 2), ValueError, "max_pool2d: expected images"),
]


@pytest.mark.parametrize(("wrong", "error", "says"), mistakes)
def test_mistakes_are_named(wrong: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        wrong()
