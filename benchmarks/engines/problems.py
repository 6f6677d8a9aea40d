"""What every engine is given: the same numbers, drawn once, in single precision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def _normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


@dataclass(frozen=True)
class Chain:
    """h = h * w; h = h + b; and so on, ``operations`` in all. h, w, b and the gradient g: (n,)."""

    h: Array
    w: Array
    b: Array
    g: Array
    operations: int = 1000

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int) -> Chain:
        """Numbers near those that keep 500 products and 500 sums of moderate size."""
        w = (1 + 1e-3 * rng.standard_normal(n)).astype(np.float32)
        return cls(_normal(rng, n), w, _normal(rng, n, scale=1e-2), _normal(rng, n))


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
    weights: list[Array]  # Wqkv (3 D, D), bqkv (3 D,), Wo (D, D), bo (D,)
    g: Array  # (B, T, D)
    heads: int = field(default=4)

    @classmethod
    def draw(cls, rng: np.random.Generator, B: int, T: int, D: int, heads: int) -> Attention:
        """B sequences of T positions, D numbers each."""
        weights = [_normal(rng, 3 * D, D, scale=D**-0.5), _normal(rng, 3 * D, scale=0.01)]
        weights += [_normal(rng, D, D, scale=D**-0.5), _normal(rng, D, scale=0.01)]
        return cls(_normal(rng, B, T, D), weights, _normal(rng, B, T, D), heads)
