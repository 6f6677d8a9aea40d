"""Pushes and pulls by ours and by others, each as an entry of a race.

What is timed is a call from the worker's side: a push until the server has said that it is done, a
pull until the rows are there; of several workers, that of the slowest. Calls follow each other.
Before that, all workers push small whole numbers once, and what they then pull must be the same
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from race import Entry, Results

from engines.collectives import SEED, JobClock, Timed
from engines.jobs import Jobs
from engines.outside import Group, PsLite, Ray

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Rows:
    """What a call is about: rows of ``width`` numbers, by keys that are cached or as a range."""

    call: str  # push or pull
    count: int
    width: int = 1
    keyed: bool = True
    workers: int = 1

    @property
    def numbers(self) -> int:
        """How many go one way."""
        return self.count * self.width

    def moved(self) -> dict[str, float]:
        """By a call of each worker."""
        rows = "keys" if self.keyed else "rows"
        count = self.count * self.workers
        return {rows: count, "MB": count * self.width * FLOAT / 1e6}


class Asked(Timed):
    """A kernel of which only workers have results; they all have the same."""

    def results(self) -> Results:
        """What the last of them has pulled."""
        found = self._job().ask("results", key=self._key, seed=SEED)[-1]
        return {name: np.array(values) for name, values in found.items()}


class InJob:
    """A server and workers that are ranks of a job: ours, and what is written by hand."""

    def __init__(
        self, jobs: Jobs, clock: JobClock, kernel: str, library: str, version: str
    ) -> None:
        self._jobs, self._clock = jobs, clock
        self._kernel, self._library, self.version = kernel, library, version

    def moves(self, p: Rows) -> Entry:
        """One call, of many that follow each other."""
        job = partial(self._jobs.get, self._library, p.workers + 1)
        sizes = {"count": p.count, "width": p.width, "keyed": p.keyed}
        timed = Asked(job, self._clock, self._kernel, call=p.call, **sizes)
        return Entry(timed, timed.results, timed.close)


class Library(Protocol):
    """What starts groups of processes."""

    version: str

    def group(self, workers: int) -> Group:
        """A server and workers."""


class Outside:
    """Another parameter server, started anew for every case and ended after it."""

    def __init__(self, library: Library, clock: JobClock) -> None:
        self._library, self._clock, self.version = library, clock, library.version

    def moves(self, p: Rows) -> Entry:
        """One call; a range is one row to ps-lite, which has no ranges."""
        groups: list[Group] = []

        def started() -> Group:
            if not groups:
                groups.append(self._library.group(p.workers))
            return groups[0]

        count, width = (p.count, p.width) if p.keyed else (1, p.numbers)
        timed = Asked(started, self._clock, "", call=p.call, count=count, width=width)
        return Entry(timed, timed.results, timed.close)


def ps_lite(clock: JobClock) -> tuple[Callable[[Path], Any], Callable[[], None]]:
    """How ps-lite enters, given the folder in which it is built; and what to do in the end."""
    scratch = TemporaryDirectory(prefix="pslite-")

    def construct(folder: Path) -> Outside:
        return Outside(PsLite(folder, Path(scratch.name) / "rank"), clock)

    return construct, scratch.cleanup


def ray(clock: JobClock) -> Callable[[Path], Any]:
    """How Ray enters, given its environment."""
    return lambda path: Outside(Ray(path), clock)
