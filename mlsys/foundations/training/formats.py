"""Number formats of 16 and 8 bits, and two ways to round to them: to the nearest, and at random.

With m mantissa bits the neighbours of x are at most 2^-m |x| apart, so rounding to the nearest is
off by at most 2^-(m+1) |x|; the exponent bits say how small and how large x may be for that.
Rounding at random is off by up to twice as much, and by nothing in the mean. Each format is
emulated on float32 arrays: the values are those of the hardware, the speed is not.
Source: Goldberg, "What every computer scientist should know about floating-point arithmetic",
ACM Computing Surveys 1991.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlsys.foundations.autodiff.graph import Array


class Format(Protocol):
    """A set of numbers: how far apart they are, and where they end."""

    @property
    def largest(self) -> float:
        """The largest finite number."""

    @property
    def overflow(self) -> float:
        """What a larger one becomes."""

    def spacing(self, x: Array) -> Array:
        """The distance between the two neighbours of each element, float64."""


@dataclass(frozen=True)
class Floating:
    """A sign, an exponent of some bits and a mantissa of some bits, as in IEEE 754.

    infinite: the top exponent is kept for infinity and NaN. If not, it holds numbers too, but for
    one NaN (the E4M3 of the Open Compute Project), and what is too large becomes the largest.

    >>> FLOAT16.largest, E4M3.largest, FLOAT16.smallest == 2**-24
    (65504.0, 448.0, True)
    """

    exponent_bits: int
    mantissa_bits: int
    infinite: bool = True

    @property
    def bias(self) -> int:
        """What is subtracted from the stored exponent."""
        return int(2 ** (self.exponent_bits - 1) - 1)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        last, top = (1, self.bias) if self.infinite else (2, self.bias + 1)
        return math.ldexp(2 - last * self.epsilon, top)

    @property
    def smallest(self) -> float:
        """The smallest number above 0, a subnormal one."""
        return math.ldexp(self.epsilon, 1 - self.bias)

    @property
    def epsilon(self) -> float:
        """The distance from 1 to the next larger number."""
        return math.ldexp(1.0, -self.mantissa_bits)

    @property
    def overflow(self) -> float:
        """Infinity where there is one; otherwise the largest number."""
        return math.inf if self.infinite else self.largest

    def spacing(self, x: Array) -> Array:
        """Twice as far with each power of two; below the smallest exponent, constant."""
        exponent = np.frexp(x)[1] - 1  # 2**exponent <= |x| < 2**(exponent + 1)
        return np.asarray(np.ldexp(1.0, np.maximum(exponent, 1 - self.bias) - self.mantissa_bits))


@dataclass(frozen=True)
class Fixed:
    """Whole multiples of ``step`` in a signed integer of some bits; too large: the largest.

    >>> Fixed(bits=8, step=0.25).largest
    31.75
    """

    bits: int
    step: float

    @property
    def largest(self) -> float:
        """The largest number; its negative is the smallest, as in symmetric quantization."""
        return float(2 ** (self.bits - 1) - 1) * self.step

    @property
    def overflow(self) -> float:
        """An integer has no infinity."""
        return self.largest

    def spacing(self, x: Array) -> Array:
        """The same everywhere."""
        return np.full(np.shape(x), self.step)


FLOAT16 = Floating(exponent_bits=5, mantissa_bits=10)
BFLOAT16 = Floating(exponent_bits=8, mantissa_bits=7)
E4M3 = Floating(exponent_bits=4, mantissa_bits=3, infinite=False)
E5M2 = Floating(exponent_bits=5, mantissa_bits=2)


def round_to(x: object, format: Format) -> Array:
    """The nearest number of the format; of two that are equally near, the even one. NaN stays.

    x: any shape, taken as float32. Returns float32 of that shape.

    >>> round_to([1.0, 257.0, 3.4e38], BFLOAT16)
    array([  1., 256.,  inf], dtype=float32)
    """
    values, spacing = _measured(x, format)
    return _within(np.rint(values / spacing) * spacing, format)


def stochastic_round(x: object, format: Format, rng: np.random.Generator) -> Array:
    """One of the two neighbours at random, the nearer one more often, so that the mean is x.

    A number of the format stays as it is. Beyond the largest the mean is lost, as there is
    no neighbour. Source: Gupta et al., "Deep learning with limited numerical precision", ICML 2015.

    >>> np.unique(stochastic_round(np.full(99, 257.0), BFLOAT16, np.random.default_rng(0)))
    array([256., 258.], dtype=float32)
    """
    values, spacing = _measured(x, format)
    share, whole = np.modf(values / spacing)  # cut towards zero; both have the sign of x
    further = np.copysign(rng.random(values.shape) < np.abs(share), values)
    return _within((whole + further) * spacing, format)


def _measured(x: object, format: Format) -> tuple[Array, Array]:
    """The values, exact in float64, and the spacing around each; it is 1 at inf and NaN."""
    values = np.asarray(x, np.float32).astype(np.float64)
    return values, np.where(np.isfinite(values), format.spacing(values), 1.0)


def _within(rounded: Array, format: Format) -> Array:
    over = np.abs(rounded) > format.largest
    return np.where(over, np.copysign(format.overflow, rounded), rounded).astype(np.float32)
