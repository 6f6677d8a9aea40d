"""Least squares, sparse or dense, in arrays that threads and processes can share.

The rows of a sparse matrix lie one after the other (compressed sparse rows): all keys in one array,
all values in another, and where each row starts. Planted problems have a known answer, rows of
about unit length, so that a step of rate 1 just repairs its own example, and as many components a
row as asked for: all of them is the dense problem.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsys.distributed.hogwild.interleaving import Array, Example


@dataclass(frozen=True)
class LeastSquares:
    """Examples with the loss ``(values . weights[keys] - target)^2 / 2``.

    starts: (count + 1,) int64; row k has the keys and values from starts[k] to starts[k + 1].
    keys: (nonzeros,) int64, increasing in a row. values: (nonzeros,) float64.
    targets: (count,) float64. size: the number of weights.
    """

    starts: Array
    keys: Array
    values: Array
    targets: Array
    size: int

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> Example:
        part = slice(self.starts[row], self.starts[row + 1])
        return self.keys[part], self.values[part], float(self.targets[row])

    def rows(self) -> list[Example]:
        """All examples, one by one."""
        return [self[row] for row in range(len(self))]

    def loss(self, weights: Array) -> float:
        """The mean loss over all examples. weights: (size,)."""
        terms = self.values * weights[self.keys]
        rows = np.repeat(np.arange(len(self)), np.diff(self.starts))
        errors = np.bincount(rows, terms, len(self)) - self.targets
        return float(errors @ errors) / (2 * len(self))


def plant(
    count: int,
    size: int,
    nonzeros: int,
    rng: np.random.Generator,
    *,
    shared: bool = False,
    positive: bool = False,
) -> LeastSquares:
    """``count`` random examples of ``nonzeros`` components each, all met by the same weights.

    shared: component 0 is in every example. positive: no value is negative, as with counts and
    pixels, so that rows point the same way. The loss of the hidden weights is 0, that of zeros
    about 1/2. Rows are drawn without sets: increasing numbers, each moved up by its place, are
    distinct.
    """
    if not 1 <= nonzeros <= size:
        raise ValueError(f"nonzeros: expected 1 to size = {size} components a row, got {nonzeros}")
    keys = np.sort(rng.integers(size - nonzeros + 1, size=(count, nonzeros)), axis=1)
    keys += np.arange(nonzeros)
    if shared:
        keys[:, 0] = 0
    values = rng.standard_normal((count, nonzeros)) / np.sqrt(nonzeros)
    values = np.abs(values) if positive else values
    targets = np.sum(values * rng.standard_normal(size)[keys], axis=1)
    starts = np.arange(count + 1) * nonzeros
    return LeastSquares(starts, keys.ravel(), values.ravel(), targets, size)


def draw_order(problem: LeastSquares, epochs: float, rng: np.random.Generator) -> Array:
    """Which example is next, drawn anew for each step: ``epochs`` times as many as there are."""
    order: Array = rng.integers(len(problem), size=round(epochs * len(problem)))
    return order
