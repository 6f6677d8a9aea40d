"""Traffic that has days: how many requests come in each step, drawn anew for each check."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

Array = np.ndarray
KNOWN = 4  # whole days that are over when a policy is asked first
NOISE = (0.04, 0.09)  # from step to step, as a share


@dataclass(frozen=True)
class Days:
    """rate: requests expected in each of n steps, (n,). arrivals: those that came, (n,).

    day: steps until traffic repeats itself. start: steps from the order of a replica until it
    works. each: requests that one replica answers in a step.
    """

    rate: Array
    arrivals: Array
    day: int
    start: int
    each: float

    @property
    def known(self) -> int:
        """Steps that are over when the policy is asked first."""
        return KNOWN * self.day

    @property
    def needed(self) -> list[int]:
        """Replicas that answer everybody, in each step that was not over."""
        return np.ceil(self.arrivals[self.known :] / self.each - 1e-9).astype(int).tolist()


def usual(
    rng: np.random.Generator, days: float, busier: float, noise: tuple[float, float] = NOISE
) -> Days:
    """So many days after those that are known; in half a day traffic becomes so much busier."""
    drawn = _expected(rng, days)
    change = np.clip((np.arange(drawn.rate.size) - drawn.known) / (drawn.day / 2), 0, 1)
    return _come(rng, drawn, busier**change, noise)


def shifted(rng: np.random.Generator, days: float, factor: float) -> tuple[Days, int]:
    """At some moment of the first day there is so much more, for good. Also the step of that."""
    drawn = _expected(rng, days)
    at = drawn.known + int(rng.integers(5, drawn.day // 4))
    return _come(rng, drawn, np.where(np.arange(drawn.rate.size) < at, 1.0, factor)), at


def burst(rng: np.random.Generator, factor: float, day: int = KNOWN) -> tuple[Days, int, int]:
    """So much more for five starts, beginning with the morning of a day; from and to when.

    The same time of the next day is still to be seen.
    """
    drawn = _expected(rng, day + 2 - KNOWN, morning=True)
    begin = day * drawn.day + drawn.start
    end = begin + 5 * drawn.start
    steps = np.arange(end + drawn.day)
    drawn = replace(drawn, rate=drawn.rate[: steps.size])
    return _come(rng, drawn, np.where((begin <= steps) & (steps < end), factor, 1.0)), begin, end


def _expected(rng: np.random.Generator, days: float, morning: bool = False) -> Days:
    """Days of one shape and of different moods, of which nobody has come yet.

    Each begins at some moment, or ``start`` steps before its morning.
    """
    day, start = int(rng.integers(80, 129)), int(rng.integers(4, 8))
    each = float(rng.integers(200, 2000))
    shape = np.roll(_shape(rng, day, start), start if morning else int(rng.integers(day)))
    count = int((KNOWN + days) * day)
    rate = rng.uniform(25, 40) * each * np.resize(shape, count) * _mood(rng, count, day)
    return Days(rate, rate, day, start, each)


def _come(
    rng: np.random.Generator, days: Days, factor: Array, spread: tuple[float, float] = NOISE
) -> Days:
    """Who really comes, if the rate is so many times as high."""
    rate = days.rate * factor
    noise = np.exp(rng.uniform(*spread) * rng.standard_normal(rate.size))
    return replace(days, rate=rate, arrivals=1.0 + rng.poisson(rate * noise))


def _shape(rng: np.random.Generator, day: int, start: int) -> Array:
    """A steep morning, a noon, an evening and a night, in this order; at most 1."""
    night, rise = rng.uniform(0.12, 0.2), 3 + int(rng.integers(2 * start, 3 * start + 1))
    places = [0, rise, rise + 0.2 * day, rise + 0.4 * day, 0.8 * day, day]
    heights = [night, rng.uniform(0.8, 1), rng.uniform(0.6, 0.8), 1.0, night, night]
    return np.exp(np.interp(np.arange(day), places, np.log(heights)))


def _mood(rng: np.random.Generator, count: int, day: int) -> Array:
    """Some days are busier: a factor that drifts by a tenth or so, and forgets within a day."""
    kept, drift = math.exp(-2 / day), 0.1 * float(rng.standard_normal())
    pushes = 0.1 * math.sqrt(1 - kept**2) * rng.standard_normal(count)
    return np.exp([drift := kept * drift + push for push in pushes.tolist()])
