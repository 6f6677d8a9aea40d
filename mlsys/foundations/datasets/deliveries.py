"""Orders whose labels come late, and some later than others: the introduction's world, continued.

How many minutes an order takes is known when it is delivered and reported, never before; a slow
one is often disputed, and then it is known only days later. So what is known at any moment is
fast for its age: whoever trains on all that is known learns too short times. Planted beside it:
each kitchen's own delay, and the drift of the introduction. The same shape in clicks that lead to
sales days later: Chapelle, "Modeling delayed feedback in display advertising", KDD 2014.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlsys.foundations.datasets.cards import Card
from mlsys.foundations.datasets.zipf import Array, Keys, Zipf
from mlsys.foundations.introduction import Orders, World, arrive, features

DAY = 24 * 60.0  # minutes
CARD = Card(
    "deliveries",
    "Orders of food with late labels",
    "generated: mlsys.foundations.datasets.deliveries",
    "MIT",
    planted="linear minutes, kitchens, drift, late labels",
    size="any number of days",
)


@dataclass(frozen=True, eq=False)
class Deliveries:
    """Orders, and when their labels become known.

    Arrays of shape (n,); times in minutes since the midnight with which day 0 begins.
    """

    orders: Orders
    kitchen: Keys
    placed: Array
    known: Array  # from here on ``orders.minutes`` may be used

    def __len__(self) -> int:
        return len(self.placed)

    def rows(self, chosen: npt.NDArray[Any]) -> Deliveries:
        """Some of the rows, by a mask of shape (n,) or by their numbers."""
        columns = {f.name: getattr(self.orders, f.name)[chosen] for f in fields(Orders)}
        return Deliveries(
            Orders(**columns), self.kitchen[chosen], self.placed[chosen], self.known[chosen]
        )

    def known_by(self, now: float) -> Deliveries:
        """The rows whose label is known: all that a system can train on, and biased."""
        return self.rows(self.known <= now)


@dataclass(frozen=True, eq=False)
class Town:
    """The planted truth: the world of the introduction, kitchens, and how labels come."""

    world: World
    delay: Array  # (kitchens,), minutes that each adds to its orders
    popularity: Zipf  # of the kitchens
    report: float = 60.0  # mean minutes from the door to the record
    late: float = 45.0  # an order that takes longer than this is disputed
    dispute: float = 2 * DAY  # mean minutes that this adds

    def expected(self, deliveries: Deliveries) -> Array:
        """The true minutes without noise, shape (n,): what the best model would say."""
        orders = deliveries.orders
        days, day = np.unique(orders.day, return_inverse=True)
        weights = np.array([self.world.weights_on(d) for d in days])[day]  # (n, 4)
        return np.asarray((features(orders) * weights).sum(axis=1) + self.delay[deliveries.kitchen])

    def day(self, day: int, rng: np.random.Generator) -> Deliveries:
        """All orders of one day, in the order in which they are placed."""
        orders = arrive(self.world, day, rng)
        n = len(orders)
        kitchen = self.popularity.draw(n, rng)
        orders = replace(orders, minutes=orders.minutes + self.delay[kitchen])
        placed = DAY * day + 60 * (orders.hour + rng.random(n))
        disputed = (orders.minutes > self.late) * rng.exponential(self.dispute, n)
        known = placed + orders.minutes + rng.exponential(self.report, n) + disputed
        return Deliveries(orders, kitchen, placed, known).rows(np.argsort(placed))

    def stream(self, days: range, rng: np.random.Generator) -> Iterator[Deliveries]:
        """One batch a day, in the memory of one; the data of ten days is that of five and five."""
        for day in days:
            yield self.day(day, rng)


def plant_town(
    kitchens: int, rng: np.random.Generator, world: World | None = None, spread: float = 4.0
) -> Town:
    """Draw each kitchen's delay, normal with standard deviation ``spread`` minutes."""
    if kitchens < 1:
        raise ValueError(f"plant_town: expected at least one kitchen, got {kitchens}")
    delay = rng.normal(0, spread, kitchens)
    return Town(world or World(drift_day=30), delay, Zipf(kitchens, exponent=0.8))
