"""The command ``python -m mlsys.distributed.data_parallel RECIPE``: one model, trained by many.

mpiexec -n 4 python -m mlsys.distributed.data_parallel digits-mlp     started by MPI
python -m mlsys.distributed.data_parallel digits-mlp --on mpi         starts MPI itself
python -m mlsys.distributed.data_parallel digits-mlp                  on the virtual clock
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum, auto
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mlsys.distributed.cluster import ClusterError, ProgramFailed, Run
from mlsys.distributed.cluster.programs import run_program
from mlsys.distributed.data_parallel.buckets import CAP
from mlsys.distributed.data_parallel.training import Job, describe, train
from mlsys.foundations.training import CheckpointError, Diverged
from mlsys.foundations.training.progress import bar
from mlsys.foundations.training.recipes import RECIPES

Recipe = StrEnum("Recipe", {name: name for name in RECIPES})  # type: ignore[misc]
MISTAKES = (CheckpointError, ClusterError, Diverged, ImportError, OSError)
UNDER_MPIEXEC = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")  # set by Open MPI's mpiexec, and by MPICH's

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class On(StrEnum):
    """Kinds of clusters."""

    simulated = auto()
    processes = auto()
    mpi = auto()


@app.command()
def run(
    recipe: Annotated[Recipe, typer.Argument(help="What to train.")],
    ranks: Annotated[int, typer.Option(min=1, help="How many ranks (mpiexec has its -n).")] = 4,
    on: Annotated[On, typer.Option(help="Which kind of cluster.")] = On.simulated,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of first values, batches, moves.")] = 0,
    cap: Annotated[int, typer.Option(min=0, help="Bytes of a bucket of gradients.")] = CAP,
    checkpoints: Annotated[Path | None, typer.Option(help="Rank 0's folder for them.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 100,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was stopped.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that processes may take.")] = 600.0,
) -> None:
    """Train one model on many ranks, each with its part of every batch."""
    if resume and checkpoints is None:
        raise typer.BadParameter("--resume needs --checkpoints FOLDER")
    folder = checkpoints and checkpoints.absolute()
    job = Job(str(recipe), steps, seed, cap, folder, every, resume)
    if any(name in os.environ for name in UNDER_MPIEXEC):
        _as_a_rank(job)
        return
    options: dict[str, Any] = {} if on == On.simulated else {"timeout": timeout}
    done = run_program(train, job, ranks=ranks, on=str(on), **options)
    print(describe(done.values[0], job, ranks))
    _say_traffic(done, on == On.simulated)


def _as_a_rank(job: Job) -> None:
    """This process is a rank that mpiexec has started; if it fails, all must end."""
    from mpi4py import MPI

    from mlsys.distributed.cluster.mpi_rank import MPICommunicator, give_up

    world: Any = MPICommunicator(MPI.COMM_WORLD)
    try:
        outcome = train(world, job, partial(bar, job.recipe))
    except BaseException as error:
        print(f"rank {world.rank}: {type(error).__name__}: {error}", file=sys.stderr)
        give_up()
    if outcome:
        print(describe(outcome, job, world.size))


def _say_traffic(done: Run, virtual: bool) -> None:
    if done.traffic is None:
        return
    sent = int(done.traffic.sent_bytes.max())
    clock = f", {done.seconds:.3g} s of communication on the virtual clock" if virtual else ""
    print(f"the busiest rank sent {sent:,} bytes{clock}")


def main() -> None:
    """Mistakes are told on standard error, without a traceback; the code is 1, or 2 (usage)."""
    try:
        app(prog_name="python -m mlsys.distributed.data_parallel")
    except MISTAKES as error:
        raised = error.errors.values() if isinstance(error, ProgramFailed) else ()
        said = next((e for e in raised if isinstance(e, MISTAKES)), error)
        print(f"error: {said}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
