"""The command ``python -m mlsys.foundations.training RECIPE``: train, be killed, go on."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlsys.foundations.training.checkpoint import CheckpointError, paths, set_aside
from mlsys.foundations.training.loop import Diverged, Trainer
from mlsys.foundations.training.progress import bar
from mlsys.foundations.training.recipes import RECIPES

Name = StrEnum("Name", {name: name for name in RECIPES})  # type: ignore[misc]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def say(text: str) -> None:
    """To standard error, as it is now: whoever redirects it gets what is said."""
    print(text, file=sys.stderr)


@app.command()
def train(
    recipe: Annotated[Name, typer.Argument(help="What to train.")],
    checkpoints: Annotated[Path | None, typer.Option(help="Folder for checkpoints.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same parameters.")] = 0,
    every: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 100,
    keep: Annotated[int, typer.Option(min=1, help="Checkpoints that are kept.")] = 3,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it was stopped.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew; old ones move aside.")
    ] = False,
) -> None:
    """Train a small model on one core, and say how good it became.

    With --checkpoints a run may be killed at any moment. The same command with --resume goes on
    and ends at the same parameters, to the last bit; with no checkpoint there yet, it starts.
    """
    chosen = RECIPES[recipe]
    steps = steps or chosen.steps
    run = chosen.build(seed, steps)
    run.folder, run.save_every, run.keep = checkpoints, every, keep
    _prepare(run, resume, fresh)
    try:
        run.train(steps, lambda left: bar(str(recipe), left))
    except KeyboardInterrupt:
        say(f"stopped after step {run.steps:,}; " + _way_on(run))
        raise typer.Exit(130) from None
    print(f"{recipe}: {run.steps:,} steps, {chosen.report(run)}")
    print(f"state {run.checkpoint().digest()[:16]}" + (f" in {run.saved}" if run.saved else ""))


def _prepare(run: Trainer, resume: bool, fresh: bool) -> None:
    """Start, or go on, as was asked; a run that is there already is never overwritten."""
    if resume and fresh:
        raise typer.BadParameter("--resume goes on and --fresh starts anew: choose one")
    if run.folder is None:
        if resume or fresh:
            raise typer.BadParameter("--resume and --fresh need --checkpoints FOLDER")
        return
    if resume:
        run.resume(warn=say)
        say(
            f"goes on at step {run.steps:,}" if run.steps else "nothing to resume: starts at step 0"
        )
    elif fresh:
        if aside := set_aside(run.folder):
            say(f"earlier checkpoints are now in {aside}")
    elif paths(run.folder):
        raise typer.BadParameter(
            f"{run.folder} holds a run already: give --resume to go on, or --fresh to start anew"
        )


def _way_on(run: Trainer) -> str:
    if run.saved:
        return f"the same command with --resume goes on from {run.saved.name}"
    if run.folder:
        return f"the first checkpoint was due after step {run.save_every:,}"
    return "nothing was saved: that takes --checkpoints FOLDER"


def main() -> None:
    """Mistakes and stops are one line on standard error and a code: 1, 2 (usage), 130 (Ctrl-C)."""
    try:
        app(prog_name="python -m mlsys.foundations.training")
    except (CheckpointError, Diverged, ImportError, OSError) as error:
        say(f"error: {error}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
