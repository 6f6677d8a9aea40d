"""How long does a batch of n take, at worst? A line through the slow ones.

A mean does not help to keep a tail. Quantile regression (Koenker and Bassett, 1978) fits a + b n so
that a share q of all batches is faster: an error above the line costs q, one below 1 - q. For a
given slope b the best a is the q-quantile of what is left, and the cost of that is convex in b; so
one search over b finds both. Clipper (NSDI 2017, section 4.3.1) sizes its batches by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlsys.serving.batching.deadlines import largest
from mlsys.serving.batching.policies import Fixed
from mlsys.serving.batching.policy import Decision, Request

Array = NDArray[np.float64]
GOLDEN = (5**0.5 - 1) / 2


def pinball(errors: Array, quantile: float) -> float:
    """The sum of q e for errors above the line, and (q - 1) e for those below.

    >>> float(pinball(np.array([2.0, -2.0]), 0.75))
    2.0
    """
    return float(np.sum(np.maximum(quantile * errors, (quantile - 1) * errors)))


def quantile_line(sizes: Array, seconds: Array, quantile: float) -> tuple[float, float]:
    """a and b >= 0 of the line a + b n with the least pinball cost. Shapes (m,), m >= 1."""

    def fitted(slope: float) -> tuple[float, float]:
        left = seconds - slope * sizes
        start = float(np.quantile(left, quantile, method="higher"))
        return pinball(left - start, quantile), start

    low, high = 0.0, _steepest(sizes, seconds)
    for _ in range(60):
        one, other = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if fitted(one)[0] <= fitted(other)[0]:
            high = other
        else:
            low = one
    slope = min((0.0, (low + high) / 2), key=lambda b: fitted(b)[0])
    return fitted(slope)[1], slope


def _steepest(sizes: Array, seconds: Array) -> float:
    """A slope beyond that of any line through two of the points."""
    different = np.unique(sizes)
    if different.size < 2:
        return 0.0
    return float(np.ptp(seconds) / np.diff(different).min())


@dataclass
class LatencyModel:
    """Learns the line from the last ``window`` batches; fits it anew after every ``every``."""

    quantile: float = 0.99
    window: int = 256
    every: int = 8
    line: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def __post_init__(self) -> None:
        if not (0 < self.quantile < 1 and self.window >= 1 and self.every >= 1):
            raise ValueError(
                f"expected a quantile between 0 and 1, window >= 1 and every >= 1, got "
                f"{self.quantile}, {self.window}, {self.every}"
            )
        self._seen: deque[tuple[int, float]] = deque(maxlen=self.window)
        self._fresh = 0

    @property
    def tried(self) -> int:
        """The largest batch among the last ones; 0 before the first."""
        return max((size for size, _ in self._seen), default=0)

    def learn(self, size: int, seconds: float) -> None:
        """A batch of this size took so long."""
        self._seen.append((size, seconds))
        self._fresh += 1
        if self._fresh >= self.every or len(self._seen) <= self.every:
            sizes, times = np.array(self._seen).T
            self.line, self._fresh = quantile_line(sizes, times, self.quantile), 0

    def predict(self, size: int) -> float:
        """Seconds for a batch of this size."""
        return self.line[0] + self.line[1] * size


@dataclass
class QuantileRegression:
    """The largest batches that the line says take no longer than ``objective`` seconds.

    No larger than twice what has been tried: a line through small batches says little of large
    ones. wait: as of `AIMD`.
    """

    objective: float
    model: LatencyModel = field(default_factory=LatencyModel)
    most: int = 4096
    wait: float = 0.0

    @property
    def limit(self) -> int:
        """Requests in a batch."""
        within = largest(self.model.predict, self.objective, self.most)
        return max(1, min(within, 2 * self.model.tried))

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """As many as the limit allows."""
        return Fixed(self.limit, self.wait).decide(now, waiting)

    def done(self, now: float, batch: Sequence[Request], seconds: float) -> None:
        """One more point."""
        self.model.learn(len(batch), seconds)
