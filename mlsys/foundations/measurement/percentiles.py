"""A percentile is an order statistic: it has definitions, and it does not average.

The p-th percentile is a value that p % of the samples do not exceed. Kept exactly, it needs
every sample. Kept in buckets whose edges grow by a constant factor, it needs a
thousand counters for nine orders of magnitude, is never wrong by more than a
chosen share, and two histograms merge by adding counters, with no further loss
(Masson, Rim and Lee, DDSketch, 2019).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from mlsys.foundations.measurement.timing import checked_samples


def rank(count: int, percent: float) -> int:
    """The place, from 1, of the percentile among ``count`` sorted samples: ceil(p n / 100).

    >>> [rank(10, p) for p in (0, 1, 10, 11, 50, 100)]
    [1, 1, 1, 2, 5, 10]
    """
    if not 0 <= percent <= 100:
        raise ValueError(
            f"percent: expected a number from 0 to 100, got {percent}; "
            f"the 99.9th percentile is written 99.9"
        )
    return max(1, math.ceil(percent * count / 100))


def nearest_rank(samples: object, percent: float) -> float:
    """The smallest sample that at least ``percent`` % of the samples do not exceed.

    It is always a sample that happened. NumPy calls it ``method="inverted_cdf"``.

    >>> nearest_rank([15, 20, 35, 40, 50], 40)
    20.0
    """
    values = np.sort(checked_samples(samples))
    return float(values[rank(values.size, percent) - 1])


def interpolated(samples: object, percent: float) -> float:
    """The point at ``percent`` % of the way from the first sorted sample to the last.

    Between two samples it runs along a straight line. It is NumPy's default.

    >>> interpolated([15, 20, 35, 40, 50], 40)
    29.0
    """
    values = np.sort(checked_samples(samples))
    rank(values.size, percent)  # refuses a percent out of range
    place = percent * (values.size - 1) / 100
    below = min(int(place), values.size - 1)
    above = min(below + 1, values.size - 1)
    return float(values[below] + (place - below) * (values[above] - values[below]))


def bucket_of(value: float, error: float) -> int:
    """The i with g^(i-1) < value <= g^i, where g = (1 + error) / (1 - error).

    value > 0; 0 < error < 1 is the largest relative error wanted.
    """
    growth = (1 + error) / (1 - error)
    return math.ceil(math.log(value) / math.log(growth))


def bucket_value(bucket: int, error: float) -> float:
    """The value that stands for bucket i: 2 g^i / (g + 1).

    It is as far, relatively, from one edge of the bucket as from the other:
    ``error`` above g^(i-1) and ``error`` below g^i.
    """
    growth = (1 + error) / (1 - error)
    return float(2 * growth**bucket / (growth + 1))


def value_at(buckets: Mapping[int, int], place: int, error: float) -> float:
    """The value that stands for sample number ``place``, from 1, in the order of size.

    ``buckets`` gives the count of each bucket, in any order.
    """
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if place <= seen:
            return bucket_value(bucket, error)
    raise ValueError(f"place {place} of {seen} samples: expected one from 1 to {seen}")


class LogHistogram:
    """Counts in buckets that grow by a constant factor.

    Any percentile, by nearest rank, is within ``error`` (a share) of the true one.

    >>> histogram = LogHistogram(error=0.01)
    >>> histogram.extend(range(1, 1001))
    >>> abs(histogram.percentile(99) - 990) <= 0.01 * 990
    True
    """

    def __init__(self, error: float = 0.01) -> None:
        if not 0 < error < 1:
            raise ValueError(f"error: expected a share between 0 and 1, got {error}; try 0.01")
        self.error = error
        self.zeros = 0  # zero has no logarithm
        self.buckets: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """Number of samples seen."""
        return self.zeros + self.buckets.total()

    def add(self, value: float) -> None:
        """Count one sample, finite and not negative."""
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(
                f"sample: expected a finite number >= 0, got {value}; "
                f"look for a missing end time or a clock that was set back"
            )
        if value == 0:
            self.zeros += 1
        else:
            self.buckets[bucket_of(value, self.error)] += 1

    def extend(self, values: Iterable[float]) -> None:
        """Count every sample."""
        for value in values:
            self.add(value)

    def merge(self, other: LogHistogram) -> LogHistogram:
        """The histogram of both sets of samples; it loses nothing that the two had kept."""
        if self.error != other.error:
            raise ValueError(
                f"merge: the histograms have errors {self.error} and {other.error}, "
                f"so their buckets differ; record both with one error"
            )
        merged = LogHistogram(self.error)
        merged.zeros = self.zeros + other.zeros
        merged.buckets = self.buckets + other.buckets
        return merged

    def percentile(self, percent: float) -> float:
        """The value that at least ``percent`` % of the samples do not exceed, within ``error``."""
        if self.count == 0:
            raise ValueError("percentile of no samples: add some before asking")
        place = rank(self.count, percent) - self.zeros
        return value_at(self.buckets, place, self.error) if place > 0 else 0.0
