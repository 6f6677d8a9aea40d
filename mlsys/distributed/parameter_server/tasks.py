"""A push or a pull as its worker sees it: its keys, cut at the bounds of shards, and what is left.

A task is done when each of its messages has been answered. Keys that are used again and again are
checked, cut and signed once, as a `KeyList`: for a million keys that takes longer than sending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.keys import check_keys, signature, split
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
    """A push or a pull under way.

    clocks: of a pull, for each piece in the order of answers, the least of the workers' clocks.
    error: why it failed, "" if it has not. told: whether somebody has been told of that.
    """

    def __init__(self, client: Waits, values: Array | None) -> None:
        self._client, self.values = client, values
        self.left = 0  # messages that are not answered
        self.started, self.error, self.told = False, "", False
        self.clocks: list[int] = []

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self.started and not self.left

    @property
    def clock(self) -> int:
        """Up to this clock a pull has seen what all workers pushed; -1: no clock of all."""
        return min(self.clocks, default=-1)

    def wait(self) -> Any:
        """Wait until it is done. Of a pull the values, (n, width). See `Client.wait`."""
        self._client.wait(self)
        return self.values


@dataclass(frozen=True, eq=False, slots=True)
class Queued:
    """A task that waits for others, how to start it, and what to do if one of them has failed."""

    task: Task
    after: tuple[Task, ...]
    start: Callable[[], None]
    skip: Callable[[], None]

    @property
    def due(self) -> bool:
        """Whether it waits no longer."""
        return all(each.done for each in self.after)


class Dependencies:
    """Which task waits for which others: starts each when it may, and knows what has failed."""

    def __init__(self) -> None:
        self.queued: list[Queued] = []
        self._failed: list[Task] = []

    def begin(
        self,
        task: Task,
        after: Iterable[Task],
        start: Callable[[], None],
        skip: Callable[[], None] = lambda: None,
    ) -> None:
        """Start a task when all that it waits for is done; skip it if one of them has failed."""
        queued = Queued(task, tuple(after), start, skip)
        if queued.due:
            self._go(queued)
        else:
            self.queued.append(queued)

    def advance(self) -> None:
        """A task is done: start those that have waited for it."""
        queued, self.queued = self.queued, []
        for each in queued:
            if each.due:
                self._go(each)
            else:
                self.queued.append(each)

    def fail(self, task: Task, reason: str) -> None:
        """A task cannot be done. The first reason is the one that counts."""
        if not task.error:
            task.error = reason
            self._failed.append(task)

    def untold(self) -> list[str]:
        """Why tasks have failed that nobody has waited for."""
        return [task.error for task in self._failed if not task.told]

    def _go(self, queued: Queued) -> None:
        queued.task.started = True
        failed = [each for each in queued.after if each.error]
        if failed:
            for each in failed:
                each.told = True  # by the task that comes after
            self.fail(queued.task, f"a task before it has failed: {failed[0].error}")
            queued.skip()
        else:
            queued.start()


class KeyLists:
    """The keys that a worker names, as lists; those of whole ranges are kept."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._whole: dict[tuple[int, int, int], KeyList] = {}

    def listed(
        self,
        table: int,
        keys: Keys | KeyList | None,
        begin: int,
        end: int | None,
        signed: bool = False,
    ) -> KeyList:
        """As `Client.push` takes them. Raises ValueError for keys that the table does not have."""
        if isinstance(keys, KeyList):
            if keys.table != table:
                names = [self.group.tables[each].name for each in (keys.table, table)]
                raise ValueError(f"these are keys of table {names[0]!r}, not of {names[1]!r}")
            return keys
        spec = self.group.tables[table]
        last = spec.size if end is None else end
        if not 0 <= begin <= last <= spec.size:
            raise ValueError(
                f"table {spec.name!r}: expected 0 <= begin <= end <= {spec.size}, "
                f"got {begin} and {last}"
            )
        if keys is not None:
            check_keys(keys, begin, last)
            pieces = tuple(cut(spec, table, keys, begin, last, signed))
            return KeyList(table, keys, begin, last, pieces)
        if spec.sparse:
            raise ValueError(f"table {spec.name!r} is sparse: name the keys you mean")
        whole = table, begin, last
        if whole not in self._whole:
            pieces = tuple(cut(spec, table, None, begin, last, False))
            self._whole[whole] = KeyList(table, None, begin, last, pieces)
        return self._whole[whole]


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
