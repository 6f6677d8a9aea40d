"""How long work takes: distributions drawn from, with the two moments that queues depend on.

With Poisson arrivals, the mean wait is proportional to E[S^2] (Pollaczek and Khinchine,
``measurement.load.mean_wait``), so two services with one mean can differ by any factor. Lengths of
jobs in computer systems are often close to a Pareto distribution, cut off where a limit is
(Harchol-Balter and Downey, 1997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlsys.foundations.measurement.timing import Array


class Service(Protocol):
    """A distribution of service times, in seconds."""

    @property
    def mean(self) -> float:
        """E[S]"""

    @property
    def second_moment(self) -> float:
        """E[S^2]"""

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Independent service times, shape (count,)."""


@dataclass(frozen=True)
class Constant:
    """Always ``mean`` seconds."""

    mean: float

    def __post_init__(self) -> None:
        _positive(self, "mean")

    @property
    def second_moment(self) -> float:
        return self.mean**2

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Equal times, shape (count,)."""
        return np.full(count, float(self.mean))


@dataclass(frozen=True)
class Exponential:
    """Without memory: the time still to come does not depend on the time spent."""

    mean: float

    def __post_init__(self) -> None:
        _positive(self, "mean")

    @property
    def second_moment(self) -> float:
        return 2 * self.mean**2

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Independent times, shape (count,)."""
        return rng.exponential(self.mean, count)


@dataclass(frozen=True)
class Lognormal:
    """The logarithm is normal; ``variation`` is the standard deviation over the mean."""

    mean: float
    variation: float

    def __post_init__(self) -> None:
        _positive(self, "mean", "variation")

    @property
    def second_moment(self) -> float:
        return self.mean**2 * (1 + self.variation**2)

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Independent times, shape (count,)."""
        spread = math.log(1 + self.variation**2)  # variance of the logarithm
        return rng.lognormal(math.log(self.mean) - spread / 2, math.sqrt(spread), count)


@dataclass(frozen=True)
class BoundedPareto:
    """P(S > x) falls like x^-shape from ``low`` to ``high`` seconds, where it ends."""

    low: float
    high: float
    shape: float

    def __post_init__(self) -> None:
        _positive(self, "low", "high", "shape")
        if self.low >= self.high:
            raise ValueError(f"{self}: expected low < high")

    @property
    def mean(self) -> float:
        return self._moment(1)

    @property
    def second_moment(self) -> float:
        return self._moment(2)

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Independent times, shape (count,), by the inverse distribution function."""
        reached = rng.random(count) * (1 - (self.low / self.high) ** self.shape)
        return np.asarray(self.low * (1 - reached) ** (-1 / self.shape))

    def _moment(self, k: int) -> float:
        """Integral of x^k times the density, a low^a x^(-a-1) / (1 - (low/high)^a)."""
        a, low, high = self.shape, self.low, self.high
        height = float(a * low**a / (1 - (low / high) ** a))
        if k == a:
            return height * math.log(high / low)
        return height * float(high ** (k - a) - low ** (k - a)) / (k - a)


@dataclass(frozen=True)
class TwoPoint:
    """``long`` seconds for a ``share`` of the jobs, ``short`` for the others."""

    short: float
    long: float
    share: float

    def __post_init__(self) -> None:
        _positive(self, "short", "long")
        if not 0 <= self.share <= 1:
            raise ValueError(f"{self}: expected a share from 0 to 1")

    @property
    def mean(self) -> float:
        return self.short * (1 - self.share) + self.long * self.share

    @property
    def second_moment(self) -> float:
        return self.short**2 * (1 - self.share) + self.long**2 * self.share

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Independent times, shape (count,)."""
        return np.where(rng.random(count) < self.share, self.long, self.short)


def _positive(service: object, *names: str) -> None:
    for name in names:
        if not 0 < getattr(service, name) < math.inf:
            raise ValueError(f"{service}: expected a finite {name} > 0")
