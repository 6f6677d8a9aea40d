"""A push or a pull as its worker sees it: its keys, cut at the bounds of shards, and what is left.

A task is done when each of its messages has been answered. Keys that are used again and again are
checked, cut and signed once, as a `KeyList`: for a million keys that takes longer than sending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlsys.distributed.parameter_server.group import Table
from mlsys.distributed.parameter_server.keys import signature, split
from mlsys.distributed.parameter_server.messages import Array, Keys, Shard


@dataclass(frozen=True, eq=False)
class Piece:
    """What one message of a push or a pull is about."""

    shard: Shard
    begin: int
    end: int
    rows: slice  # of the values of the whole task
    keys: Keys | None
    signature: int


@dataclass(frozen=True, eq=False)
class KeyList:
    """Keys of a table that are used again and again: checked, cut and signed once.

    keys: sorted, shape (n,); None for all from begin to end.
    """

    table: int
    keys: Keys | None
    begin: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many rows it names."""
        return self.end - self.begin if self.keys is None else len(self.keys)


class Waits(Protocol):
    """Can wait for a task."""

    def wait(self, *tasks: Task) -> None:
        """Return when all are done."""


class Task:
    """A push or a pull under way. clock: of a pull, the least clock of the workers it has seen."""

    def __init__(self, client: Waits, values: Array | None) -> None:
        self._client, self.values = client, values
        self.left = 0  # messages that are not answered
        self.started, self.error, self.clock = False, "", -1

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return bool(self.error) or (self.started and not self.left)

    def wait(self) -> Any:
        """Wait until it is done. Of a pull the values, (n, width). See `Client.wait`."""
        self._client.wait(self)
        return self.values


@dataclass(eq=False, slots=True)
class Open:
    """A message that has no answer yet, and how to say it again in another epoch."""

    task: Task
    piece: Piece
    say: Callable[[bool], None]  # with the keys, even if they have been sent before
    asked: bool = False  # before the last tick


def as_rows(spec: Table, values: Array, rows: int) -> Array:
    """Values as the table has them. Raises ValueError for another shape."""
    array = np.asarray(values, spec.dtype)
    if array.ndim == 1 and spec.width == 1:
        array = array[:, None]
    if array.shape != (rows, spec.width):
        raise ValueError(
            f"table {spec.name!r}: expected values of shape {(rows, spec.width)}, "
            f"got {np.shape(values)}"
        )
    return np.ascontiguousarray(array)


def cut(
    spec: Table, table: int, keys: Keys | None, begin: int, end: int, signed: bool
) -> Iterator[Piece]:
    """One piece for each shard that has keys from begin to end - 1."""
    bounds = [spec.bounds(shard)[0] for shard in range(spec.shards)] + [spec.size]
    first = max(0, int(np.searchsorted(bounds, begin, side="right")) - 1)
    parts = None if keys is None else split(keys, bounds)
    for shard in range(first, spec.shards):
        low, high = max(begin, bounds[shard]), min(end, bounds[shard + 1])
        if low >= high:
            break
        if keys is None or parts is None:
            yield Piece((table, shard), low, high, slice(low - begin, high - begin), None, 0)
        else:
            own = keys[parts[shard]]
            name = signature(own) if signed else 0
            yield Piece((table, shard), low, high, parts[shard], own, name)
