"""Allreduce by ours and by the libraries: each a kernel in a job of ranks.

What is timed is the slowest rank's time for a call, of calls that follow each other. Both sides of
a ratio have their arrays before the clock is looked at, and sum the same random numbers once, to
be compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import version_of
from race import Entry, Results

from engines.jobs import Asked, Jobs, mpich
from mlsys.distributed.allreduce import (
    doubling_allreduce,
    halving_allreduce,
    naive_allreduce,
    ring_allreduce,
    tree_allreduce,
)
from mlsys.distributed.cluster import Communicator
from mlsys.distributed.cluster.programs import run_program

WINDOW = 0.01  # seconds between two looks at the clock, at least
SEED = 20
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Sum:
    """An allreduce of float32 over ``ranks``; ours by ``algorithm``, in a job of ``library``."""

    algorithm: str
    elements: int
    ranks: int
    library: str = "open mpi"


class Neighbours:
    """Waits until two cores are as near to each other as they come.

    A host moves the cores of a virtual machine about, and two that share a cache now may not do so
    in some seconds: then a message takes three times as long, while memory gives more. An allreduce
    of 256 KiB tells.
    """

    LOOKS, PAUSE, NEAR, PATIENCE = 100, 0.2, 1.7, 60.0

    def __init__(self, jobs: Jobs) -> None:
        self._jobs, self._key, self._least = jobs, "", 0.0

    def wait(self) -> None:
        """Return when it takes no longer than 1.7 times its least, or after a minute."""
        if not self._least:
            self._least = min(self._look(self.PAUSE) for _ in range(self.LOOKS))
        until = time.monotonic() + self.PATIENCE
        while self._look() > self.NEAR * self._least and time.monotonic() < until:
            time.sleep(self.PAUSE)

    def _look(self, pause: float = 0.0) -> float:
        time.sleep(pause)
        job, calls = self._jobs.get("open mpi", 2), 20
        if not self._key:
            self._key = job.ask("prepare", name="builtin", elements=65_537)[0]  # nobody else's
        return float(max(job.ask("time", key=self._key, calls=calls))) / calls


class JobClock:
    """Goes on by what the jobs say that their work took; ``near``: two cores must be near then."""

    def __init__(self, jobs: Jobs, near: bool = True) -> None:
        self.now = 0.0
        self._near, self._neighbours = near, Neighbours(jobs)

    def __call__(self) -> float:
        return self.now

    def sample(self, job: Asked, key: str, calls: int) -> None:
        """Let a kernel run so often, and go on by the time of one call."""
        if self._near and job.ranks == 2:
            self._neighbours.wait()
        self.now += max(job.ask("time", key=key, calls=calls)) / calls


class Timed:
    """A kernel of a job as the work of a race: each call of it is a sample."""

    def __init__(
        self, job: Callable[[], Asked], clock: JobClock, kernel: str, **sizes: Any
    ) -> None:
        self._find, self._clock = job, clock
        self._kernel, self._sizes = kernel, sizes
        self._key, self._calls = "", 0

    def _job(self) -> Asked:
        """The job, with the kernel made in it; both only when they are needed."""
        job = self._find()
        if not self._key:
            self._key = job.ask("prepare", name=self._kernel, **self._sizes)[0]
        return job

    def __call__(self) -> None:
        """A sample, of so many calls as fill the window."""
        job = self._job()
        if not self._calls:
            self._calls = self._enough(job)
        self._clock.sample(job, self._key, self._calls)

    def _enough(self, job: Asked) -> int:
        calls = 1
        while max(job.ask("time", key=self._key, calls=calls)) < WINDOW:
            calls *= 2
        return calls

    def results(self) -> Results:
        """What the kernel computes, as every rank has it."""
        found = self._job().ask("results", key=self._key, seed=SEED)
        return {name: np.array([each[name] for each in found]) for name in found[0]}

    def close(self) -> None:
        """Free the kernel's memory."""
        if self._key:
            self._find().ask("drop", key=self._key)
            self._key = ""


class Engine:
    """A kernel in a job of one library, or of the one that the problem names."""

    def __init__(
        self, jobs: Jobs, clock: JobClock, kernel: str, version: str | None, library: str = ""
    ) -> None:
        self._jobs, self._clock = jobs, clock
        self._kernel, self._library, self.version = kernel, library, version

    def allreduce(self, p: Sum) -> Entry:
        """One call, of many that follow each other."""
        job = partial(self._jobs.get, self._library or p.library, p.ranks)
        timed = Timed(job, self._clock, self._kernel or p.algorithm, elements=p.elements)
        return Entry(timed, timed.results, timed.close)


class Ours(Engine):
    """mlsys.distributed.allreduce: the algorithm that the problem names."""

    def __init__(self, jobs: Jobs, clock: JobClock) -> None:
        super().__init__(jobs, clock, "", version_of("mlsys"))

    def allreduce(self, p: Sum) -> Entry:
        """One call; beside the sums, it says how much the window moves on each rank.

        A rank's share of the sum is read from every rank's window and written to every one.
        """
        entry = super().allreduce(p)
        moved = {"bytes moved": np.array(2.0 * p.elements * FLOAT)}
        return Entry(entry.work, lambda: {**entry.results(), **moved}, entry.close)


class Memory(Engine):
    """No allreduce: how long this machine's memory takes to move what the window moves."""

    def allreduce(self, p: Sum) -> Entry:
        """``a += b``, which reads two numbers and writes one, on every rank at once."""
        entry = super().allreduce(p)
        moved = {"bytes moved": np.array(3.0 * (2 * p.elements // 3) * FLOAT)}
        return Entry(entry.work, lambda: moved, entry.close)


class MPICH(Engine):
    """MPICH's Allreduce, in jobs of the environment at ``path``."""

    def __init__(self, jobs: Jobs, clock: JobClock, path: Path) -> None:
        jobs.starts["mpich"] = mpich(path)
        try:
            version = jobs.get("mpich", 2).version
        except RuntimeError as error:
            raise ImportError(str(error)) from error
        super().__init__(jobs, clock, "builtin", version, "mpich")


COUNTED = {
    "naive": naive_allreduce,
    "tree": tree_allreduce,
    "ring": ring_allreduce,
    "doubling": doubling_allreduce,
    "halving": halving_allreduce,
}


def sent(algorithm: str, ranks: int, elements: int = 840) -> dict[str, float]:
    """What the busiest rank sends for a byte of its array, its messages, and the rounds."""

    def program(comm: Communicator) -> None:
        COUNTED[algorithm](comm, np.ones(elements, np.float32))

    traffic = run_program(program, ranks=ranks).traffic
    assert traffic is not None
    return {
        "bytes": float(traffic.sent_bytes.max()) / (elements * FLOAT),
        "messages": int(traffic.sent_messages.max()),
        "rounds": traffic.rounds,
    }
