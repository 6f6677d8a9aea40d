"""An allreduce on a ring of simulated machines: ours, in SimPy and in SimGrid.

All have the same network: a message of n bytes takes alpha + beta n seconds and keeps its sender's
port out and its receiver's port in busy for as long. Ours and SimPy carry the arrays and add them
up; SimGrid, whose messages have sizes and no content worth the name, does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import MALLOC, version_of
from race import Entry, Results

from mlsys.distributed.allreduce import ring_allreduce, ring_cost
from mlsys.distributed.cluster import Communicator, SimulatedCluster, flat

ALPHA, BETA = 1e-5, 1e-9  # seconds of a message, and of each of its bytes
FLOAT = 4  # bytes
MOST_SECONDS = 300.0
WORKER = Path(__file__).with_name("simgrid_worker.py")
Array = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Ring:
    """An allreduce of a number for each rank; all of rank r's are r."""

    ranks: int

    @property
    def elements(self) -> int:
        """How many numbers each rank has."""
        return self.ranks

    @property
    def messages(self) -> int:
        """How many are sent."""
        return 2 * self.ranks * (self.ranks - 1)

    def results(self, seconds: float, sums: Array | None = None) -> Results:
        """What must be: the time of the formula, and the sums."""
        predicted = ring_cost(self.ranks, self.elements * FLOAT, ALPHA, BETA)
        found = {"seconds ÷ formula": np.array(seconds / predicted)}
        right = self.ranks * (self.ranks - 1) / 2
        return found if sums is None else found | {"sums ÷ right ones": sums / right}


class StopWatch:
    """Wall time; where a process has taken its own, that counts and not what it took to start."""

    def __init__(self) -> None:
        self._offset = 0.0

    def __call__(self) -> float:
        return time.perf_counter() + self._offset

    def instead(self, start: float, seconds: float) -> None:
        """Since ``start`` so many seconds have passed, whatever the clock says."""
        self._offset -= self() - start - seconds


class Ours:
    """mlsys.distributed.cluster, simulated."""

    def __init__(self, trace: bool = False) -> None:
        self.version, self._trace = version_of("mlsys"), trace

    def allreduce(self, p: Ring) -> Entry:
        """The whole run."""

        def program(comm: Communicator) -> Array:
            array = np.full(p.elements, comm.rank, np.float32)
            ring_allreduce(comm, array)
            return array[:8]

        def run() -> Any:
            cluster = SimulatedCluster(flat(p.ranks, ALPHA, BETA), trace=self._trace)
            return cluster.run(program)

        def results() -> Results:
            done = run()
            return p.results(done.seconds, np.array(done.values))

        return Entry(run, results)


class OnFewer(Ours):
    """Ours with a quarter of the ranks: what a message costs there."""

    def allreduce(self, p: Ring) -> Entry:
        """As many whole runs as send as many messages, or nearly."""
        few = Ring(p.ranks // 4)
        one, times = super().allreduce(few), p.messages // few.messages

        def run() -> None:
            for _ in range(times):
                one.work()

        return Entry(run, lambda: {"seconds ÷ formula": one.results()["seconds ÷ formula"]})


class SimPy:
    """simpy: a process for each rank, and one for each message, so that a rank can receive too."""

    def __init__(self) -> None:
        import simpy

        self._simpy, self.version = simpy, version_of("simpy")

    def allreduce(self, p: Ring) -> Entry:
        """The whole run."""
        return Entry(lambda: self._run(p), lambda: p.results(*self._run(p)))

    def _run(self, p: Ring) -> tuple[float, Array]:
        simpy, ranks = self._simpy, p.ranks
        world = simpy.Environment()
        out, into = ([simpy.Resource(world, 1) for _ in range(ranks)] for _ in range(2))
        boxes = [simpy.Store(world) for _ in range(ranks)]
        arrays = [np.full(p.elements, rank, np.float32) for rank in range(ranks)]

        def send(rank: int, to: int, chunk: Array) -> Iterator[Any]:
            with out[rank].request() as first, into[to].request() as second:
                yield first & second
                yield world.timeout(ALPHA + BETA * chunk.nbytes)
            boxes[to].put(chunk)

        def program(rank: int) -> Iterator[Any]:
            parts = np.split(arrays[rank], ranks)
            for step in range(2 * (ranks - 1)):
                sending = world.process(
                    send(rank, (rank + 1) % ranks, parts[(rank - step) % ranks].copy())
                )
                mine, chunk = parts[(rank - step - 1) % ranks], (yield boxes[rank].get())
                if step < ranks - 1:
                    np.add(mine, chunk, out=mine)
                else:
                    mine[:] = chunk
                yield sending

        for rank in range(ranks):
            world.process(program(rank))
        world.run()
        return world.now, np.array([array[:8] for array in arrays])


class SimGrid:
    """SimGrid through its Python module, in the environment at ``path``; a process for each run."""

    def __init__(self, watch: StopWatch, path: Path) -> None:
        self._watch, self._python = watch, path.absolute() / "bin" / "python3"
        if not self._python.exists():
            raise ImportError(f"{path} has no bin/python3")
        self.version = str(self._run(Ring(2))["version"])

    def allreduce(self, p: Ring) -> Entry:
        """The whole run, without the start of its process."""

        def run() -> None:
            start = self._watch()
            self._watch.instead(start, self._run(p)["took"])

        def results() -> Results:
            done = self._run(p)
            assert done["last"] == [p.ranks - 2, 2 * (p.ranks - 1) - 1], done
            return p.results(done["seconds"])

        return Entry(run, results)

    def _run(self, p: Ring) -> dict[str, Any]:
        sizes = (p.ranks, p.elements * FLOAT, ALPHA, BETA)
        ended = subprocess.run(
            [str(self._python), str(WORKER), *map(str, sizes)],
            env={name: value for name, value in os.environ.items() if name not in MALLOC},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
        )
        if ended.returncode:
            raise ImportError(f"{' '.join(ended.args)}:\n{ended.stderr[-2000:]}")
        return dict(json.loads(ended.stdout.splitlines()[-1]))
