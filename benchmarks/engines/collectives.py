"""Allreduce by ours and by the libraries: each a kernel in a job of ranks.

What is timed is the slowest rank's time for a call, of calls that follow each other. Both sides of
a ratio have their arrays before the clock is looked at, and sum the same random numbers once, to
be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import version_of
from race import Entry, Results

from engines.jobs import Job, Jobs, mpich

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


class JobClock:
    """Goes on by what the jobs say that their work took."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed:
    """A kernel of a job as the work of a race: each call of it adds the time of one allreduce."""

    def __init__(self, jobs: Jobs, clock: JobClock, library: str, kernel: str, p: Sum) -> None:
        self._jobs, self._clock = jobs, clock
        self._library, self._kernel, self._problem = library, kernel, p
        self._key, self._calls = "", 0

    def _job(self) -> Job:
        job = self._jobs.get(self._library, self._problem.ranks)
        if not self._key:
            elements = self._problem.elements
            self._key = job.ask("prepare", name=self._kernel, elements=elements)[0]
        return job

    def __call__(self) -> None:
        """So many calls as fill the window; the clock goes on by the time of one."""
        job = self._job()
        if not self._calls:
            self._calls = self._enough(job)
        self._clock.now += max(job.ask("time", key=self._key, calls=self._calls)) / self._calls

    def _enough(self, job: Job) -> int:
        calls = 1
        while max(job.ask("time", key=self._key, calls=calls)) < WINDOW:
            calls *= 2
        return calls

    def results(self) -> Results:
        """Some of the sums, as every rank has them."""
        job = self._job()
        return {"sums": np.array(job.ask("result", key=self._key, seed=SEED))}

    def close(self) -> None:
        """Free the kernel's memory."""
        if self._key:
            self._job().ask("drop", key=self._key)
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
        library = self._library or p.library
        timed = Timed(self._jobs, self._clock, library, self._kernel or p.algorithm, p)
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
