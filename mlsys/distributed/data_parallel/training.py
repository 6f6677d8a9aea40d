"""Real runs: the recipes of the training chapter, on any number of ranks of any cluster."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mlsys.distributed.cluster.communicator import Communicator
from mlsys.distributed.data_parallel.broadcast import same_bits
from mlsys.distributed.data_parallel.buckets import CAP
from mlsys.distributed.data_parallel.trainer import distributed
from mlsys.foundations.training import CheckpointError
from mlsys.foundations.training.checkpoint import paths
from mlsys.foundations.training.loop import Track
from mlsys.foundations.training.recipes import RECIPES


class Job(NamedTuple):
    """What is to be trained, and how. ``folder``: where checkpoints go, if anywhere."""

    recipe: str
    steps: int | None = None
    seed: int = 0
    cap: int = CAP
    folder: Path | None = None
    every: int = 100
    resume: bool = False


class Outcome(NamedTuple):
    """What came of it. ``equal``: whether all ranks hold the same parameters, to the last bit."""

    steps: int
    report: str
    digest: str
    equal: bool


def train(comm: Communicator, job: Job, track: Track = iter) -> Outcome | None:
    """Train together; rank 0 shows its steps through ``track`` and returns what came of it.

    Raises CheckpointError if the folder holds a run already and ``resume`` is not asked for.
    """
    recipe = RECIPES[job.recipe]
    steps = job.steps or recipe.steps
    alone = recipe.build(job.seed, steps)
    alone.folder, alone.save_every = job.folder, job.every
    run = distributed(alone, comm, cap=job.cap)
    if job.folder and not job.resume and comm.rank == 0 and paths(job.folder):
        raise CheckpointError(
            f"{job.folder} holds a run already: give --resume to go on, or another folder"
        )
    if job.resume:
        run.resume()
    run.train(steps, track if comm.rank == 0 else iter)
    equal = same_bits(comm, [p.data for p in run.model.parameters()])
    if comm.rank:
        return None
    return Outcome(run.steps, recipe.report(run), run.checkpoint().digest(), equal)


def describe(outcome: Outcome, job: Job, ranks: int) -> str:
    """The lines that a terminal shows at the end."""
    equal = "the same on every rank" if outcome.equal else "NOT the same on every rank"
    return (
        f"{job.recipe} on {ranks} ranks: {outcome.steps:,} steps, {outcome.report}\n"
        f"state {outcome.digest[:16]}, parameters {equal}"
    )
