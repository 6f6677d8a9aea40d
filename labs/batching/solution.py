"""Lab: two models, one device.

Rebuild what adaptive batching is made of; then let two models share a device, each with a promise
of its own. The handout says how the marks come about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Waiting = tuple[int, str, float]  # number, kind, when it arrived
Model = tuple[float, float, float]  # seconds for a batch, for each in it, and that are promised


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    """Whom an idle device serves now, and whom it gives up: two lists of numbers.

    waiting: at least one, in the order of arrival. models: for each of two kinds (fixed, each,
    objective): n of them together take fixed + each n seconds, and an answer is worth nothing
    later than objective seconds after the arrival. The batch is of one kind; with an empty one the
    device is idle until the next arrival. state: a dictionary of yours, empty at first.
    """
    plans = {}
    for kind in models:
        if line := [each for each in waiting if each[1] == kind]:
            plans[kind] = _solution_plan(now, line, models[kind], _solution_cap(kind, models))
    dropped = [number for plan in plans.values() for number in plan.hopeless]
    able = sorted((kind for kind in plans if plans[kind].batch), key=lambda kind: plans[kind].start)
    if not able:
        return [], dropped
    used = _solution_used(state, now, models)
    chosen = able[0]  # must begin first
    if len(able) == 2 and now + plans[chosen].seconds > plans[able[1]].start:  # not both in time
        slow, chosen = sorted(able, key=lambda kind: plans[kind].rate)
        if used[slow] < 0.6 * used[chosen]:  # but nobody is starved
            chosen = slow
    used[chosen] += plans[chosen].seconds
    return plans[chosen].batch, dropped + plans[chosen].passed


def _solution_used(state: dict[Any, Any], now: float, models: dict[str, Model]) -> dict[str, float]:
    """The seconds of the device that each has had lately; what is long ago counts less."""
    used: dict[str, float] = state.setdefault("used", dict.fromkeys(models, 0.0))
    memory = max(objective for _, _, objective in models.values())
    kept = math.exp((state.get("last", now) - now) / memory)
    state["last"] = now
    for kind in used:
        used[kind] *= kept
    return used


def _solution_cap(kind: str, models: dict[str, Model]) -> int:
    """Batches that take no longer than half of what the other model has promised."""
    fixed, each, _ = models[kind]
    other = min(model[2] for name, model in models.items() if name != kind)
    return max(1, int((other / 2 - fixed) / each))


class _solution_Plan(NamedTuple):
    """What one kind would do: its batch, when that must begin at the latest, and who goes."""

    batch: list[int]
    start: float
    seconds: float
    hopeless: list[int]
    passed: list[int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.batch) / self.seconds


def _solution_plan(now: float, line: list[Waiting], model: Model, cap: int) -> _solution_Plan:
    """The batch of up to ``cap`` that answers most a second, all in time."""
    fixed, each, objective = model
    numbers = [number for number, _, _ in line]
    slack = [arrived + objective - now for _, _, arrived in line]
    hopeless = sum(seconds < fixed + each for seconds in slack)  # the first ones
    first, size, rate = hopeless, 0, 0.0
    for begin in range(hopeless, len(line)):
        left = min(cap, len(line) - begin)
        fits = min(left, max(1, int((slack[begin] - fixed) / each + 1e-9)))
        if fits / (fixed + each * fits) > rate:
            first, size, rate = begin, fits, fits / (fixed + each * fits)
        if fits == left:
            break
    seconds = fixed + each * size
    start = now + slack[first] - seconds if size else math.inf
    batch, passed = numbers[first : first + size], numbers[hopeless:first]
    return _solution_Plan(batch, start, seconds, numbers[:hopeless], passed)
