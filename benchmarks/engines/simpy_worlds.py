"""The same worlds in SimPy: callbacks for the timers, its quickest way; processes for the line."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import simpy
from race import Entry

from engines.simulations import Line, Timers


class SimPy:
    """simpy.Environment, Timeout, Resource and processes."""

    def __init__(self) -> None:
        self.version = version("simpy")

    def timers(self, p: Timers) -> Entry:
        """A timeout whose callback makes the next timeout."""

        def run() -> list[float]:
            world, delays, seen = simpy.Environment(), iter(p.delays.tolist()), []

            def again(_: Any) -> None:
                seen.append(world.now)
                for delay in delays:
                    world.timeout(delay).callbacks.append(again)
                    break

            for _ in range(p.waiting):
                world.timeout(next(delays)).callbacks.append(again)
            world.run()
            return seen

        return Entry(run, lambda: {"times": np.asarray(run())})

    def line(self, p: Line) -> Entry:
        """A process for the arrivals and one for each job, as SimPy's documentation does it."""

        def run() -> list[float]:
            world = simpy.Environment()
            servers = simpy.Resource(world, p.servers)
            done = [0.0] * len(p.service)

            def job(n: int, service: float) -> Iterator[Any]:
                with servers.request() as turn:
                    yield turn
                    yield world.timeout(service)
                done[n] = world.now

            def source() -> Iterator[Any]:
                for n, (at, service) in enumerate(zip(p.arrivals.tolist(), p.service.tolist())):
                    yield world.timeout(at - world.now)
                    world.process(job(n, service))

            world.process(source())
            world.run()
            return done

        return Entry(run, lambda: {"times": np.asarray(run())})
