"""Lab 0: a gate, a validator, and an alarm that rings soon and not for nothing.

Everything above the first function that raises NotImplementedError is given: it is the part of
the chapter's module on which your functions stand. Write the bodies; the docstrings say what
they owe. You may add functions of your own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Orders:
    """A batch of orders: one array of shape (n,) per column; ``minutes`` come later."""

    day: npt.NDArray[Any]
    km: npt.NDArray[Any]
    items: npt.NDArray[Any]
    hour: npt.NDArray[Any]  # whole hours of the local day, 0 to 23
    minutes: npt.NDArray[Any]  # from order to door: the label

    def __len__(self) -> int:
        return len(self.day)


class Fault(Enum):
    """What can be wrong with a column."""

    LENGTH = "length"
    TYPE = "type"
    MISSING = "missing"
    RANGE = "range"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one column, and in how many rows."""

    fault: Fault
    column: str
    rows: int

    def __str__(self) -> str:
        return f"{self.column}: {self.fault.value} ({self.rows} rows)"


SCHEMA = {  # column: lowest and highest believable value
    "km": (0.1, 30.0),
    "items": (1.0, 40.0),
    "hour": (0.0, 23.0),
    "minutes": (1.0, 180.0),
}


@dataclass(frozen=True, eq=False)
class Model:
    """Four weights, where they came from, and how well they did there."""

    version: int  # the day on which it was made
    weights: Array  # (4,)
    trained_on: tuple[int, int]  # first and last day of its data
    error: float  # mean absolute error on that data, minutes
    spread: float  # standard deviation of the absolute errors, minutes

    def predict(self, orders: Orders) -> Array:
        """Minutes promised for each order, shape (n,)."""
        return features(orders) @ self.weights


def features(orders: Orders) -> Array:
    """The columns a model sees, shape (n, 4): 1, km, items, and whether it is rush hour."""
    rush = np.isin(orders.hour, (11, 12, 13, 18, 19, 20))
    return np.column_stack([np.ones(len(orders)), orders.km, orders.items, rush])


@dataclass(frozen=True)
class Decision:
    """What the gate said, and the two errors it said it for (minutes, on the same orders)."""

    deploy: bool
    candidate_error: float
    incumbent_error: float


def mean_error(model: Model, orders: Orders) -> float:
    """Mean absolute difference between promised and true minutes."""
    return float(np.abs(model.predict(orders) - orders.minutes).mean())


def rings(errors: list[float], calm: int = 30) -> bool:
    """Should the alarm ring today?

    errors: the service's mean error on each day so far, oldest first; today's is the last.
        Units differ from service to service: minutes, euros, clicks.
    calm: the first ``calm`` days were looked at by people and found normal. What is normal
        (its level, and how much it moves from day to day) must be learnt from them. There are
        always more than ``calm`` days.
    Returns True to wake somebody up. The function is asked once a day until it does, and sees
    nothing but the past. Of the services in which nothing changes, at most one in ten may ring
    within 60 days. An error that falls is no reason to ring. If the daily error rises for good
    by 1.5 times its daily standard deviation, the alarm should come within 14 days on average;
    if it creeps up by a tenth of that deviation each day, within 21.
    """
    normal = np.array(errors[:calm])
    level, spread = normal.mean(), normal.std(ddof=1)
    evidence = 0.0  # the cumulative sum of Page, 1954: what exceeds the allowance piles up
    for error in errors[calm:]:
        evidence = max(0.0, evidence + (error - level) / spread - _solution_allowance)
        if evidence > _solution_limit:
            return True
    return False


# In standard deviations of a day: less than the rise we want to see, and the sum that is too much.
_solution_allowance = 0.5
_solution_limit = 8.0
