"""Two reasons why descent is slow: curvature that differs between directions, and noise.

On a quadratic with curvatures from mu to L gradient descent needs a number of steps in proportion
to kappa = L / mu, and momentum, tuned to mu and L, one to its square root. With gradients of single
examples a constant rate stops at a distance that the variance sets. SVRG subtracts what the same
example said at an anchor: the mean stays, and the variance vanishes as both approach
the optimum; the cost is one pass over the data for each anchor, and two gradients a step.
Source: Johnson & Zhang, "Accelerating stochastic gradient descent using predictive variance
reduction", NIPS 2013.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.autodiff.graph import Array

# (x, rows) -> the mean gradient at x, shape of x, of the examples in ``rows``
Gradient = Callable[[Array, Array], Array]


# ------------------------------------------------------------ conditioning


@dataclass(frozen=True)
class Tuning:
    """A step size and a momentum, and the factor by which a step shrinks the error in the end."""

    lr: float
    momentum: float
    rate: float


def best_descent(mu: float, L: float) -> Tuning:
    """Plain gradient descent on curvatures in [mu, L]: both ends shrink alike, one in zigzag.

    >>> best_descent(1.0, 99.0)
    Tuning(lr=0.02, momentum=0.0, rate=0.98)
    """
    return Tuning(2 / (mu + L), 0.0, (L - mu) / (L + mu))


def best_heavy_ball(mu: float, L: float) -> Tuning:
    """Momentum on curvatures in [mu, L]: every direction shrinks alike.

    The rate, sqrt(kappa) - 1 over sqrt(kappa) + 1, is the square root of the momentum.
    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    >>> best_heavy_ball(1.0, 9.0)
    Tuning(lr=0.25, momentum=0.25, rate=0.5)
    """
    low, high = float(np.sqrt(mu)), float(np.sqrt(L))
    rate = (high - low) / (high + low)
    return Tuning((2 / (high + low)) ** 2, rate**2, rate)


def shrinkage(curvature: float, lr: float, momentum: float = 0.0) -> float:
    """The factor by which a step of momentum shrinks the error in a direction, in the end.

    Two errors in a row obey e'' = (1 + momentum - lr * curvature) e' - momentum e; it is the larger
    root of that. Above 1 the direction diverges.

    >>> shrinkage(1.0, lr=0.25), shrinkage(1.0, lr=0.25, momentum=0.25)
    (0.75, 0.5)
    """
    trace = 1 + momentum - lr * curvature
    root = np.sqrt(complex(trace**2 - 4 * momentum))
    return float(max(abs(trace + root), abs(trace - root)) / 2)


# ------------------------------------------------------------ noise


def variance(gradients: Array) -> float:
    """The trace of the covariance of one example's gradient. gradients: (n, d), one a row.

    >>> variance(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    1.0
    """
    centred = gradients - gradients.mean(0)
    return float((centred**2).sum() / len(gradients))


def svrg_gradient(gradient: Gradient, x: Array, rows: Array, anchor: Array, full: Array) -> Array:
    """The gradient of ``rows`` at x, corrected by what is known at the anchor.

    full: the gradient of all examples at the anchor. In the mean over rows the first and last
    two terms cancel against each other; at x = anchor, for every row.
    """
    return gradient(x, rows) - gradient(anchor, rows) + full


def sgd_run(
    gradient: Gradient, x: Array, n: int, lr: float, epochs: int, rng: np.random.Generator
) -> Iterator[Array]:
    """Steps on single examples drawn at random, at a constant rate; yields x after each epoch.

    An epoch is n steps, n gradients of an example.
    """
    for _ in range(epochs):
        for row in rng.integers(n, size=(n, 1)):
            x = x - lr * gradient(x, row)
        yield x


def svrg_run(
    gradient: Gradient, x: Array, n: int, lr: float, epochs: int, rng: np.random.Generator
) -> Iterator[Array]:
    """The same with the variance reduced; yields x, the next anchor, after each epoch.

    An epoch is n steps and the full gradient at the anchor: 3 n gradients of an example.
    """
    everything = np.arange(n)
    for _ in range(epochs):
        anchor, full = x, gradient(x, everything)
        for row in rng.integers(n, size=(n, 1)):
            x = x - lr * svrg_gradient(gradient, x, row, anchor, full)
        yield x
