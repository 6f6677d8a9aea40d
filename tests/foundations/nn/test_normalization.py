"""Normalisation: definitions, PyTorch, and the memory of batch norm over several steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations import autodiff, nn
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import normalization as norm

torch = pytest.importorskip("torch")
BATCHES = [(6, 3), (4, 3, 5, 2), (5, 3, 7)]


def floats(*shape, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 2 + 1).astype(np.float32)


def theirs_for(shape, **options):
    kind = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)]
    return kind(shape[1], **options)


@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 1000))
def test_rows_come_out_with_mean_zero_and_variance_one(n, d, seed) -> None:
    x = np.random.default_rng(seed).standard_normal((n, d)) * 10
    y = norm.layer_norm(x, np.ones(d), np.zeros(d), 0.0)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-9)
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_plain_layer_norm_equals_the_fast_one_on_arrays_and_tensors(kind) -> None:
    x, w, b = floats(4, 2, 8), floats(8, seed=1), floats(8, seed=2)
    plain = norm.layer_norm(kind(x), kind(w), kind(b))
    assert type(plain) is (Tensor if kind is Tensor else np.ndarray)
    fast = autodiff.layer_norm(x, w, b).numpy()
    np.testing.assert_allclose(getattr(plain, "data", plain), fast, atol=1e-5)


@pytest.mark.parametrize("shape", BATCHES)
def test_plain_batch_norm_and_its_gradients_equal_the_fast_one(shape) -> None:
    arrays = [floats(*shape), floats(3, seed=1), floats(3, seed=2)]
    g = floats(*shape, seed=3)
    plain, fast = ([Tensor(x, requires_grad=True) for x in arrays] for _ in range(2))
    y = norm.batch_norm(plain[0], *norm.batch_statistics(plain[0]), *plain[1:])
    y_fast, (mean, variance) = autodiff.batch_norm(*fast)
    np.testing.assert_allclose(y.numpy(), y_fast.numpy(), atol=1e-5)
    for ours, wanted in zip(norm.batch_statistics(arrays[0]), (mean, variance), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-5)
    y.backward(g)
    y_fast.backward(g)
    for a, b in zip(plain, fast, strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", BATCHES)
def test_batch_norm_equals_pytorch(shape, training, equal_to_torch) -> None:
    ours = nn.BatchNorm(3).train(training)
    ours.load_state_dict(
        {
            "weight": floats(3, seed=1),
            "bias": floats(3, seed=2),
            "running_mean": floats(3, seed=3),
            "running_var": floats(3, seed=4) ** 2,
            "num_batches_tracked": 5,
        }
    )
    equal_to_torch(ours, theirs_for(shape).train(training), floats(*shape))


@pytest.mark.parametrize("momentum", [0.1, 0.5])
@pytest.mark.parametrize("shape", BATCHES)
def test_running_statistics_equal_pytorch_over_several_steps(shape, momentum) -> None:
    ours, theirs = nn.BatchNorm(3, momentum=momentum), theirs_for(shape, momentum=momentum)
    for step in range(6):
        x = floats(*shape, seed=step)
        ours(x)
        theirs(torch.tensor(x))
        for name, array in ours.state_dict().items():
            wanted = theirs.state_dict()[name].numpy()
            np.testing.assert_allclose(array, wanted, rtol=1e-5, err_msg=f"{name}, step {step}")
    ours.eval()
    theirs.eval()
    x = floats(*shape, seed=99)
    np.testing.assert_allclose(
        ours(x).numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    assert ours.num_batches_tracked == 6, "inference must leave the memory alone"


def test_layer_norm_module_equals_pytorch(equal_to_torch) -> None:
    ours = nn.LayerNorm(8)
    ours.load_state_dict({"weight": floats(8, seed=1), "bias": floats(8, seed=2)})
    equal_to_torch(ours, torch.nn.LayerNorm(8), floats(4, 3, 8))


def test_one_value_per_feature_is_refused_in_training_and_fine_at_inference() -> None:
    layer = nn.BatchNorm(3)
    with pytest.raises(ValueError, match="one value per feature"):
        layer(floats(1, 3))
    assert layer.num_batches_tracked == 0
    layer.eval()
    layer(floats(1, 3))
    layer.train()(floats(1, 3, 2, 2))


def test_values_far_from_zero_lose_no_digits() -> None:
    x = floats(64, 3) + 1000
    y = nn.BatchNorm(3)(x).numpy()
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)
