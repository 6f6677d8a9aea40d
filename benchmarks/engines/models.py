"""Training steps of whole models: the same tree of modules, first weights and data on both sides.

A problem holds the arrays and builds our model. ``OurModels`` trains that; ``PyTorchModels`` builds
the same tree from its own modules, and loads our first weights by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from race import Entry, Results

from mlsys.foundations import nn
from mlsys.foundations.training.optimizers import SGD, AdamW, Optimizer

Array = np.ndarray[Any, np.dtype[Any]]
STEPS = 3  # of training that both sides must agree on before they are timed


@dataclass(frozen=True)
class Perceptron:
    """784-128-10, SGD with momentum."""

    x: Array  # (B, 784)
    labels: Array  # (B,)

    @classmethod
    def draw(cls, rng: np.random.Generator, batch: int) -> Perceptron:
        """Images of noise: what is learnt does not matter here."""
        return cls(_normal(rng, batch, 784), rng.integers(0, 10, batch))

    def build(self) -> nn.Module:
        """Our model."""
        return nn.MLP([784, 128, 10], rng=np.random.default_rng(0))

    def optimizer(self, model: nn.Module) -> Optimizer:
        """Ours."""
        return SGD(model.named_parameters(), 0.01, momentum=0.9)


@dataclass(frozen=True)
class Convolutional:
    """Two blocks of convolution, batch norm, ReLU and pooling, and a head; AdamW."""

    x: Array  # (B, 1, side, side)
    labels: Array  # (B,)
    channels: tuple[int, int]

    @classmethod
    def draw(cls, rng: np.random.Generator, batch: int, side: int, *channels: int) -> Convolutional:
        """Images of noise."""
        first, second = channels
        x = _normal(rng, batch, 1, side, side)
        return cls(x, rng.integers(0, 10, batch), (first, second))

    def build(self) -> nn.Module:
        """Our model."""
        side = self.x.shape[-1]
        return nn.CNN(channels=self.channels, side=side, rng=np.random.default_rng(0))

    def optimizer(self, model: nn.Module) -> Optimizer:
        """Ours."""
        return AdamW(model.named_parameters(), 1e-3)


@dataclass(frozen=True)
class Language:
    """A causal transformer; AdamW. ids have one token more than the model is shown."""

    ids: Array  # (B, T + 1)
    vocabulary: int
    width: int
    heads: int
    layers: int

    @classmethod
    def draw(cls, rng: np.random.Generator, B: int, T: int, d: int, layers: int) -> Language:
        """Random tokens of a vocabulary as large as a text's alphabet."""
        return cls(rng.integers(0, 72, (B, T + 1)), 72, d, 4, layers)

    def build(self) -> nn.Module:
        """Our model."""
        size = (self.vocabulary, self.ids.shape[1] - 1, self.width, self.heads, self.layers)
        return nn.TransformerLM(*size, rng=np.random.default_rng(0))

    def optimizer(self, model: nn.Module) -> Optimizer:
        """Ours."""
        return AdamW(model.named_parameters(), 1e-3)


Problem = Perceptron | Convolutional | Language


class OurModels:
    """mlsys.foundations.nn and mlsys.foundations.training."""

    def step(self, p: Problem) -> Entry:
        """One training step."""
        model = p.build()
        optimizer, (inputs, labels) = p.optimizer(model), batch(p)

        def work() -> Any:
            optimizer.zero_grad()
            loss = nn.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            return loss

        return Entry(work, lambda: _three_steps(work, model.state_dict))

    mlp = cnn = transformer = step


def batch(p: Problem) -> tuple[Array, Array]:
    """What the model is shown, and what it should say."""
    if isinstance(p, Language):
        return p.ids[:, :-1], p.ids[:, 1:]
    return p.x, p.labels


def _three_steps(work: Any, state: Any) -> Results:
    """The losses of the first steps, and the parameters after them."""
    losses = [float(work()) for _ in range(STEPS)]
    found = {"losses": np.array(losses)}
    return found | {name: np.array(array) for name, array in state().items()}


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, np.float32)
