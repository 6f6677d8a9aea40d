"""A run: all that its next step depends on, out to a checkpoint and back.

What is forgotten here does not fail; it makes the resumed run another run. Parameters and buffers;
the optimiser's memory and its count; the place in the data; every random generator; the loss
scale; the number of steps, which the schedule is a function of. Each of them has a name, and a
checkpoint in which one is missing, or has another shape, is refused before anything is changed.
Source: none that lists them all; Micikevicius et al., 2018, and Loshchilov & Hutter, 2019, for two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.nn import Module
from mlsys.foundations.training.checkpoint import Checkpoint, CheckpointError
from mlsys.foundations.training.cursor import BatchCursor
from mlsys.foundations.training.optimizers import Optimizer, misfits


class Scaler(Protocol):
    """What a run asks of a loss scaler, such as ``precision.LossScaler``."""

    scale: float

    def update(self, found_overflow: bool) -> bool:
        """Adapt the scale; returns whether to take the step."""
        ...

    def state_dict(self) -> dict[str, Array]:
        """What a checkpoint must keep."""
        ...

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Go on from a saved state."""
        ...


@dataclass
class History:
    """What happened: a loss and a gradient norm for each step, and evaluations now and then."""

    loss: list[float] = field(default_factory=list)
    norm: list[float] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)  # (steps taken, value)

    def state_dict(self) -> dict[str, Array]:
        """As arrays: (steps,), (steps,), (evaluations, 2)."""
        return {
            "loss": np.array(self.loss, np.float64),
            "norm": np.array(self.norm, np.float64),
            "evaluations": np.array(self.evaluations, np.float64).reshape(-1, 2),
        }

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """The history that ``state_dict()`` was called on."""
        self.loss, self.norm = state["loss"].tolist(), state["norm"].tolist()
        self.evaluations = [(int(step), value) for step, value in state["evaluations"].tolist()]


@dataclass
class Run:
    """The state of a run, and what it was started with.

    config: the settings that make it this run and no other, in JSON's types.
    generators: the random generators that the loss draws from; those in the model are found.
    """

    model: Module
    optimizer: Optimizer
    cursor: BatchCursor
    scaler: Scaler | None = None
    generators: Mapping[str, np.random.Generator] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    steps: int = field(default=0, init=False)  # taken so far
    history: History = field(default_factory=History, init=False)

    def checkpoint(self) -> Checkpoint:
        """The run as it stands. Its arrays are live: write them before the next step."""
        arrays = {
            f"{part}.{name}": array
            for part, holder in self._holders().items()
            for name, array in holder.state_dict().items()
        }
        return Checkpoint(self.steps, arrays, self._facts())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from there. Raises CheckpointError if it is of another run; nothing is changed."""
        if reasons := list(self._differences(checkpoint)):
            raise CheckpointError(
                f"step {checkpoint.step} was saved by another run: {'; '.join(reasons)}. "
                f"Start as that run was started, or start anew in another folder"
            )
        for part, holder in self._holders().items():
            state = checkpoint.arrays.items()
            mine = {name: a for name, a in state if name.startswith(f"{part}.")}
            holder.load_state_dict({name.partition(".")[2]: a for name, a in mine.items()})
        self.cursor.load_state_dict(checkpoint.facts["cursor"])
        for name, rng in self._generators().items():
            rng.bit_generator.state = checkpoint.facts["generators"][name]
        self.steps = checkpoint.step

    def _holders(self) -> dict[str, Any]:
        """What holds arrays, under the name that they get in a checkpoint."""
        parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "scaler": self.scaler,
            "history": self.history,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def _generators(self) -> dict[str, np.random.Generator]:
        inside = {f"model.{name}": rng for name, rng in self.model.generators().items()}
        return {**inside, **self.generators}

    def _facts(self) -> dict[str, Any]:
        return {
            "config": dict(self.config),
            "cursor": self.cursor.state_dict(),
            "generators": {
                name: rng.bit_generator.state for name, rng in self._generators().items()
            },
        }

    def _differences(self, checkpoint: Checkpoint) -> Iterator[str]:
        """Why the checkpoint is no state of this run; other settings explain all the rest."""
        mine, theirs = self.checkpoint(), checkpoint
        if settings := list(_changed(theirs.facts["config"], mine.facts["config"])):
            yield from settings
            return
        yield from _changed(theirs.facts["cursor"], mine.facts["cursor"], but=("epoch", "position"))
        missing = mine.facts["generators"].keys() - theirs.facts["generators"].keys()
        yield from (f"the state of generator {name} is missing" for name in sorted(missing))
        if misfit := misfits(_without_history(mine), _without_history(theirs)):
            yield misfit


def _changed(
    before: Mapping[str, Any], now: Mapping[str, Any], but: tuple[str, ...] = ()
) -> Iterator[str]:
    for name in sorted({*before, *now}.difference(but)):
        if before.get(name) != now.get(name):
            yield f"{name} was {before.get(name)!r} and is now {now.get(name)!r}"


def _without_history(checkpoint: Checkpoint) -> dict[str, Array]:
    """What must fit; a history may have any length."""
    arrays = checkpoint.arrays.items()
    return {name: array for name, array in arrays if not name.startswith("history.")}
