"""Servers with a line before them, and the one law that every line obeys.

A station of c servers costs two events a job, an arrival and an end. Its bookkeeping is kept twice:
each job knows when it came and went, the station knows how many were inside, and for how long. From
one empty moment to another the two sums are equal whatever the arrivals, the service times and the
order of service: L = lambda W (Little, 1961). If they differ, the program is wrong.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.measurement.timing import Array
from mlsys.foundations.measurement.trace import Trace
from mlsys.foundations.simulation.events import Simulator


@dataclass(slots=True, eq=False)
class Job:
    """Work that needs one server for ``service`` seconds. The station fills in the times."""

    service: float
    arrival: float = math.nan
    start: float = math.nan
    finish: float = math.nan


# Who is next: the job with the smallest value. ``place`` counts the arrivals at a station.
Discipline = Callable[[Job, int], float]


def first_come(job: Job, place: int) -> float:
    """In the order of arrival."""
    return place


def last_come(job: Job, place: int) -> float:
    """The latest arrival first."""
    return -place


def shortest_first(job: Job, place: int) -> float:
    """The job that needs least; it must be known how long each will take."""
    return job.service


class Station:
    """``servers`` equal servers and one line. Service is never interrupted.

    ``then`` is called with each job when it is done: to send it elsewhere, say.
    """

    def __init__(
        self,
        simulator: Simulator,
        servers: int = 1,
        discipline: Discipline = first_come,
        then: Callable[[Job], object] | None = None,
    ) -> None:
        if servers < 1:
            raise ValueError(f"servers: expected at least 1, got {servers}")
        self.simulator, self.servers = simulator, servers
        self.discipline, self.then = discipline, then
        self.inside = 0  # jobs waiting or served
        self.done: list[Job] = []
        self.area = 0.0  # integral of ``inside`` over time, in job-seconds
        self._line: list[tuple[float, int, Job]] = []  # a heap
        self._place = itertools.count()
        self._seen = simulator.now  # the time up to which ``area`` is known

    def arrive(self, job: Job) -> None:
        """A job comes, now."""
        job.arrival = self.simulator.now
        has_free_server = self.inside < self.servers
        self._enter_or_leave(1)
        if has_free_server:
            self._serve(job)
        else:
            place = next(self._place)
            heapq.heappush(self._line, (self.discipline(job, place), place, job))

    def _serve(self, job: Job) -> None:
        job.start = self.simulator.now
        self.simulator.after(job.service, self._finish, job)

    def _finish(self, job: Job) -> None:
        job.finish = self.simulator.now
        self._enter_or_leave(-1)
        self.done.append(job)
        if self._line:
            self._serve(heapq.heappop(self._line)[-1])
        if self.then is not None:
            self.then(job)

    def _enter_or_leave(self, change: int) -> None:
        now = self.simulator.now
        self.area += self.inside * (now - self._seen)
        self._seen = now
        self.inside += change


def feed(
    simulator: Simulator, arrivals: Array, service: Array, receive: Callable[[Job], object]
) -> None:
    """Hand a job to ``receive`` at each of ``arrivals``, which are in order; both shapes (n,).

    Only the next arrival is on the simulator's queue, not all n of them.
    """
    jobs = zip(arrivals.tolist(), map(Job, service.tolist()), strict=True)

    def wait_for_next() -> None:
        for time, job in itertools.islice(jobs, 1):
            simulator.at(time, arrive, job)

    def arrive(job: Job) -> None:
        wait_for_next()
        receive(job)

    wait_for_next()


@dataclass(frozen=True)
class Log:
    """When jobs came, were begun and were done, in the order of arrival. Shapes (n,), seconds."""

    arrival: Array
    start: Array
    finish: Array

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Log:
        """The log of jobs that are done."""
        ordered = sorted(jobs, key=lambda job: (job.arrival, job.start))
        rows = [(job.arrival, job.start, job.finish) for job in ordered]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 3).T)

    @property
    def wait(self) -> Array:
        """Seconds in line."""
        return self.start - self.arrival

    @property
    def latency(self) -> Array:
        """Seconds in the station, waiting and served."""
        return self.finish - self.arrival

    def record(self, trace: Trace, lane: str) -> None:
        """Add to a trace when each job was served."""
        for n, (start, finish) in enumerate(zip(self.start, self.finish)):
            trace.add(f"job {n}", lane, start, finish)


@dataclass(frozen=True)
class Averages:
    """What a station did between two moments at which it was empty."""

    number: float  # L, jobs inside, averaged over time
    rate: float  # lambda, jobs a second
    time: float  # W, seconds inside, averaged over jobs
    utilisation: float  # share of the servers' time in which they served


def averages(station: Station) -> Averages:
    """Averages from the first arrival to the last end. Raises if L is not lambda W.

    The station must be empty: run its simulator until nothing is left to happen.
    """
    if station.inside or not station.done:
        raise ValueError(
            f"averages: expected an empty station that has done something, got "
            f"{station.inside} jobs inside and {len(station.done)} done; "
            f"call simulator.run() without until"
        )
    log = Log.of(station.done)
    seconds = float(log.finish.max() - log.arrival.min())
    if seconds == 0:
        raise ValueError("averages: all came and went at one moment; give service > 0")
    if not math.isclose(station.area, log.latency.sum(), rel_tol=1e-9):
        raise RuntimeError(
            f"Little's law is broken: jobs spent {log.latency.sum()} s inside, the station "
            f"counted {station.area}; a job was lost, or its times were changed"
        )
    return Averages(
        number=station.area / seconds,
        rate=len(station.done) / seconds,
        time=float(log.latency.mean()),
        utilisation=float((log.finish - log.start).sum() / seconds / station.servers),
    )


def pooled_wait(rate: float, mean: float, servers: int) -> float:
    """Mean seconds in line for Poisson arrivals and exponential service: Erlang's formula C.

    >>> pooled_wait(rate=0.5, mean=1.0, servers=1)  # as mean_wait(0.5, 1.0, 2.0)
    1.0
    """
    asked = rate * mean  # servers that would be busy if there were enough
    if asked >= servers:
        return math.inf
    blocked = 1.0  # Erlang's formula B, one server after the other
    for c in range(1, servers + 1):
        blocked = asked * blocked / (c + asked * blocked)
    waits = blocked / (1 - asked / servers * (1 - blocked))  # probability that a job waits
    return waits * mean / (servers - asked)
