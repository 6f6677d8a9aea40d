"""Large batches: how far more examples a step replace steps, and the rules that get there.

The gradient of B examples is the true gradient G plus noise of variance tr(Sigma) / B. While noise
limits a step, twice the batch allows twice the rate and needs half the steps, at equal work;
beyond the critical batch tr(Sigma) / |G|^2 more examples buy almost nothing. At the large rates
this asks for, layers of small weights and large gradients break first; with LARS and LAMB each
layer moves in proportion to its own size.
Source: McCandlish et al., "An empirical model of large-batch training", 2018.
"""

from __future__ import annotations

import numpy as np

from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.training.optimizers import Optimizer, Parameters

# ------------------------------------------------------------ how large may it be?


def scaled_rate(step: int, lr: float, factor: float, warmup: int) -> float:
    """The linear scaling rule: a batch ``factor`` times as large takes ``factor`` times the rate.

    step: from 0; lr: what suits the small batch; warmup: steps in which the rate grows from lr to
    factor * lr, because at first the weights change so fast that many small steps and a long one do
    not end at the same place. Source: Goyal et al., "Accurate, large minibatch SGD", 2017.

    >>> [scaled_rate(step, lr=0.1, factor=8, warmup=100) for step in (0, 50, 100, 500)]
    [0.1, 0.45, 0.8, 0.8]
    """
    grown = min(1.0, step / warmup) if warmup else 1.0
    return lr * (1 + (factor - 1) * grown)


def signal_and_noise(
    small_squares: Array, big_squares: Array, small: int, big: int
) -> tuple[float, float]:
    """Estimates without bias of |G|^2, of the true gradient, and of tr(Sigma), of one example's.

    small_squares, big_squares: squared norms of gradients averaged over ``small`` and over ``big``
    examples, of any number of measurements. Each is |G|^2 + tr(Sigma) / B in the mean: two
    equations. Data-parallel training has both at hand, before and after its gradients are averaged.

    >>> signal_and_noise(np.array([9.0]), np.array([5.0]), small=1, big=2)
    (1.0, 8.0)
    """
    if not 0 < small < big:
        raise ValueError(f"expected two batch sizes, 0 < small < big, got {small} and {big}")
    at_small, at_big = float(np.mean(small_squares)), float(np.mean(big_squares))
    signal = (big * at_big - small * at_small) / (big - small)
    noise = (at_small - at_big) / (1 / small - 1 / big)
    return signal, noise


def noise_scale(small_squares: Array, big_squares: Array, small: int, big: int) -> float:
    """tr(Sigma) / |G|^2 in examples: the batch whose noise is as large as its signal.

    A ratio of means, which is biased far less than a mean of ratios; it needs many measurements.
    Infinite when they show no signal at all.
    """
    signal, noise = signal_and_noise(small_squares, big_squares, small, big)
    return noise / signal if signal > 0 else float("inf")


def best_rate(batch: float, largest: float, critical: float) -> float:
    """The step size that gains most: grows with the batch, then saturates at ``largest``.

    largest: the best rate for the exact gradient; critical: the noise scale, in examples.

    >>> [best_rate(batch, largest=1.0, critical=1000) for batch in (10, 20, 1000, 99_000)]
    [0.0099..., 0.0196..., 0.5, 0.99]
    """
    return largest / (1 + critical / batch)


def steps_to_target(batch: float, fewest: float, critical: float) -> float:
    """Steps until a loss is reached; ``fewest`` is their number for an endless batch.

    At the critical batch twice the fewest steps, and twice the fewest examples, are needed.

    >>> [steps_to_target(batch, fewest=500, critical=1000) for batch in (10, 1000, 100_000)]
    [50500.0, 1000.0, 505.0]
    """
    return fewest * (1 + critical / batch)


# ------------------------------------------------------------ a rate for each layer


def trust_ratio(p: Array, update: Array) -> float:
    """|p| / |update|: with it, every layer moves by the same share of its size.

    1 where one of them is zero: a layer that starts at zero could never leave it.
    """
    size, move = float(np.linalg.norm(p)), float(np.linalg.norm(update))
    return size / move if size and move else 1.0


def lars(
    p: Array,
    g: Array,
    velocity: Array,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    trust: float = 0.001,
) -> None:
    """One step of momentum at a rate for this layer; changes p and velocity in place.

    p, g, velocity: of one shape; velocity starts at zero. The rate is lr * trust times |p| over
    |g| + weight_decay * |p|, or times 1 where that is 0 or has no end; it enters the velocity.
    Source: You, Gitman & Ginsburg, "Large batch training of convolutional networks", 2017.
    """
    size, slope = float(np.linalg.norm(p)), float(np.linalg.norm(g))
    ratio = size / (slope + weight_decay * size) if size and slope else 1.0
    velocity[...] = momentum * velocity + lr * trust * ratio * (g + weight_decay * p)
    p -= velocity


def lamb(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-6,
    weight_decay: float = 0.01,
) -> None:
    """Step t (the first is 1): AdamW's direction, of length lr * |p|; changes p, m, v in place.

    p, g, m, v: of one shape; m and v, the running means of g and of g * g, start at zero.
    Source: You et al., "Large batch optimization for deep learning", ICLR 2020.
    """
    b1, b2 = betas
    m[...] = b1 * m + (1 - b1) * g
    v[...] = b2 * v + (1 - b2) * g**2
    m_hat = m / (1 - b1**t)
    v_hat = v / (1 - b2**t)
    update = m_hat / (np.sqrt(v_hat) + eps) + weight_decay * p
    p -= lr * trust_ratio(p, update) * update


class LARS(Optimizer):
    """``lars`` on every parameter."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 0.001,
    ) -> None:
        super().__init__(parameters, lr, ("velocity",))
        self.momentum, self.weight_decay, self.trust = momentum, weight_decay, trust

    def update(self, p: Array, g: Array, *slots: Array) -> None:
        """The rule, with this optimizer's settings."""
        (velocity,) = slots
        lars(p, g, velocity, self.lr, self.momentum, self.weight_decay, self.trust)


class LAMB(Optimizer):
    """``lamb`` on every parameter."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, ("m", "v"))
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def update(self, p: Array, g: Array, *slots: Array) -> None:
        """The rule, with this optimizer's settings and its count of steps."""
        m, v = slots
        lamb(p, g, m, v, self.count, self.lr, self.betas, self.eps, self.weight_decay)
