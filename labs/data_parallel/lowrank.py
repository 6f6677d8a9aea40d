"""Gradients for a student's compressor, what it may send, and what it must not lose."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder import Wrong, close, typed
from autograder.ranks import simulate
from mlsys.distributed.cluster.run import Run

from .backward import same_bits

Array = np.ndarray[Any, Any]
Steps = list[list[Array]]  # one list of gradients a step


class Exchanges:
    """What the ranks made of their gradients. given[r]: the steps of rank r."""

    def __init__(self, student: Any, given: list[Steps], rank: int, feedback: bool = True,
                 **settings: Any) -> None:  # fmt: skip
        self.given, self.rank = given, rank
        self.run: Run = simulate(
            student, "exchanges", [(steps, rank, feedback) for steps in given], **settings
        )
        told = [self._told(number, value) for number, value in enumerate(self.run.values)]
        self.averages: list[Steps] = [each[0] for each in told]
        self.errors: list[list[Array]] = [each[1] for each in told]
        self.after: list[Steps] = [each[2] for each in told]

    def means(self) -> Steps:
        """The uncompressed means."""
        steps = zip(*self.given, strict=True)
        return [[np.mean(same, axis=0) for same in zip(*step, strict=True)] for step in steps]

    def _told(self, number: int, value: Any) -> list[Any]:
        value = typed(value, list, "what a rank tells")
        if len(value) != 3 or any(type(part) is not list for part in value):
            raise Wrong(f"rank {number}: expected averages, errors and gradients")
        averages, errors, after = value
        for step in (*averages, errors, *after):
            self._like(step, number)
        if not len(averages) == len(after) == len(self.given[number]):
            raise Wrong(f"rank {number}: expected {len(self.given[number])} steps")
        return value

    def _like(self, arrays: Any, number: int) -> None:
        """Raise `Wrong` unless these are arrays like the gradients."""
        wanted = self.given[0][0]
        if type(arrays) is not list or len(arrays) != len(wanted):
            raise Wrong(f"rank {number}: expected a list of {len(wanted)} arrays")
        for k, (array, like) in enumerate(zip(arrays, wanted, strict=True)):
            array = typed(array, np.ndarray, f"tensor {k} on rank {number}")
            if array.shape != like.shape or array.dtype != like.dtype:
                raise Wrong(
                    f"tensor {k} on rank {number}: expected shape {like.shape}, {like.dtype}, "
                    f"got {array.shape}, {array.dtype}"
                )
            if not np.isfinite(array).all():
                raise Wrong(f"tensor {k} on rank {number}: expected finite numbers, got {array}")


def alike(made: Exchanges) -> None:
    """Raise `Wrong` unless all ranks hold the same bits, and their gradients as they were."""
    for rank, steps in enumerate(made.averages):
        for step, arrays in enumerate(steps):
            for k, array in enumerate(arrays):
                what = f"step {step}, tensor {k}"
                same_bits(array, made.averages[0][step][k], what, rank)
                close(made.after[rank][step][k], made.given[rank][step][k], rtol=0,
                      what=f"{what}: the gradient on rank {rank}, after the call")  # fmt: skip


def drawn(rng: np.random.Generator, ranks: int, shapes: list[tuple[int, ...]], steps: int
          ) -> list[Steps]:  # fmt: skip
    """Gradients without any pattern."""
    return [
        [[rng.standard_normal(shape) for shape in shapes] for _ in range(steps)]
        for _ in range(ranks)
    ]


def around(rng: np.random.Generator, mean: Array, ranks: int) -> list[Array]:
    """One array a rank, far from each other, of this mean."""
    noise = rng.standard_normal((ranks, *mean.shape))
    return list(mean + noise - noise.mean(axis=0))


def low_rank(rng: np.random.Generator, rows: int, columns: int, values: Array) -> Array:
    """A matrix with these singular values."""
    left = np.linalg.qr(rng.standard_normal((rows, len(values))))[0]
    right = np.linalg.qr(rng.standard_normal((columns, len(values))))[0]
    return np.asarray((left * values) @ right.T)


def lengths(shapes: list[tuple[int, ...]], rank: int) -> list[int]:
    """Numbers in the two allreduces of a step."""
    first = second = 0
    for shape in shapes:
        size = int(np.prod(shape))
        if len(shape) == 2 and rank * sum(shape) < size:
            first += rank * shape[0]
            second += rank * shape[1]
        else:
            first += size
    return [first, second]


def spans(basis: Any, columns: Array, tolerance: float, what: str) -> Array:
    """The basis, if its columns are orthonormal or zero and reach all of ``columns``."""
    basis = typed(basis, np.ndarray, what)
    if basis.shape != columns.shape or basis.dtype != np.float64:
        raise Wrong(f"{what}: expected shape {columns.shape}, float64, "
                    f"got {basis.shape}, {basis.dtype}")  # fmt: skip
    products = basis.T @ basis
    wanted = np.diag(np.round(np.clip(np.nan_to_num(np.diag(products)), 0, 1)))
    close(products, wanted, rtol=0, atol=tolerance, what=f"{what}: basis.T @ basis")
    lengths = np.linalg.norm(columns, axis=0)
    unit = columns / np.where(lengths > 0, lengths, 1)
    close(basis @ (basis.T @ unit), unit, rtol=0, atol=tolerance,
          what=f"{what}: the columns, at length 1, put together from the basis")  # fmt: skip
    return basis
