"""Losses equal PyTorch's in value and gradient, and stay finite where the model is very wrong."""

import numpy as np
import pytest

from mlsys.foundations import nn
from mlsys.foundations.autodiff import Tensor

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(0)


def same(ours, theirs, x) -> None:
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss, loss_torch = ours(a), theirs(b)
    np.testing.assert_allclose(loss.item(), loss_torch.item(), rtol=1e-6)
    loss.backward()
    loss_torch.backward()
    np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 3, 2)])
def test_cross_entropy_equals_pytorch(shape, smoothing) -> None:
    x = RNG.standard_normal((*shape, 5)).astype(np.float32) * 3
    labels = RNG.integers(0, 5, shape)
    same(
        lambda a: nn.cross_entropy(a, labels, smoothing),
        lambda b: F.cross_entropy(
            b.reshape(-1, 5), torch.tensor(labels).reshape(-1), label_smoothing=smoothing
        ),
        x,
    )


def test_mean_squared_error_equals_pytorch() -> None:
    targets = RNG.standard_normal((4, 3))
    same(
        lambda a: nn.mean_squared_error(a, targets),
        lambda b: F.mse_loss(b, torch.tensor(targets)),
        RNG.standard_normal((4, 3)),
    )


@pytest.mark.parametrize("scale", [1, 50, 1e4])
def test_binary_cross_entropy_equals_pytorch_and_never_overflows(scale) -> None:
    targets = RNG.random((4, 3))
    x = RNG.standard_normal((4, 3)) * scale
    x[0, 0] = 0  # where a formula with |x| has a corner, and the loss has none
    same(
        lambda a: nn.binary_cross_entropy_with_logits(a, targets),
        lambda b: F.binary_cross_entropy_with_logits(b, torch.tensor(targets)),
        x,
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: nn.mean_squared_error(np.ones((3, 1)), np.ones(3)), "must be equal"),
        (lambda: nn.binary_cross_entropy_with_logits(np.ones(3), np.ones((3, 1))), "must be equal"),
        (lambda: nn.cross_entropy(np.ones((3, 2, 5)), np.zeros(6, int)), r"want labels of shape"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(wrong, says) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()
