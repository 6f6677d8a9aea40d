"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mlsys.distributed.cluster.plain import endpoint


def rank(talk: Any, student: Any, program: str, rank: int, size: int, *arguments: Any) -> Any:
    """One rank of one of the programs below, on the grader's cluster."""
    return PROGRAMS[program](endpoint(talk, rank, size), student, *arguments)


def meanwhile(comm: Any, student: Any, shapes: Any, buckets: Any, script: Any) -> list[Any]:
    """A backward pass by the script: seconds of work, then a tensor and its gradient, or None."""

    def backward() -> Iterator[Any]:
        for seconds, tensor, gradient in script:
            comm.compute(seconds)
            yield None if tensor is None else (tensor, gradient)

    return list(student.overlapped_mean(comm, [tuple(s) for s in shapes], buckets, backward()))


def exchanges(comm: Any, student: Any, steps: Any, rank: int, feedback: bool) -> list[Any]:
    """Averages of each step's gradients, what is left of the errors, and the gradients after."""
    state: dict[str, Any] = {}
    averages = [list(student.power_sgd(comm, given, state, rank, feedback)) for given in steps]
    return [averages, list(state["error"]), steps]


def descends(
    comm: Any, student: Any, target: np.ndarray, swing: np.ndarray, steps: int, lr: float
) -> Any:
    """Where gradient descent on |x - target|^2 / 2 ends, with batches that swing to and fro."""
    x, state = np.zeros_like(target), dict[str, Any]()
    for step in range(steps):
        gradient = x - target + (swing if step % 2 else -swing)
        (average,) = student.power_sgd(comm, [gradient], state, 1)
        x = x - lr * average
    return x


PROGRAMS = {"meanwhile": meanwhile, "exchanges": exchanges, "descends": descends}


def parts(student: Any, arrays: list[np.ndarray], shapes: list[list[int]]) -> list[Any]:
    """The flat array of these, transposed; its parts; and what it holds when they are filled."""
    flat = student.flatten([array.T for array in arrays])
    pieces = list(student.unflatten(flat, [tuple(shape) for shape in shapes]))
    before = [np.array(flat), *(np.array(piece) for piece in pieces)]
    for number, piece in enumerate(pieces, 1):
        piece[...] = number
    return [before, flat]
