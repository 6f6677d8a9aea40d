"""Collectives of the student's on a cluster of the grader's, and what they should give."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from autograder import Wrong, close
from autograder.ranks import simulate
from mlsys.distributed.cluster.faults import Faults

OPS = {"add": np.add, "maximum": np.maximum, "minimum": np.minimum}
DTYPES = ("f8", "f4", "i4", "i8")


def drawn(ranks: int, length: int, rng, dtype: str = "f8") -> list[np.ndarray]:
    """An array for each rank, of numbers whose sums are exact in any order."""
    return [rng.integers(-50, 50, length).astype(dtype) for _ in range(ranks)]


def combined(arrays: list[np.ndarray], op: str) -> np.ndarray:
    """What an allreduce makes of them."""
    return reduce(OPS[op], arrays)


def bounds(length: int, ranks: int) -> list[slice]:
    """Where each rank's chunk lies."""
    return [slice(length * r // ranks, length * (r + 1) // ranks) for r in range(ranks)]


def run(student, function: str, arrays: list[np.ndarray], op: str = "add", *more: Any, **world):
    """The run of a collective, each rank with its array; the arrays given stay as they are."""
    return simulate(student, function, [(array, op, *more) for array in arrays], **world)


def late(rng) -> dict[str, Any]:
    """A world in which no message leaves before it is asked for, and all are late."""
    seed = int(rng.integers(2**31))
    return {"eager": 0, "faults": Faults(delay=lambda r: float(r.exponential(1e-4)), seed=seed)}


def told(function: str, arrays: list[np.ndarray], op: str, *more: Any) -> str:
    """A run in words, for a message."""
    size, dtype = arrays[0].size, arrays[0].dtype
    extra = f", segments={more[0]}" if more else ""
    return f"{function} on {len(arrays)} ranks, {size} × {dtype} each, op np.{op}{extra}"


def same(got: Any, want: np.ndarray, what: str) -> None:
    """Raise `Wrong` unless an array is the one that was wanted, in dtype too."""
    if not isinstance(got, np.ndarray) or got.dtype != want.dtype:
        raise Wrong(f"{what}: expected {want.dtype}, got {getattr(got, 'dtype', type(got))}")
    close(got, want, rtol=0, what=what)


def everywhere(run, want: np.ndarray, what: str) -> None:
    """Raise `Wrong` unless every rank holds what it should."""
    for rank, got in enumerate(run.values):
        same(got, want, f"{what}: rank {rank}'s array")


def reduced_chunks(run, arrays: list[np.ndarray], op: str, what: str) -> None:
    """Raise `Wrong` unless each rank's own chunk is right; the rest may be anything."""
    whole = combined(arrays, op)
    for rank, part in enumerate(bounds(whole.size, len(arrays))):
        same(run.values[rank][part], whole[part], f"{what}: chunk {rank} of rank {rank}'s array")


def scattered(whole: np.ndarray, ranks: int, rng) -> list[np.ndarray]:
    """Arrays of which rank r's is right in its own chunk alone."""
    arrays = [rng.integers(100, 200, whole.size).astype(whole.dtype) for _ in range(ranks)]
    for array, part in zip(arrays, bounds(whole.size, ranks), strict=True):
        array[part] = whole[part]
    return arrays


def bytes_sent(run, want: list[int], what: str) -> None:
    """Raise `Wrong` unless each rank has sent exactly so many bytes."""
    got = run.traffic.sent_bytes.tolist()
    if got != want:
        rank = next(r for r in range(len(want)) if got[r] != want[r])
        raise Wrong(
            f"{what}: rank {rank} sent {got[rank]:,} bytes, where {want[rank]:,} are enough "
            f"and needed (all ranks: {got})"
        )
