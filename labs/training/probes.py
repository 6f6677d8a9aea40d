"""What the checks ask of a student's file; runs beside it and knows no answer."""

from __future__ import annotations

from typing import Any

import numpy as np


def stepped(
    student: Any, arrays: list[np.ndarray], first: int, gradients: list[np.ndarray], settings: Any
) -> list[Any]:
    """p, m, v after a step with each gradient, the first of which is number ``first``.

    settings: lr, betas, eps, weight_decay.
    """
    p, m, v = (array.copy() for array in arrays)
    lr, betas, eps, weight_decay = settings
    for t, g in enumerate(gradients, first):
        student.adamw(p, g, m, v, t, lr, tuple(betas), eps, weight_decay)
    return [p, m, v]


def one_step(student: Any, p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray) -> list[Any]:
    """What is left of the four arrays after one step, with settings by their names."""
    arrays = [p.copy(), g.copy(), m.copy(), v.copy()]
    student.adamw(*arrays, t=3, lr=0.1)
    return arrays


def scales(
    student: Any, scale: float, good_steps: int, overflows: list[bool], rule: list[Any]
) -> list[Any]:
    """What comes back after each step of a run, until it is no pair; rule: growth, backoff, ..."""
    replies, now = list[Any](), (scale, good_steps)
    for overflowed in overflows:
        now = student.next_scale(*now, overflowed, *rule)
        replies.append(now)
        if not (isinstance(now, tuple | list) and len(now) == 2):
            break
    return replies


def unpacked(student: Any, pieces: list[bytes]) -> list[Any]:
    """What unpack_snapshot makes of each; a text that says what it raised."""
    return [_answer(student.unpack_snapshot, data) for data in pieces]


def recovered(student: Any, folders: list[dict[str, bytes]]) -> list[Any]:
    """What newest_snapshot makes of each folder; a text that says what it raised."""
    return [_answer(student.newest_snapshot, files) for files in folders]


def memory_for(student: Any, blocks: int, overwrites: np.ndarray, speed: int) -> Any:
    """snapshot_memory for rows of an array, which travel faster than lists."""
    return student.snapshot_memory(blocks, overwrites.tolist(), speed)


def _answer(function: Any, argument: Any) -> Any:
    try:
        return function(argument)
    except NotImplementedError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {str(error)!a:.80}"
