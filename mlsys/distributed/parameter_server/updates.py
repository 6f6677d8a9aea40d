"""What a server does with the gradients that are pushed: an optimizer, near the weights.

An update sees the rows that a push names, their state, and the gradient, and changes the first two
in place. It must be a function of these alone: every replica of a shard applies it to the same
numbers in the same order, and so stays equal to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from mlsys.distributed.parameter_server.messages import Array

State = dict[str, Array]  # by name, of the shape of the rows


class Update(Protocol):
    """A rule. state_names: arrays of the shape of the rows that it keeps, zero at first."""

    state_names: ClassVar[tuple[str, ...]]

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """Change ``weights`` and ``state`` in place; all of shape (n, width)."""


@dataclass(frozen=True)
class Add:
    """w += g: counts, or gradients that the worker has scaled."""

    state_names: ClassVar[tuple[str, ...]] = ()

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """See `Update`."""
        weights += gradient


@dataclass(frozen=True)
class Assign:
    """w = g: the last one wins."""

    state_names: ClassVar[tuple[str, ...]] = ()

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """See `Update`."""
        weights[:] = gradient


@dataclass(frozen=True)
class SGD:
    """w -= lr g."""

    lr: float
    state_names: ClassVar[tuple[str, ...]] = ()

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """See `Update`."""
        weights -= self.lr * gradient


@dataclass(frozen=True)
class Adagrad:
    """s += g^2; w -= lr g / (sqrt s + eps): rare keys keep large steps (Duchi and others, 2011)."""

    lr: float
    eps: float = 1e-10
    state_names: ClassVar[tuple[str, ...]] = ("squares",)

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """See `Update`."""
        squares = state["squares"]
        squares += gradient * gradient
        weights -= self.lr * gradient / (np.sqrt(squares) + self.eps)


@dataclass(frozen=True)
class FTRL:
    """Follow the regularised leader, proximal (McMahan and others, KDD 2013, algorithm 1).

    z sums the gradients, less what the weights have moved already; w is what minimises
    z w + l1 |w| + (l2 + (beta + sqrt n) / alpha) w^2 / 2: exactly 0 where |z| <= l1.
    """

    alpha: float
    beta: float = 1.0
    l1: float = 0.0
    l2: float = 0.0
    state_names: ClassVar[tuple[str, ...]] = ("z", "n")

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """See `Update`."""
        z, n = state["z"], state["n"]
        before = np.sqrt(n)
        n += gradient * gradient
        root = np.sqrt(n)
        z += gradient - (root - before) / self.alpha * weights
        curvature = self.l2 + (self.beta + root) / self.alpha
        weights[:] = -soft_threshold(z, self.l1) / curvature


@dataclass(frozen=True)
class ProximalL1:
    """A gradient step, then the proximal operator of lr l1 |w|: small weights become exactly 0."""

    lr: float
    l1: float
    state_names: ClassVar[tuple[str, ...]] = ()

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """See `Update`."""
        weights[:] = soft_threshold(weights - self.lr * gradient, self.lr * self.l1)


def soft_threshold(x: Array, by: float | Array) -> Array:
    """Nearer to 0 by so much, and no further: argmin over w of (w - x)^2 / 2 + by |w|.

    >>> soft_threshold(np.array([-3.0, 0.5, 2.0]), 1.0).tolist()
    [-2.0, 0.0, 1.0]
    """
    return np.asarray(np.sign(x) * np.maximum(np.abs(x) - by, 0))
