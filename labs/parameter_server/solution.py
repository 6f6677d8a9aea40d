"""Lab: push, pull, and patience measured in amounts.

Rebuild three decisions of a parameter server; then let workers wait for amounts and not for clocks.
The handout says how the marks come about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]
Message = tuple[int, Array, Array, list[int]]  # number, keys, values, who has not seen it yet


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    """In which components this update must wait: (n,) bool. It goes when it must wait in none.

    unseen: (n,) float64, the sum of the worker's own updates that not everybody has seen.
    A component waits if the sum with the update would be larger than ``bound``, up or down.
    But where nothing is unseen there is nothing to wait for, however large the update is.
    Changes neither.
    """
    return (unseen != 0) & (np.abs(unseen + update) > bound)


def unseen(unsent: Array, flying: Sequence[Message]) -> Array:
    """The sum of the own updates that not everybody has seen, (n,) float64. Changes nothing.

    unsent: (n,) float64, what has not been sent to anybody. flying: messages that some have not
    seen; each has the number, the keys (k,) int64, the values (k,) float64, and a list of workers.
    """
    total = unsent.copy()
    for _, keys, values, _ in flying:
        total[keys] += values
    return total


def seen(flying: Sequence[Message], who: int, number: int) -> list[Message]:
    """What is still flying once worker ``who`` says it has seen all messages up to ``number``.

    flying: ascending numbers. Nothing that was given is changed. Such news may come late, twice,
    and older news after newer. A message that everybody has seen is forgotten.
    """
    after = []
    for each, keys, values, missing in flying:
        left = [worker for worker in missing if worker != who or each > number]
        if left:
            after.append((each, keys, values, left))
    return after


def worth_sending(unsent: Array, hindering: Array, bound: float, room: int) -> Array:
    """The keys of the next message, ascending (k,) int64; none if nothing is worth sending.

    unsent: (n,) float64. hindering: (n,) bool, where the next update waits. room: bytes for this
    message; a key and its value take 16. Worth sending is what is not zero and is at least half
    the bound, up or down, or hinders. If there is not room for all, the largest go first, up or
    down; of equal ones those of smaller keys. Changes nothing.
    """
    size = np.abs(unsent)
    worth = np.flatnonzero((size > 0) & ((size >= bound / 2) | hindering))
    largest = worth[np.argsort(-size[worth], kind="stable")]
    return np.sort(largest[: room // 16])
