"""Lab: what a stage costs, and machines before the traffic.

Rebuild the model of a stage's cost; then order replicas that take long to start, for traffic that
has not come yet. The handout says how the marks come about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlsys.serving.batching.simulated import Linear

Array = NDArray[np.float64]


def hindsight(needed: Sequence[int], start: int) -> list[int]:
    """The cheapest orders with which ``needed`` replicas work in each step. Returns as many.

    What works in a step is the least of the orders of this step and of the ``start`` steps before
    it, as far as there are such. Each replica costs 1 in each step in which it is ordered.

    >>> hindsight([1, 1, 1, 4, 1], start=1)
    [1, 1, 4, 4, 1]
    """
    return [max(needed[step : step + start + 1]) for step in range(len(needed))]


def forecast(past: Array, day: int, ahead: int) -> Array:
    """Requests that are to be expected in each of the next ``ahead`` steps, shape (ahead,).

    past: those of each step so far, (n,), all above 0, of four days or more, ending now (a day
    need not begin at index 0). day: steps until traffic repeats itself. ahead: 1 to ``day``.
    """
    window, days = 6, min(4, (past.size - 6) // day)
    now = past.size - day * np.arange(1, days + 1)[:, None]  # the same moment of each day before
    ratios = past[-window:] / past[now + np.arange(-window, 0)]  # (days, window)
    # Noise alone seldom lifts two steps in a row, so that is news already.
    level = np.maximum(np.median(ratios, axis=1), ratios[:, -2:].min(axis=1))
    return np.asarray(np.median(level[:, None] * past[now + np.arange(ahead)], axis=0))


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    """How many replicas to order in the step that begins now.

    past, day: as for ``forecast``. ordered: in the step before; 0 in the first one, whose order
    works at once. start: steps until a replica works. each: requests that one replica can answer
    in a step.
    """
    most = forecast(past, day, start + 1).max() * (1 + 2.2 * _solution_noise(past, day))
    count = math.ceil(most / each)
    return ordered if 0.93 * ordered - 1 < count < ordered else count


def _solution_noise(past: Array, day: int) -> float:
    """The share by which one step differs from what was to be expected: a standard deviation.

    From the change of log(today / yesterday) from step to step, in which four such errors meet.
    """
    logs = np.log(past[-2 * day :])
    return float(np.median(np.abs(np.diff(logs[day:] - logs[:day]))) / 0.6745 / 2)
