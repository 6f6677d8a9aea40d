"""What every engine is given: the same numbers, drawn once, in single precision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def _normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return np.asarray(rng.standard_normal(shape) * scale, np.float32)


@dataclass(frozen=True)
class Chain:
    """h = h * w; h = h + b; and so on, ``operations`` in all; h, w, b and the gradient g alike."""

    h: Array
    w: Array
    b: Array
    g: Array
    operations: int = 1000

    @classmethod
    def draw(cls, rng: np.random.Generator, *shape: int) -> Chain:
        """Numbers that 500 products and 500 sums keep of moderate size; no shape: one number."""
        w = np.asarray(1 + 1e-3 * rng.standard_normal(shape), np.float32)
        return cls(_normal(rng, *shape), w, _normal(rng, *shape, scale=1e-2), _normal(rng, *shape))


@dataclass(frozen=True)
class MLP:
    """One step of plain SGD on a two-layer perceptron with relu and cross-entropy."""

    x: Array  # (B, 784)
    labels: Array  # (B,)
    weights: list[Array]  # W1 (128, 784), b1 (128,), W2 (10, 128), b2 (10,)
    rate: float = 0.01

    @classmethod
    def draw(cls, rng: np.random.Generator, batch: int) -> MLP:
        """Inputs and weights of the usual sizes: rows of W have length about 1."""
        weights = [_normal(rng, 128, 784, scale=784**-0.5), _normal(rng, 128, scale=0.01)]
        weights += [_normal(rng, 10, 128, scale=128**-0.5), _normal(rng, 10, scale=0.01)]
        return cls(_normal(rng, batch, 784), rng.integers(0, 10, batch), weights)


@dataclass(frozen=True)
class Convolution:
    """One 3 x 3 layer, padding 1, forward, and backward to the images and the kernels."""

    x: Array  # (B, C, H, H)
    W: Array  # (K, C, 3, 3)
    g: Array  # (B, K, H, H)

    @classmethod
    def draw(cls, rng: np.random.Generator, B: int, C: int, H: int, K: int) -> Convolution:
        """B images of C channels and H x H pixels, K kernels."""
        return cls(
            _normal(rng, B, C, H, H),
            _normal(rng, K, C, 3, 3, scale=(9 * C) ** -0.5),
            _normal(rng, B, K, H, H),
        )


@dataclass(frozen=True)
class CNN:
    """One SGD step: (convolution 3 x 3, relu, max-pool 2) twice, then a linear layer."""

    x: Array  # (B, 1, 28, 28)
    labels: Array  # (B,)
    weights: list[Array]  # W1 (8, 1, 3, 3), W2 (16, 8, 3, 3), W3 (10, 784), b3 (10,)
    rate: float = 0.01

    @classmethod
    def draw(cls, rng: np.random.Generator, batch: int) -> CNN:
        """8 kernels, then 16; 7 x 7 pixels are left."""
        weights = [_normal(rng, 8, 1, 3, 3, scale=1 / 3), _normal(rng, 16, 8, 3, 3, scale=0.12)]
        weights += [_normal(rng, 10, 784, scale=784**-0.5), _normal(rng, 10, scale=0.01)]
        return cls(_normal(rng, batch, 1, 28, 28), rng.integers(0, 10, batch), weights)


@dataclass(frozen=True)
class Attention:
    """Causal self-attention with its projections, forward, and backward to x and all weights."""

    x: Array  # (B, T, D)
    weights: list[Array]  # W (D, D) and b (D,), for queries, keys, values and output
    g: Array  # (B, T, D)
    heads: int = field(default=4)

    @classmethod
    def draw(cls, rng: np.random.Generator, B: int, T: int, D: int, heads: int) -> Attention:
        """B sequences of T positions, D numbers each."""
        weights = []
        for _ in range(4):
            weights += [_normal(rng, D, D, scale=D**-0.5), _normal(rng, D, scale=0.01)]
        return cls(_normal(rng, B, T, D), weights, _normal(rng, B, T, D), heads)


def compared(leaves: list[Any]) -> dict[str, Any]:
    """Attention's leaves by name, but for the keys' bias: it moves all scores of a query alike, so
    its gradient is 0, and what an engine finds there is the noise of its rounding.
    """
    names = ("x", "Wq", "bq", "Wk", "bk", "Wv", "bv", "Wo", "bo")
    named = zip(names, leaves, strict=True)
    return {f"gradient of {name}": leaf for name, leaf in named if name != "bk"}
