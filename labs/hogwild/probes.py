"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np


def served(talk: Any, student: Any, size: int, rate: float) -> None:
    """Steps for the grader's workers: told of reads and writes, says what each write adds."""
    state, changes = student.begin_counting(size), []
    while True:
        events, changes = talk(changes), []
        for worker, keys, gradient in events:
            if gradient is None:
                student.note_read(state, worker, keys)
            else:
                changes.append(student.aware_step(state, worker, keys, gradient, rate))


def counted(student: Any, size: int, events: list[Any]) -> list[Any]:
    """What missed_writes says where it is asked, and how many numbers are held in the end.

    Beside the state there is that of another vector, of which it should know nothing.
    """
    state, other, missed = student.begin_counting(size), student.begin_counting(size), []
    for what, worker, keys in events:
        lent = keys.copy()
        if what == "read":
            student.note_read(state, worker, lent)
            student.note_write(other, keys.copy())
        else:
            student.missed_writes(state, worker, keys.copy())  # that it was asked changes nothing
            missed.append(student.missed_writes(state, worker, keys.copy()))
        if what == "write":
            student.note_write(state, lent)
            student.note_read(other, worker, keys.copy())
        lent[:] = 0  # the caller's array is the caller's again
    return [missed, _numbers([state, _of_the_file(student)], {})]


class Memory:
    """Weights that count what is read and written, and which others write to as well.

    As soon as as many components are read as the step has, ``others`` is added to the weights.
    """

    def __init__(self, weights: np.ndarray, others: np.ndarray, nonzeros: int) -> None:
        self._weights, self._others, self._nonzeros = weights, others, nonzeros
        self.read = self.written = 0
        self.shape, self.size, self.ndim, self.dtype = weights.shape, weights.size, 1, weights.dtype

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, keys: Any) -> Any:
        got = np.copy(self._weights[keys])
        self.read += got.size
        if self.read >= self._nonzeros:
            self._weights += self._others
            self._others = np.zeros_like(self._others)
        return got if got.ndim else got[()]

    def __setitem__(self, keys: Any, values: Any) -> None:
        self.written += self._weights[keys].size
        self._weights[keys] = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


def stepped(
    student: Any, weights: np.ndarray, others: np.ndarray, example: list[Any], rate: float
) -> list[Any]:
    """What the step returns, the weights after it, and how many components it read and wrote."""
    memory = Memory(weights, others, len(example[0]))
    returned = student.sparse_step(memory, *example, rate)
    return [returned, weights, memory.read, memory.written]


def stepped_in_place(student: Any, weights: np.ndarray, example: list[Any], rate: float) -> Any:
    """What the step returns, and an ordinary vector after it."""
    returned = student.sparse_step(weights, *example, rate)
    return [returned, weights]


def interleaved(student: Any, weights: np.ndarray, examples: list[Any], *rest: Any) -> list[Any]:
    """What comes back, and the vector that was given, after it."""
    examples = [tuple(example) for example in examples]
    return [student.interleaved(weights, examples, *rest), weights]


def _of_the_file(student: Any) -> list[Any]:
    """What the file holds outside of its functions and classes."""
    named = (value for name, value in vars(student).items() if not name.startswith("__"))
    return [value for value in named if not callable(value) and type(value) is not ModuleType]


def _numbers(held: Any, known: dict[int, Any]) -> int:
    """How many numbers are held in arrays, containers and objects, each counted once."""
    if isinstance(held, int):
        return 1 + held.bit_length() // 64
    if isinstance(held, str | bytes | bytearray):
        return 1 + len(held) // 8
    if isinstance(held, np.ndarray) and held.dtype != object:
        return held.size
    if id(held) in known:
        return 0
    known[id(held)] = held
    if isinstance(held, dict):
        return sum(_numbers(key, known) + _numbers(held[key], known) for key in held)
    if isinstance(held, Iterable) and not isinstance(held, Iterator):
        return sum(_numbers(value, known) for value in held)
    return _numbers(vars(held), known) if hasattr(held, "__dict__") else 1
