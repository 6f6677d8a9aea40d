"""A time is a sample, so report a median and an interval, and compare in pairs.

The first calls pay for cold caches, lazy imports and page faults: they are made and
thrown away. What is left still varies, because a machine is shared and heats up, so the
median of the repeats is given with a bootstrap interval (Efron, 1979). Two functions are
compared in rounds A B A B ...: whatever slows the machine for a while slows both
calls of a round, and the ratio of the two hardly moves.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Clock = Callable[[], float]
Work = Callable[[], object]


@dataclass(frozen=True)
class Interval:
    """An estimate and the range that should hold the true value.

    >>> print(Interval(1.25, 1.1, 1.5))
    1.25 [1.1, 1.5]
    """

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Comparison:
    """Two functions timed in turn. ``ratio`` above 1: the first one takes longer."""

    first: Array  # seconds, one per round
    second: Array
    ratio: Interval


def checked_samples(samples: object, what: str = "samples") -> Array:
    """Return samples as a non-empty 1-d float array of finite numbers, none negative."""
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"{what}: expected at least one number, got an array of shape "
            f"{values.shape}; record some before asking for a summary"
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(
            f"{what}: expected finite numbers >= 0, got "
            f"{values[~(values >= 0) | np.isinf(values)][0]}; "
            f"look for a clock that was set back or a missing end time"
        )
    return values


def bootstrap(
    samples: object,
    rng: np.random.Generator,
    statistic: Callable[..., Any] = np.median,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """The statistic of the samples, and the range it has when they are drawn again.

    ``statistic`` takes an array and ``axis=``, like ``np.median`` and ``np.mean``.
    """
    values = checked_samples(samples)
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1, got {level}; try 0.95")
    again = rng.choice(values, size=(resamples, values.size))  # with replacement
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(statistic(again, axis=1), [tail, 100 - tail])
    return Interval(float(statistic(values, axis=0)), float(low), float(high))


def seconds_per_call(work: Work, calls: int = 1, clock: Clock = time.perf_counter) -> float:
    """Seconds of one call: ``calls`` of them between two looks at the clock, divided."""
    start = clock()
    for _ in range(calls):
        work()
    elapsed = clock() - start
    if not (math.isfinite(elapsed) and elapsed >= 0):
        raise ValueError(
            f"clock: expected time to go forward, got {elapsed} s for {calls} "
            f"calls; pass a monotonic clock such as time.perf_counter"
        )
    return elapsed / calls


def enough_calls(work: Work, at_least: float = 1e-3, clock: Clock = time.perf_counter) -> int:
    """How many calls last ``at_least`` seconds, so that the clock's own cost is lost in them."""
    calls = 1
    while seconds_per_call(work, calls, clock) * calls < at_least and calls < 2**30:
        calls *= 2
    return calls


def repeat(
    work: Work,
    repeats: int = 15,
    warmup: int = 3,
    calls: int = 1,
    clock: Clock = time.perf_counter,
) -> Array:
    """Seconds per call in each of ``repeats`` samples, after ``warmup`` that do not count."""
    _check_counts(repeats, warmup, calls)
    for _ in range(warmup):
        work()
    return np.array([seconds_per_call(work, calls, clock) for _ in range(repeats)])


def compare(
    first: Work,
    second: Work,
    rng: np.random.Generator,
    rounds: int = 15,
    warmup: int = 3,
    calls: int = 1,
    clock: Clock = time.perf_counter,
) -> Comparison:
    """Time both in turn, first second | first second | ..., and divide round by round.

    This is the rule of every benchmark of this project.
    """
    _check_counts(rounds, warmup, calls)
    for _ in range(warmup):
        first()
        second()
    works = (first, second)
    rows = [[seconds_per_call(work, calls, clock) for work in works] for _ in range(rounds)]
    pairs = np.array(rows)  # (rounds, 2)
    if not pairs.all():
        raise ValueError(
            "clock: a call took 0 s, so no ratio can be formed; raise calls "
            "until a sample lasts longer than the clock's step"
        )
    return Comparison(pairs[:, 0], pairs[:, 1], bootstrap(pairs[:, 0] / pairs[:, 1], rng))


def _check_counts(repeats: int, warmup: int, calls: int) -> None:
    if repeats < 1 or warmup < 0 or calls < 1:
        raise ValueError(
            f"expected repeats >= 1, warmup >= 0 and calls >= 1, "
            f"got {repeats}, {warmup} and {calls}"
        )
