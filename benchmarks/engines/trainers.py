"""Training on two ranks: ours on MPI, PyTorch's DDP on gloo, and the same step without anybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from race import Entry, Results

from engines.collectives import JobClock, Timed
from engines.jobs import Jobs
from engines.training_kernels import PROBLEMS


@dataclass(frozen=True)
class Training:
    """A model, or just tensors, and its sizes; ``ours``: the kernel of ours that is raced."""

    problem: str
    sizes: tuple[int, ...]
    ours: str = "ours"
    ranks: int = 2


class Trainer:
    """A kernel in a job of one library; without ``kernel``, the one of ours that is asked for."""

    def __init__(
        self, jobs: Jobs, clock: JobClock, kernel: str, version: str | None, library: str
    ) -> None:
        self._jobs, self._clock = jobs, clock
        self._kernel, self._library, self.version = kernel, library, version

    def step(self, p: Training) -> Entry:
        """One step, of many that follow each other."""
        job = partial(self._jobs.get, self._library, p.ranks)
        kernel, sizes = self._kernel or p.ours, list(p.sizes)
        timed = Timed(job, self._clock, kernel, problem=p.problem, sizes=sizes)
        return Entry(timed, partial(_compared, timed), timed.close)


def gradient_bytes(problem: str, sizes: tuple[int, ...]) -> int:
    """What a step averages. With two ranks each sends as much, and with many twice as much."""
    model = PROBLEMS[problem](np.random.default_rng(0), *sizes).build()
    return sum(p.data.nbytes for _, p in model.named_parameters())


def _compared(timed: Timed) -> Results:
    """Losses under another name too: a step alone can only be asked for the first of them."""
    found = timed.results()
    if "losses" in found:
        return {**found, "first loss": found["losses"][:, :1]}
    return found
