"""The same worlds for two simulators: timers that set themselves again, and servers with a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from race import Entry, Results

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.foundations.simulation.events import Simulator
from mlsys.foundations.simulation.queues import Log, Station, feed

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Timers:
    """``waiting`` timers; each event takes the next of ``delays`` and sets its timer again."""

    waiting: int
    delays: Array  # (events,) seconds

    @classmethod
    def draw(cls, rng: np.random.Generator, waiting: int, events: int) -> Timers:
        """Exponential delays: the order of the events is as random as it can be."""
        return cls(waiting, rng.exponential(1.0, events))


@dataclass(frozen=True)
class Line:
    """Jobs that come to equal servers with one line, first come, first served."""

    servers: int
    arrivals: Array  # (jobs,) seconds, rising
    service: Array  # (jobs,) seconds

    @classmethod
    def draw(cls, rng: np.random.Generator, servers: int, jobs: int) -> Line:
        """Poisson arrivals at 80 % of what the servers can do."""
        return cls(servers, poisson_arrivals(0.8 * servers, jobs, rng), rng.exponential(1.0, jobs))


class OurSimulator:
    """mlsys.foundations.simulation."""

    def timers(self, p: Timers) -> Entry:
        """A run of all events; the result is when each of them happened."""

        def run() -> list[float]:
            simulator, delays, seen = Simulator(), iter(p.delays.tolist()), []

            def again() -> None:
                seen.append(simulator.now)
                for delay in delays:
                    simulator.after(delay, again)
                    break

            for _ in range(p.waiting):
                simulator.after(next(delays), again)
            simulator.run()
            return seen

        return Entry(run, lambda: _at(run()))

    def line(self, p: Line) -> Entry:
        """A run of all jobs; the result is when each was done, in the order of arrival."""

        def run() -> Station:
            simulator = Simulator()
            station = Station(simulator, p.servers)
            feed(simulator, p.arrivals, p.service, station.arrive)
            simulator.run()
            return station

        return Entry(run, lambda: _at(Log.of(run().done).finish))


def _at(times: Any) -> Results:
    return {"times": np.asarray(times)}
