"""Checkpoints: all that a run needs to go on, in one file, which is whole or not there at all.

    step-00000200.safetensors    arrays   model.0.weight, optimizer.m.0.weight, history.loss, ...
                                 run      {"step": 200, "facts": {...}, "digest": "9f2c..."}

A run that can be killed at any moment must find, at every moment, one good file. So a file is
written under another name and renamed (``nn.files``), an older one is deleted only after a newer
one is safe, and each carries a digest of its contents, because a disk may return other bytes than
it was given. The digest costs one pass over the arrays on writing and on reading.
Source: Pillai et al., "All file systems are not created equal", OSDI 2014 (what a rename promises).
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.nn.files import ModelFileError, load, save

_PATTERN = "step-*.safetensors"


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another run."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run between two steps.

    step: steps taken so far.
    arrays: by name. facts: what is no array, as JSON can hold it: the place in the data, the states
        of random generators, what the run was started with.
    """

    step: int
    arrays: Mapping[str, Array]
    facts: Mapping[str, Any]

    def digest(self) -> str:
        """A SHA-256 of everything in it: two runs are in the same state if it is the same."""
        seal = hashlib.sha256(_canonical([self.step, self.facts]).encode())
        for name, array in sorted(self.arrays.items()):
            plain = np.ascontiguousarray(array)
            seal.update(_canonical([name, plain.dtype.str, np.shape(array)]).encode())
            seal.update(plain.data)
        return seal.hexdigest()


def write(folder: Path, checkpoint: Checkpoint, keep: int = 3) -> Path:
    """Write a checkpoint into folder, and keep it and ``keep - 1`` before it; returns its path.

    If the disk refuses (OSError), or the program is killed half-way, the older ones are unharmed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = {"step": checkpoint.step, "facts": checkpoint.facts, "digest": checkpoint.digest()}
    path = folder / f"step-{checkpoint.step:08d}.safetensors"
    save(path, checkpoint.arrays, {"run": _canonical(run)})
    older = [other for other in paths(folder) if other.name < path.name]
    for old in older[: len(older) - (keep - 1)]:
        old.unlink()
    return path


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file. Raises CheckpointError unless it is the one that was written."""
    try:
        arrays, metadata = load(path)
        run = json.loads(metadata["run"])
        checkpoint = Checkpoint(run["step"], arrays, run["facts"])
        intact = checkpoint.digest() == run["digest"]
    except ModelFileError as error:
        raise CheckpointError(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: no checkpoint of a run, it lacks what write() adds ({error!r}); a file of "
            f"weights alone is read with mlsys.foundations.nn.load"
        ) from error
    if not intact:
        raise CheckpointError(
            f"{path}: damaged, its contents do not match the digest that was written with them; "
            f"delete it and go on from an older one"
        )
    return checkpoint


def paths(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first, unread."""
    return sorted(folder.glob(_PATTERN))


def latest(
    folder: Path, warn: Callable[[str], None] = warnings.warn
) -> tuple[Path, Checkpoint] | None:
    """The newest checkpoint that is whole, and its path; None if the folder holds none at all.

    Damaged ones are renamed, so that they do not count among those to keep, and ``warn`` says so.
    Raises CheckpointError if all are damaged: starting anew in silence would throw the run away.
    """
    found = paths(folder)
    for path in reversed(found):
        try:
            return path, read(path)
        except CheckpointError as error:
            with suppress(OSError):
                path.rename(path.with_suffix(".damaged"))
            warn(f"passed over: {error}")
    if found or list(folder.glob("step-*.damaged")):
        raise CheckpointError(
            f"{folder}: every checkpoint in it is damaged; restore one from a copy, or start the "
            f"run anew in another folder"
        )
    return None


def set_aside(folder: Path) -> Path | None:
    """Move all checkpoints into a new folder within, so that a run may start anew and lose nothing.

    Returns that folder, or None if there was nothing to move.
    """
    found = paths(folder)
    if not found:
        return None
    taken = len(list(folder.glob("before-*")))
    aside = folder / f"before-{taken + 1}"
    aside.mkdir()
    for path in found:
        path.rename(aside / path.name)
    return aside


def clean(folder: Path) -> None:
    """Delete what a killed program left of a file half written. Only while no other run writes."""
    for part in folder.glob(f".{_PATTERN}.*.part"):
        with suppress(FileNotFoundError):
            part.unlink()


def _canonical(value: Any) -> str:
    """JSON, the same text for the same value; arrays inside become lists."""
    return json.dumps(value, sort_keys=True, default=lambda x: np.asarray(x).tolist())
