"""Replicas that start slowly: what a list of orders brings, and what it would have cost to know.

In each step so many are ordered. One that is ordered works ``start`` steps later; what is more
than is ordered goes at once, first what has not begun to work. So in each step there work as many
as were ordered in all of the last ``start`` steps and in this one: the least of these orders. The
first order of all works at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograder import Wrong, typed

from .days import Days

Array = np.ndarray
MOST = 100_000  # replicas that can be ordered


def working(orders: Sequence[int], start: int) -> list[int]:
    """Replicas that work in each step."""
    return [min(orders[max(0, step - start) : step + 1]) for step in range(len(orders))]


def starts(orders: Sequence[int]) -> int:
    """How many were ordered that were not there, after the first step."""
    return sum(max(0, new - old) for old, new in itertools.pairwise(orders))


def least_paid(needed: Sequence[int], start: int) -> Array:
    """Replicas paid in each step, (n,), by who knows what will be needed and turns nobody away.

    Replica by replica: number 7 works in each step that needs 7 or more. For such a step it must
    have been there for ``start`` steps, so it is paid in them. Who pays in others pays too much.
    """
    paid = np.zeros((max(needed, default=0), len(needed)), bool)
    for step, count in enumerate(needed):
        paid[:count, max(0, step - start) : step + 1] = True
    return paid.sum(axis=0)


@dataclass(frozen=True)
class Played:
    """What became of traffic under a policy, in each of n steps.

    turned_away: requests without room, (n,). least: what was to be paid in hindsight, (n,).
    """

    days: Days
    orders: list[int]
    turned_away: Array
    least: Array

    def away(self, begin: int = 0, end: int | None = None) -> float:
        """The share of requests, of the steps between, that were turned away."""
        came = self.days.arrivals[self.days.known :][begin:end]
        return float(self.turned_away[begin:end].sum() / came.sum())

    def times(self, begin: int = 0, end: int | None = None) -> float:
        """How many times as much was paid as by who knew the future."""
        return sum(self.orders[begin:end]) / int(self.least[begin:end].sum())

    def worst(self, begin: int = 0, end: int | None = None) -> str:
        """The step in which most were turned away, for a message."""
        step = begin + int(np.argmax(self.turned_away[begin:end]))
        there = working(self.orders, self.days.start)[step]
        before = max(0, step - self.days.start)
        return (
            f"worst in step {step}: {self.days.needed[step]} replicas were needed, {there} worked; "
            f"{self.orders[step]} were ordered then, {self.orders[before]} in step {before} "
            f"(day {self.days.day}, start {self.days.start})"
        )


def play(student, days: Days) -> Played:
    """Ask the student's policy in each step, which knows what came before it."""
    past = days.arrivals[: days.known]
    conversation = student.converse("service", past, days.day, days.start, days.each)
    _, said = conversation.go_on()
    coming, orders = days.arrivals[days.known :], []
    for step, came in enumerate(coming.tolist()):
        order = typed(said, int, f"what provision returns in step {step}")
        if not 0 <= order <= MOST:
            raise Wrong(f"step {step}: expected an order between 0 and {MOST:,} replicas")
        orders.append(order)
        if step + 1 < coming.size:
            _, said = conversation.go_on(came)
    room = days.each * np.array(working(orders, days.start))
    turned_away = np.maximum(0.0, coming - room)
    return Played(days, orders, turned_away, least_paid(days.needed, days.start))
