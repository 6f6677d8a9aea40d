"""Examples feature by feature, for workers that compute one block of features at a time.

An entry is a number other than 0 of a table of examples by features. Sorted by feature, the
entries of a block of features lie side by side, and what a block costs is what it holds: 24 bytes
to read for each entry, and a look at the example that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from mlsys.distributed.parameter_server.messages import Array, Keys
from mlsys.foundations.datasets.clicks import Clicks


@dataclass(frozen=True, eq=False)
class Columns:
    """Examples, feature by feature: who has it, and how much of it.

    keys: the features that occur, sorted, (m,). starts: the entries of feature j are those from
    starts[j] to starts[j + 1], (m + 1,). rows, values: of each entry. clicked: (n,), 0 or 1.
    """

    keys: Keys
    starts: Keys
    rows: Keys
    values: Array
    clicked: Array

    @cached_property
    def column(self) -> Keys:
        """Of each entry, the index of its feature among ``keys``."""
        return np.repeat(np.arange(len(self.keys)), np.diff(self.starts))

    def block(self, begin: int, end: int) -> slice:
        """Which of ``keys`` are at least begin and less than end."""
        first, last = np.searchsorted(self.keys, (begin, end))
        return slice(int(first), int(last))

    def entries(self, block: slice) -> slice:
        """The entries of these features."""
        return slice(int(self.starts[block.start]), int(self.starts[block.stop]))


def columns(rows: Keys, keys: Keys, values: Array, clicked: Array) -> Columns:
    """From entries in any order: row, key and value of each."""
    order = np.argsort(keys, kind="stable")
    present, first = np.unique(keys[order], return_index=True)
    starts = np.append(first, len(keys))
    return Columns(present, starts, rows[order], values[order], np.asarray(clicked, float))


def of_clicks(clicks: Clicks, intercept: int) -> Columns:
    """Rows of a log, each with one key a field, and with the key ``intercept`` besides."""
    n, fields = clicks.keys.shape
    keys = np.column_stack([clicks.keys, np.full(n, intercept)]).ravel()
    rows = np.repeat(np.arange(n), fields + 1)
    return columns(rows, keys, np.ones(len(keys)), clicks.clicked)


def of_table(x: Array, y: Array) -> Columns:
    """A table without gaps, (n, features), and a constant 1 as its last feature."""
    x = np.column_stack([x, np.ones(len(x))]).astype(float)
    rows, keys = np.indices(x.shape)
    return columns(rows.ravel(), keys.ravel(), x.ravel(), y)


@dataclass(frozen=True)
class Plan:
    """What all workers agree on: in which order blocks are computed, and how late they are seen.

    bounds: block b has the keys from bounds[b] to bounds[b + 1], of all keys from 0 on.
    delay: what is written in iteration t is seen from iteration t + delay + 1 on. It is less than
    the number of blocks; so a block is seen before it is written again, by all in the same state.
    refresh: in every so-manieth pass, the first among them, no filter keeps anything back.
    """

    bounds: tuple[int, ...]
    passes: int
    delay: int = 0
    refresh: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.delay < self.blocks or self.passes < 1 or self.refresh < 1:
            raise ValueError(
                f"expected 0 <= delay < blocks, passes >= 1 and refresh >= 1; got {self.delay}, "
                f"{self.blocks} blocks, {self.passes} and {self.refresh}; cut() makes more blocks"
            )

    @property
    def blocks(self) -> int:
        """The iterations of a pass."""
        return len(self.bounds) - 1

    @property
    def iterations(self) -> int:
        """Of all passes."""
        return self.passes * self.blocks

    def block(self, iteration: int) -> tuple[int, int]:
        """First key, and first key after it, of the block that is computed then."""
        b = iteration % self.blocks
        return self.bounds[b], self.bounds[b + 1]

    def fresh(self, iteration: int) -> bool:
        """Whether everything is pushed then."""
        return iteration // self.blocks % self.refresh == 0


def cut(bounds: tuple[int, ...], pieces: int) -> tuple[int, ...]:
    """Bounds with each block in so many pieces of equal length, as far as it has keys.

    >>> cut((0, 10, 11), 2)
    (0, 5, 10, 11)
    """
    ends = [np.linspace(a, b, pieces + 1).astype(int) for a, b in pairwise(bounds)]
    return tuple(np.unique(np.concatenate(ends)).tolist())
