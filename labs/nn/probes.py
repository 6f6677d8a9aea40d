"""What the checks ask of a student's file; runs beside it and knows no answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np


def _operated(name: str, student: Any, state: dict[str, np.ndarray], *arguments: Any) -> list[Any]:
    """What the operation returns, and what it has left of the state and of its other arguments."""
    state = {key: array.copy() for key, array in state.items()}  # of its own, and writable
    others = [each.copy() if isinstance(each, np.ndarray) else each for each in arguments]
    return [getattr(student, name)(state, *others), state, others]


# One probe each, so that one that is stuck is not taken for another.
widen = partial(_operated, "widen")
keep_heads = partial(_operated, "keep_heads")
add_heads = partial(_operated, "add_heads")
fold_norms = partial(_operated, "fold_norms")
deepen = partial(_operated, "deepen")


def shared_in_deeper(student: Any, state: dict[str, np.ndarray], place: int) -> list[str]:
    """Entries of the new block that share memory with the block before it."""
    deeper = student.deepen(state, place)
    before = [a for name, a in deeper.items() if name.startswith(f"blocks.{place - 1}.")]
    return [
        name
        for name, array in deeper.items()
        if name.startswith(f"blocks.{place}.")
        and any(np.shares_memory(array, each) for each in [*before, *state.values()])
    ]
