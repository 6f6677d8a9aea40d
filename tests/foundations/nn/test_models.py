"""The two models for images against the same layers in a row in PyTorch."""

import numpy as np
import pytest

from mlsys.foundations.nn import CNN, MLP, cross_entropy

torch = pytest.importorskip("torch")
T = torch.nn


def floats(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_mlp_equals_pytorch(equal_to_torch) -> None:
    ours = MLP([12, 8, 6, 3], rng=np.random.default_rng(0))
    theirs = T.Sequential(
        T.Flatten(), T.Linear(12, 8), T.ReLU(), T.Linear(8, 6), T.ReLU(), T.Linear(6, 3)
    )
    equal_to_torch(ours, theirs, floats(5, 3, 4))


@pytest.mark.parametrize("training", [True, False])
def test_cnn_equals_pytorch(training, equal_to_torch) -> None:
    ours = CNN(5, (3, 4), side=8, rng=np.random.default_rng(0)).train(training)
    layers = []
    for inputs, outputs in ((1, 3), (3, 4)):
        layers += [
            T.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            T.BatchNorm2d(outputs),
            T.ReLU(),
            T.MaxPool2d(2),
        ]
    theirs = T.Sequential(*layers, T.Flatten(), T.Linear(16, 5)).train(training)
    equal_to_torch(ours, theirs, floats(6, 1, 8, 8))


def test_a_side_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="side of 10 cannot be halved 2 times"):
        CNN(side=10, rng=np.random.default_rng(0))


@pytest.mark.parametrize("make", [lambda r: MLP([64, 16, 10], rng=r), lambda r: CNN(rng=r)])
def test_a_few_steps_lower_the_loss(make) -> None:
    rng = np.random.default_rng(0)
    model, x, labels = make(rng), floats(20, 1, 8, 8), rng.integers(0, 10, 20)
    losses = []
    for _ in range(20):
        model.zero_grad()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        losses.append(loss.item())
        for parameter in model.parameters():
            parameter.data -= 0.1 * parameter.grad
    assert losses[-1] < losses[0] / 2
