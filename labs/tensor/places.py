"""Layouts on memory of our own: drawn, read from a reply, and compared with NumPy's views."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograder import StudentError, Wrong, close, typed

LARGEST = 100_000  # elements of a view; the largest that is needed has some thousands

Array = np.ndarray


class Place(NamedTuple):
    """Shape, strides, offset; in a message, as the student would write it."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def plain(self) -> list[Any]:
        return [list(self.shape), list(self.strides), self.offset]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def positions(self) -> Array:
        axes = zip(self.shape, self.strides, strict=True)
        steps = [np.arange(n) * stride for n, stride in axes]
        grid = np.ix_(*steps) if steps else ()
        return np.broadcast_to(sum(grid, start=np.int64(self.offset)), self.shape)

    def __str__(self) -> str:
        return f"Layout({self.shape}, {self.strides}, {self.offset})"


def a_place(reply: Any, what: str) -> Place:
    """A layout in a reply, with numbers that can be computed with."""
    parts = typed(reply, list, what)
    if len(parts) != 3 or not all(type(part) is list for part in parts[:2]):
        raise Wrong(f"{what} should be a Layout, got {shown(reply)}")
    shape, strides = (whole(part, f"{what}: lengths and strides") for part in parts[:2])
    (offset,) = whole(parts[2:], f"the offset of {what}")
    if len(shape) != len(strides) or min(shape, default=0) < 0:
        raise Wrong(f"{what} should have a stride for each length, got {shown([shape, strides])}")
    if len(shape) > 16 or math.prod(max(n, 1) for n in shape) > LARGEST:
        raise Wrong(f"{what} should be smaller, got shape {tuple(shape)!s:.60}")
    return Place(tuple(shape), tuple(strides), offset)


def whole(reply: Any, what: str) -> list[int]:
    if type(reply) is not list or any(type(number) is not int for number in reply):
        raise Wrong(f"{what} should be whole numbers, got {shown(reply)}")
    if any(number.bit_length() > 40 for number in reply):
        raise Wrong(f"{what} should be smaller numbers")
    return reply


def shown(reply: Any) -> str:
    """A reply in few words, with the tuples that have crossed as lists."""
    text = repr(_tuples(reply))
    return text if len(text) <= 100 else f"{text[:97]}..."


def _tuples(reply: Any) -> Any:
    if isinstance(reply, dict):
        return {key: _tuples(each) for key, each in reply.items()}
    return tuple(map(_tuples, reply)) if isinstance(reply, list) else reply


def answer(student, call: str, probe: str, *arguments: Any) -> Any:
    """What the probe returns; an error says in which call it was raised."""
    try:
        return student.run(probe, *arguments)
    except StudentError as error:
        if error.reason == "missing":  # not written yet, whatever the call
            raise
        raise StudentError(error.reason, f"{call}: {error}") from None


def elements(place: Place, memory: Array, what: str) -> Array:
    """What lies there; raises Wrong if the layout reaches outside of the memory."""
    at = place.positions
    if at.size and not (at.min() >= 0 and at.max() < len(memory)):
        reach = f"reaches from position {at.min()} to {at.max()}"
        raise Wrong(f"{what}: {place} {reach}, the buffer from 0 to {len(memory) - 1}")
    return memory[at]


def a_layout(
    rng, shape: Sequence[int], order: Sequence[int] | None = None, gaps: Sequence[int] = ()
) -> Place:
    """Elements somewhere in memory, each at a place of its own.

    order: the axes from the largest stride to the smallest, at random if None; gaps: axes whose
    neighbours do not begin where the axes within them end.
    """
    strides, step, offset = [0] * len(shape), 1, int(rng.integers(0, 4))
    for axis in reversed(rng.permutation(len(shape)).tolist() if order is None else order):
        step += int(rng.integers(1, 3)) * (axis in gaps)
        strides[axis] = step
        step *= shape[axis]
    return Place(tuple(shape), tuple(strides), offset)


def turned(rng, place: Place) -> Place:
    """The same memory, some of the axes walked backwards."""
    strides, offset = list(place.strides), place.offset
    for axis in np.flatnonzero(rng.random(len(strides)) < 0.4):
        offset += (place.shape[axis] - 1) * strides[axis]
        strides[axis] *= -1
    return Place(place.shape, tuple(strides), offset)


def anywhere(rng, shape: Sequence[int]) -> Place:
    """Any order of the axes, gaps, some axes backwards."""
    gaps = np.flatnonzero(rng.random(len(shape)) < 0.5).tolist()
    return turned(rng, a_layout(rng, shape, None, gaps))


def numbered(place: Place) -> tuple[Array, Array]:
    """Memory in which each number is its position; NumPy's array of the layout over it."""
    memory = np.arange(int(place.positions.max(initial=0)) + 3)
    return memory, numpys(place, memory)


def numpys(place: Place, memory: Array) -> Array:
    steps = [stride * memory.itemsize for stride in place.strides]
    return as_strided(memory[place.offset :], place.shape, steps)


def drawn_shape(rng, least: int, most: int) -> tuple[int, ...]:
    return tuple(rng.integers(1, 5, int(rng.integers(least, most + 1))).tolist())


def drawn_lengths(rng, names: str, least: int = 1) -> dict[str, int]:
    """A length of 2 to 4 for each letter; now and then one of 1, if ``least`` allows it."""
    lengths = {letter: int(rng.integers(2, 5)) for letter in dict.fromkeys(names)}
    if lengths and least == 1 and rng.random() < 0.3:
        lengths[names[int(rng.integers(len(names)))]] = 1
    return lengths


def same_view(reply: Any, want: Array, memory: Array, call: str) -> None:
    place = a_place(reply, call)
    if place.shape != want.shape:
        raise Wrong(f"{call} should have shape {want.shape}, got {place}")
    close(elements(place, memory, call), want, rtol=0, what=f"{call}, which is {place}")


def refused(student, name: str, place: Place, *arguments: Any) -> None:
    kind, _ = student.run_raises("on_layout", name, place.plain, *arguments)
    words = ", ".join(str(tuple(a) if isinstance(a, list) else a) for a in arguments)
    asked = f"{name}({place}, {words})"
    assert kind == "ValueError", f"{asked} should raise ValueError, got {kind or 'a layout'}"


def half_merged(rng, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides that often, not always, go on from those of the inner neighbour."""
    strides, step = [], int(rng.integers(1, 3))
    for n in reversed(shape):
        strides.append(step if n > 1 else 7)  # of an axis of length 1, the stride means nothing
        step = (step * n if n > 1 else step) + int(rng.random() < 0.25)
    return tuple(reversed(strides))


def joined(shape: tuple[int, ...], operands: list[tuple[int, ...]]) -> list[int]:
    """The axes that begin a run: those whose outer neighbour is not a walk along them."""
    long = [axis for axis, n in enumerate(shape) if n > 1]
    pairs = itertools.pairwise(long)
    breaks = [i for o, i in pairs if any(s[o] != shape[i] * s[i] for s in operands)]
    return long[:1] + breaks


def a_run(run: Any, count: int, call: str) -> tuple[int, list[int]]:
    length, steps = run if type(run) is list and len(run) == 2 else (None, None)
    if type(length) is not int or type(steps) is not list or len(steps) != count:
        raise Wrong(f"{call}: a run is a length and a tuple of {count} strides, got {shown(run)}")
    (length,) = whole([length], call)
    if not 1 < length <= LARGEST:
        raise Wrong(f"{call}: a run should have a length above 1, got {length}")
    return length, whole(steps, call)


def dealt(rng, parts: list[int]) -> tuple[int, ...]:
    """The factors, in some order, multiplied into a few axes."""
    parts = rng.permutation(parts).tolist()
    cuts = sorted({0, len(parts), *rng.integers(1, len(parts), 3).tolist()})
    return tuple(math.prod(parts[i:j]) for i, j in itertools.pairwise(cuts))
