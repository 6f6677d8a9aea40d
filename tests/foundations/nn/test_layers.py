"""Each layer: its output and every gradient equal PyTorch's, with weights moved over by name."""

import numpy as np
import pytest

from mlsys.foundations import nn
from mlsys.foundations.autodiff import Tensor

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)


def floats(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


CASES = {
    "linear": (lambda r: nn.Linear(5, 3, rng=r), lambda: torch.nn.Linear(5, 3), floats(4, 5)),
    "linear on a stack, no bias": (
        lambda r: nn.Linear(5, 3, bias=False, rng=r),
        lambda: torch.nn.Linear(5, 3, bias=False),
        floats(2, 4, 5),
    ),
    "convolution": (
        lambda r: nn.Conv2d(2, 4, 3, stride=2, padding=1, rng=r),
        lambda: torch.nn.Conv2d(2, 4, 3, stride=2, padding=1),
        floats(3, 2, 7, 8),
    ),
    "relu": (lambda r: nn.ReLU(), torch.nn.ReLU, floats(4, 5)),
    "gelu": (lambda r: nn.GELU(), lambda: torch.nn.GELU(approximate="tanh"), floats(4, 5)),
    "flatten": (lambda r: nn.Flatten(), torch.nn.Flatten, floats(4, 5, 2, 3)),
    "max pool": (lambda r: nn.MaxPool2d(2), lambda: torch.nn.MaxPool2d(2), floats(3, 2, 6, 5)),
    "sequence": (
        lambda r: nn.Sequential(nn.Linear(5, 4, rng=r), nn.GELU(), nn.Linear(4, 2, rng=r)),
        lambda: torch.nn.Sequential(
            torch.nn.Linear(5, 4), torch.nn.GELU("tanh"), torch.nn.Linear(4, 2)
        ),
        floats(3, 5),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_equal_pytorch(name, equal_to_torch) -> None:
    ours, theirs, x = CASES[name]
    equal_to_torch(ours(RNG), theirs(), x)


def test_embedding_equals_pytorch() -> None:
    ours, theirs = nn.Embedding(7, 3, rng=RNG), torch.nn.Embedding(7, 3)
    theirs.load_state_dict({"weight": torch.tensor(ours.weight.data)})
    ids = np.array([[0, 6, 2], [2, 2, 5]])
    y, y_torch = ours(ids), theirs(torch.tensor(ids))
    np.testing.assert_array_equal(y.numpy(), y_torch.detach().numpy())
    (y * y).sum().backward()
    (y_torch * y_torch).sum().backward()
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expectation_and_drops_the_share(share) -> None:
    n = 100_000
    x = Tensor(np.full(n, 2, np.float32), requires_grad=True)
    y = nn.Dropout(share, rng=np.random.default_rng(0))(x)
    dropped = (y.numpy() == 0).mean()
    deviation = np.sqrt(share * (1 - share) / n)
    assert abs(dropped - share) < 6 * deviation
    assert abs(y.numpy().mean() - 2) < 6 * deviation * 2 / (1 - share)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad * 2, y.numpy())  # what passed forward passes back
    assert y.dtype == np.float32


def test_dropout_does_nothing_at_inference_and_draws_anew_in_training() -> None:
    x = floats(50)
    layer = nn.Dropout(0.5, rng=np.random.default_rng(0)).eval()
    assert layer(x) is x
    layer.train()
    assert not np.array_equal(layer(x), layer(x))
    twin = nn.Dropout(0.5, rng=np.random.default_rng(0))
    again = nn.Dropout(0.5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(twin(x), again(x))


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_outside_the_range_is_refused(share) -> None:
    with pytest.raises(ValueError, match="share in"):
        nn.Dropout(share, rng=RNG)


def test_another_precision_is_kept() -> None:
    layer = nn.Linear(3, 2, rng=RNG, dtype=np.float64)
    assert layer(np.ones((1, 3))).dtype == np.float64
    assert {p.dtype for p in nn.Conv2d(1, 1, 3, rng=RNG).parameters()} == {np.dtype(np.float32)}


def test_the_same_seed_draws_the_same_weights() -> None:
    one, other = (nn.Linear(3, 2, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.weight.data, other.weight.data)
