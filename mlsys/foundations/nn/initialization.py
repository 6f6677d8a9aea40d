"""First values of weights: random enough to differ, scaled so that depth does no harm.

A layer y = W x with independent weights of mean 0 has Var(y) = fan_in Var(W) E[x^2]. Through L
layers the factor is taken to the power L: 10 layers that each halve the variance leave a
thousandth, 100 leave nothing that float32 can tell from zero. So Var(W) = 1 / fan_in; a ReLU
throws half of E[x^2] away and wants 2 / fan_in (He); a compromise with the backward pass, where
the factor is fan_out, gives 2 / (fan_in + fan_out) (Glorot). Biases start at 0.
Sources: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010; He et al., "Delving deep into rectifiers", ICCV 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mlsys.foundations.autodiff.graph import Array

Initializer = Callable[[tuple[int, ...], np.random.Generator], Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs each output sums over, and how many outputs each input reaches.

    shape: (outputs, inputs), or (outputs, inputs, height, width) of a convolution's kernels.

    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    area = math.prod(shape[2:])
    return shape[1] * area, shape[0] * area


def he_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Normal, variance 2 / fan_in: keeps E[x^2] through layers that end in a ReLU."""
    return rng.normal(0.0, math.sqrt(2 / fans(shape)[0]), shape)


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Uniform, variance 2 / (fan_in + fan_out): between what values and gradients want."""
    bound = math.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-bound, bound, shape)


def fan_in_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Uniform within 1 / sqrt(fan_in), so variance 1 / (3 fan_in): PyTorch's default for layers."""
    bound = 1 / math.sqrt(fans(shape)[0])
    return rng.uniform(-bound, bound, shape)


def normal(deviation: float) -> Initializer:
    """Normal with one standard deviation whatever the shape; GPT-2 takes 0.02."""

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(0.0, deviation, shape)

    return draw
