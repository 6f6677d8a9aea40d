"""Lab: writing without locks, and a step that knows what it has missed.

Rebuild the sparse step of the chapter and the interleaving that it is studied with; then count, for
each component, the writes that a worker has missed, and let the length of its step depend on them.
The handout says how the marks come about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Example = tuple[Array, Array, float]  # keys, values, target


def begin_counting(size: int) -> dict[str, Any]:
    """A state that knows of no read and no write yet, for ``size`` components.

    What is in it is yours to choose. It must stay bounded: about ``size`` numbers, and for each
    worker some for each component of its last read. States know nothing of each other.
    """
    return {"writes": np.zeros(size, np.int64), "reads": {}}


def note_read(state: dict[str, Any], worker: int, keys: Array) -> None:
    """This worker reads the components ``keys`` now; what it read before is settled.

    keys: (n,) int64, increasing, n >= 0; the caller may change the array later.
    """
    state["reads"][worker] = state["writes"][keys]


def note_write(state: dict[str, Any], keys: Array) -> None:
    """Some worker writes the components ``keys`` now, each of them once."""
    state["writes"][keys] += 1


def missed_writes(state: dict[str, Any], worker: int, keys: Array) -> Array:
    """For each of ``keys``, the writes to it that were noted since this worker's last read.

    keys: (n,) int64, those of this worker's last read. Returns (n,) int64. Changes nothing.
    """
    return state["writes"][keys] - state["reads"][worker]


def aware_step(
    state: dict[str, Any], worker: int, keys: Array, gradient: Array, rate: float
) -> Array:
    """What this worker should add to the components ``keys`` for its gradient; notes the write.

    gradient: (n,) float64, computed from what this worker read last. Returns (n,) float64.
    Where nothing was missed this is ``-rate * gradient``, bit for bit. Where something was, the
    step is yours to choose, component by component; it is judged by where the weights arrive.
    """
    missed = missed_writes(state, worker, keys)
    note_write(state, keys)
    return -rate * gradient / (1 + missed)
