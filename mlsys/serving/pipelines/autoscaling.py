"""How many replicas now? A rule that sees only how busy they are, and replicas that start slowly.

The common rule keeps utilisation at a target: replicas × utilisation / target, rounded up (that of
Kubernetes' autoscaler). It answers to what has been, and what it orders comes ``startup`` seconds
later; in between everything that exceeds capacity waits. The price of being ready is the replica
seconds that nobody uses; that of not being ready is a cold start. To keep an idle replica for as
long as a start would cost is never more than twice as dear as knowing the future (Karlin and
others, 1988, on a like question).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mlsys.foundations.simulation.events import Event, Simulator
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.graph import Array
from mlsys.serving.pipelines.tuner import replica_seconds


class Rule(Protocol):
    """Decides how many replicas there are to be."""

    def wanted(self, now: float, ordered: int, busy: float) -> int:
        """ordered: with those that start. busy: replicas that worked, mean of the last period."""


@dataclass
class Utilisation:
    """Replicas such that a share ``target`` of them is busy.

    A decrease is the largest that was wanted in the last ``calm`` seconds, so that a short lull
    takes nothing away that is needed right after it.
    """

    target: float
    least: int = 1
    calm: float = 60.0
    _wanted: deque[tuple[float, int]] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        if not (0 < self.target <= 1 and self.least >= 1):
            raise ValueError(f"expected 0 < target <= 1, least >= 1: {self.target}, {self.least}")

    def wanted(self, now: float, ordered: int, busy: float) -> int:
        """Up at once; down to the most that was wanted lately."""
        new = max(self.least, math.ceil(busy / self.target - 1e-9))
        self._wanted.append((now, new))
        while self._wanted[0][0] < now - self.calm:
            self._wanted.popleft()
        return max(new, min(ordered, max(count for _, count in self._wanted)))


@dataclass(frozen=True)
class Scaled:
    """latency: (n,), seconds. ordered: replicas from each moment on. busy: replica seconds."""

    latency: Array
    ordered: list[tuple[float, int]]
    busy: float
    end: float

    @property
    def paid(self) -> float:
        """Replica seconds from the order of each to its end."""
        return replica_seconds(self.ordered, self.end)

    def missed(self, seconds: float) -> float:
        """The share of requests that took longer."""
        return float(np.mean(self.latency > seconds))


@dataclass
class Autoscaler:
    """One stage under a rule. curve, batch: of a replica, which takes whoever is there.

    period: seconds between two decisions. startup: seconds from an order to work.
    """

    curve: Linear
    batch: int
    rule: Rule
    period: float = 15.0
    startup: float = 30.0
    replicas: int = 1  # to begin with, and working

    def run(self, arrivals: Array) -> Scaled:
        """Answer all of ``arrivals``, shape (n,), seconds, in order."""
        return _Run(self, arrivals.tolist()).scaled()


class _Run:
    """One simulation: who waits, and what each replica does."""

    def __init__(self, scaler: Autoscaler, arrivals: list[float]) -> None:
        self.scaler, self.arrivals = scaler, arrivals
        self.simulator = Simulator()
        self.waiting: deque[int] = deque()
        self.idle, self.working, self.ordered = scaler.replicas, 0, scaler.replicas
        self.starting: list[Event] = []
        self.finished = np.zeros(len(arrivals))
        self.left = len(arrivals)
        self.steps = [(0.0, self.ordered)]
        self.busy = self.since = self.before = 0.0  # replica seconds, until when; at the last look

    def scaled(self) -> Scaled:
        self._expect(0)
        self.simulator.after(self.scaler.period, self._look)
        self.simulator.run()
        end = float(self.finished.max())
        steps = [step for step in self.steps if step[0] < end]
        return Scaled(self.finished - np.array(self.arrivals), steps, self.busy, end)

    def _expect(self, number: int) -> None:
        if number < len(self.arrivals):
            self.simulator.at(self.arrivals[number], self._arrive, number)

    def _arrive(self, number: int) -> None:
        self.waiting.append(number)
        self._expect(number + 1)
        self._work()

    def _work(self) -> None:
        while self.idle and self.waiting:
            size = min(self.scaler.batch, len(self.waiting))
            batch = [self.waiting.popleft() for _ in range(size)]
            self._count(+1)
            self.simulator.after(self.scaler.curve.seconds(size), self._end, batch)

    def _end(self, batch: list[int]) -> None:
        self.finished[batch] = self.simulator.now
        self.left -= len(batch)
        self._count(-1)
        self._retire()
        self._work()

    def _count(self, change: int) -> None:
        """One more works, or one fewer; and how long so many have."""
        now = self.simulator.now
        self.busy += self.working * (now - self.since)
        self.since, self.working, self.idle = now, self.working + change, self.idle - change

    def _look(self) -> None:
        self._count(0)
        mean = (self.busy - self.before) / self.scaler.period
        self.before, now = self.busy, self.simulator.now
        wanted = self.scaler.rule.wanted(now, self.ordered, mean)
        if wanted != self.ordered:
            self.steps.append((now, wanted))
        for _ in range(self.ordered, wanted):
            self.starting.append(self.simulator.after(self.scaler.startup, self._ready))
        self.ordered = wanted
        self._retire()
        if self.left:
            self.simulator.after(self.scaler.period, self._look)

    def _ready(self) -> None:
        self.starting = [event for event in self.starting if event.pending]
        self.idle += 1
        self._work()

    def _retire(self) -> None:
        """Too many? First those that have not begun to work, then idle ones; others when done."""
        surplus = self.idle + self.working + len(self.starting) - self.ordered
        for _ in range(max(0, min(surplus, len(self.starting)))):
            self.starting.pop().cancel()
            surplus -= 1
        self.idle -= max(0, min(surplus, self.idle))


@dataclass(frozen=True)
class Kept:
    """waited: (n,), seconds until there was a replica. cold: starts. paid: seconds it was there."""

    waited: Array
    cold: int
    paid: float


def kept_warm(arrivals: Array, patience: float, startup: float) -> Kept:
    """One replica that is given up after ``patience`` idle seconds, and started when it is missed.

    arrivals: (n,), seconds, in order. Answering takes no time. A start is paid for like work.
    """
    waited, cold, paid = [], 0, 0.0
    begun = ready = idle = -math.inf  # when it was ordered, could work, and had last worked
    for now in arrivals.tolist():
        if now > idle + patience:
            paid += idle + patience - begun if cold else 0.0
            cold, begun, ready = cold + 1, now, now + startup
        idle = max(now, ready)
        waited.append(idle - now)
    return Kept(np.array(waited), cold, paid + idle + patience - begun)


def cold_share(rate: float, patience: float, startup: float) -> float:
    """The share of Poisson requests that cause a start: p / (1 + rate × startup × p).

    p = exp(-rate × patience) is the chance that nobody comes in time. From one start to the next
    there are those that come while it starts, and 1 / p others on average.

    >>> round(cold_share(rate=1 / 60, patience=60, startup=0), 3)
    0.368
    """
    nobody = math.exp(-rate * patience)
    return nobody / (1 + rate * startup * nobody)


def paid_share(rate: float, patience: float, startup: float) -> float:
    """The share of time for which the replica is paid, under Poisson requests.

    It is not in the 1 / rate seconds, on average, until somebody misses it.
    """
    return 1 - cold_share(rate, patience, startup)
