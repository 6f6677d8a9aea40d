"""Weights of eight bits: what asynchrony leaves of a weight, rounded on top of it.

A change smaller than half of the last place is rounded away, every time, and learning stops.
Rounded at random, up as often as its fraction says, the same change is right on average: noise in
place of a standstill, beside the noise of late reading (De Sa, Zhang, Olukotun and Re, Taming the
wild, NIPS 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsys.distributed.hogwild.interleaving import Array


def round_to(x: Array, step: float, rng: np.random.Generator | None = None) -> Array:
    """The multiples of ``step`` next to ``x``: the nearest, or with ``rng`` one at random.

    At random means unbiased: x = (n + f) step becomes (n + 1) step with probability f.

    >>> round_to(np.array([0.3, 0.9, -0.6]), 0.5)
    array([ 0.5,  1. , -0.5])
    """
    dither = 0.5 if rng is None else rng.random(np.shape(x))
    return step * np.floor(x / step + dither)


@dataclass(frozen=True)
class FixedPoint:
    """Signed numbers of ``bits`` bits in units of ``step``; rounded at random if there is ``rng``.

    As an `Add` of `trajectory.run` it keeps weights that such memory could hold.
    """

    bits: int
    step: float
    rng: np.random.Generator | None = None

    @property
    def largest(self) -> float:
        """The largest number that fits; the least is one step further from 0."""
        return self.step * float(2 ** (self.bits - 1) - 1)

    def __call__(self, weights: Array, keys: Array, change: Array) -> None:
        """Add, round, and stop at the ends of the range instead of wrapping around."""
        moved = round_to(weights[keys] + change, self.step, self.rng)
        weights[keys] = np.clip(moved, -self.largest - self.step, self.largest)
