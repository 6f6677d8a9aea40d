"""A policy on the virtual clock: requests come when they come, a device takes what a curve says.

Arrivals do not wait for answers (an open loop), so a slow device is not spared. The same seeds give
the same run, to the bit. Cost: some microseconds of Python for each request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys.foundations.measurement.percentiles import nearest_rank
from mlsys.foundations.simulation.events import Event, Simulator
from mlsys.serving.batching.admission import Admission, Unlimited
from mlsys.serving.batching.policy import Policy, Request, checked

Array = NDArray[np.float64]
Service = Callable[[Sequence[Request], float], float]  # a batch, and now -> seconds


@dataclass(frozen=True)
class Linear:
    """A device that takes ``fixed`` seconds for a batch and ``each`` for every request in it.

    spread: of the logarithm of a factor that is drawn for each batch with ``rng``; 0: none.
    """

    fixed: float
    each: float
    spread: float = 0.0
    rng: np.random.Generator | None = None

    def __post_init__(self) -> None:
        if not (self.fixed >= 0 and self.each >= 0 and self.fixed + self.each > 0):
            raise ValueError(f"expected seconds >= 0, not both 0, got {self.fixed}, {self.each}")
        if self.spread and self.rng is None:
            raise ValueError("a spread is drawn: give an rng")

    def seconds(self, size: int) -> float:
        """For a batch of this size, without the factor."""
        return self.fixed + self.each * size

    def __call__(self, batch: Sequence[Request], now: float) -> float:
        """As a `Service`."""
        factor = 1.0
        if self.spread and self.rng is not None:
            factor = math.exp(self.spread * self.rng.standard_normal() - self.spread**2 / 2)
        return factor * self.seconds(len(batch))


@dataclass(frozen=True)
class Outcome:
    """What became of n requests, in the order of arrival, and of the batches. Times in seconds.

    arrived, deadline, started, finished: shape (n,); nan for those that were turned away or
    dropped. batches: shape (m, 3): when each was begun, when it was done, and its size.
    """

    arrived: Array
    deadline: Array
    started: Array
    finished: Array
    refused: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    batches: Array
    devices: int

    @property
    def latency(self) -> Array:
        """Seconds from arrival to answer of those that were answered."""
        return (self.finished - self.arrived)[self.answered]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Who got an answer."""
        return ~np.isnan(self.finished)

    @property
    def seconds(self) -> float:
        """From the first arrival to the last event."""
        last = max(self.arrived[-1], np.nanmax(self.finished, initial=0.0))
        return float(last - self.arrived[0])

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return float(self.answered.sum() / self.seconds)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Who got an answer by the deadline."""
        return self.finished <= self.deadline  # False for nan

    @property
    def goodput(self) -> float:
        """Answers in time a second."""
        return float(self.good.sum() / self.seconds)

    @property
    def utilisation(self) -> float:
        """Share of the devices' time in which they worked."""
        busy = float((self.batches[:, 1] - self.batches[:, 0]).sum())
        return busy / (self.seconds * self.devices)

    @property
    def batch_size(self) -> float:
        """The mean, over batches."""
        return float(self.batches[:, 2].mean())

    def tail(self, q: float = 99.0) -> float:
        """The latency that q percent of all answers were not slower than."""
        return nearest_rank(self.latency, q)


def simulate(
    policy: Policy,
    arrivals: Array,
    service: Service,
    *,
    objective: float | Array = math.inf,
    kinds: Sequence[str] | None = None,
    devices: int = 1,
    admission: Admission | None = None,
) -> Outcome:
    """Let a policy serve ``arrivals``, shape (n,), in order.

    objective: seconds from arrival to deadline, one for all or shape (n,). kinds: of each request.
    Raises ValueError if the policy names a request twice, or one that does not wait.
    """
    times = np.asarray(arrivals, np.float64)
    if times.ndim != 1 or not times.size or (np.diff(times) < 0).any() or times[0] < 0:
        raise ValueError("arrivals: expected one or more times in order, none before 0")
    if devices < 1:
        raise ValueError(f"devices: expected at least 1, got {devices}")
    deadlines = np.broadcast_to(times + objective, times.shape)
    names = [""] * times.size if kinds is None else list(kinds)
    rows = zip(times.tolist(), deadlines.tolist(), names, strict=True)
    requests = [Request(number, *row) for number, row in enumerate(rows)]
    return _Run(policy, requests, service, devices, admission or Unlimited()).outcome(deadlines)


class _Run:
    """One simulation: who waits, and how many devices are idle."""

    def __init__(
        self,
        policy: Policy,
        requests: list[Request],
        service: Service,
        devices: int,
        admission: Admission,
    ) -> None:
        self.policy, self.requests, self.service = policy, requests, service
        self.devices, self.idle, self.admission = devices, devices, admission
        self.simulator = Simulator()
        self.waiting: dict[int, Request] = {}
        self.alarm: Event | None = None
        self.started = np.full(len(requests), np.nan)
        self.finished = np.full(len(requests), np.nan)
        self.refused, self.dropped = (np.zeros(len(requests), bool) for _ in range(2))
        self.batches: list[tuple[float, float, int]] = []

    def outcome(self, deadlines: Array) -> Outcome:
        self._expect(0)
        self.simulator.run()
        return Outcome(
            np.array([request.arrived for request in self.requests]),
            deadlines,
            self.started,
            self.finished,
            self.refused,
            self.dropped,
            np.array(self.batches).reshape(-1, 3),
            self.devices,
        )

    def _expect(self, number: int) -> None:
        if number < len(self.requests):
            self.simulator.at(self.requests[number].arrived, self._arrive, number)

    def _arrive(self, number: int) -> None:
        self._expect(number + 1)
        request, now = self.requests[number], self.simulator.now
        if self.admission.admit(now, len(self.waiting), request) > 0:
            self.refused[number] = True
            return
        self.waiting[number] = request
        self._look()

    def _look(self) -> None:
        """Ask the policy until all devices are busy, or it wants to wait."""
        if self.alarm is not None:
            self.alarm.cancel()
        while self.idle and self.waiting:
            now, line = self.simulator.now, list(self.waiting.values())
            decision = checked(self.policy.decide(now, line), now, self.waiting)
            for request in decision.drop:
                del self.waiting[request.number]
                self.dropped[request.number] = True
            if decision.batch:
                self._begin(decision.batch)
            elif not decision.drop:
                if decision.wake < math.inf:
                    self.alarm = self.simulator.at(decision.wake, self._look)
                return

    def _begin(self, batch: tuple[Request, ...]) -> None:
        now = self.simulator.now
        seconds = self.service(batch, now)
        self.idle -= 1
        for request in batch:
            del self.waiting[request.number]
            self.started[request.number] = now
        self.simulator.after(seconds, self._end, batch, now)

    def _end(self, batch: tuple[Request, ...], begun: float) -> None:
        now = self.simulator.now
        self.idle += 1
        self.finished[[request.number for request in batch]] = now
        self.batches.append((begun, now, len(batch)))
        self.policy.done(now, batch, now - begun)
        self.admission.done(now, len(batch), now - begun)
        self._look()
