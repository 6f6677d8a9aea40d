"""How far every worker has come, for every key, at the price of a few ranges.

A vector clock has a number for each worker (Fidge, 1988; Mattern, 1989). One for each key would
take more room than the model. But workers speak for whole ranges, so all keys between two cuts have
the same vector: with k cuts and m workers m k numbers, however many keys there are. A range that is
set cuts at most two others. Source: Li and others, OSDI 2014, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mlsys.distributed.parameter_server.messages import Array

Vector = tuple[int, ...]  # a clock for each worker
Range = tuple[int, int, Vector]  # from begin to end - 1


def advance(ranges: Sequence[Range], begin: int, end: int, worker: int, clock: int) -> list[Range]:
    """The ranges after the worker of that place in the vectors has reached ``clock`` on some keys.

    ranges: disjoint, ascending, without gaps. A clock never goes back. Neighbours that have become
    equal are one range afterwards.

    >>> advance([(0, 9, (0, 0))], 3, 5, worker=1, clock=2)
    [(0, 3, (0, 0)), (3, 5, (0, 2)), (5, 9, (0, 0))]
    """
    new: list[Range] = []
    for left, right, vector in ranges:
        inside = max(left, begin), min(right, end)
        if inside[0] >= inside[1]:
            _append(new, left, right, vector)
            continue
        later = (*vector[:worker], max(vector[worker], clock), *vector[worker + 1 :])
        _append(new, left, inside[0], vector)
        _append(new, *inside, later)
        _append(new, inside[1], right, vector)
    return new


def _append(ranges: list[Range], begin: int, end: int, vector: Vector) -> None:
    """One more range, unless it is empty; part of the last one if that has the same vector."""
    if begin >= end:
        return
    if ranges and ranges[-1][2] == vector:
        begin = ranges.pop()[0]
    ranges.append((begin, end, vector))


def least(ranges: Iterable[Range], begin: int, end: int, places: Sequence[int]) -> list[int]:
    """For each of these places in the vectors, its least clock between begin and end - 1.

    >>> least([(0, 3, (5, 1)), (3, 9, (4, 2))], 2, 4, [0, 1])
    [4, 1]
    """
    found = [vector for left, right, vector in ranges if left < end and right > begin]
    if not found:
        raise ValueError(f"no key from {begin} to {end - 1} here")
    lowest = [min(clocks) for clocks in zip(*found, strict=True)]
    return [lowest[place] for place in places]


class RangeClocks:
    """The clocks of ``workers`` for the keys from ``begin`` to ``end`` - 1, all -1 at first."""

    def __init__(self, begin: int, end: int, workers: Iterable[int]) -> None:
        self.workers = tuple(workers)
        self._place = {worker: place for place, worker in enumerate(self.workers)}
        self.ranges: list[Range] = [(begin, end, (-1,) * len(self.workers))]

    def set(self, begin: int, end: int, worker: int, clock: int) -> None:
        """The worker has pushed everything up to ``clock`` for these keys."""
        self.ranges = advance(self.ranges, begin, end, self._place[worker], clock)

    def clocks(self, begin: int, end: int, workers: Iterable[int] | None = None) -> list[int]:
        """For each worker (all of them by default) its least clock on these keys."""
        chosen = self.workers if workers is None else workers
        return least(self.ranges, begin, end, [self._place[worker] for worker in chosen])

    def least(self, begin: int, end: int, workers: Iterable[int] | None = None) -> int:
        """The least clock of these workers on these keys; -1 if there are no workers."""
        return min(self.clocks(begin, end, workers), default=-1)

    def reached(self, begin: int, end: int, clock: int, workers: Iterable[int]) -> int:
        """How many of these workers have reached ``clock`` on all of these keys."""
        return sum(each >= clock for each in self.clocks(begin, end, workers))

    def state(self) -> dict[str, Any]:
        """As arrays: workers (m,), ranges (k, 2), vectors (k, m)."""
        return {
            "workers": np.array(self.workers, np.int64),
            "ranges": np.array([each[:2] for each in self.ranges], np.int64),
            "vectors": np.array([each[2] for each in self.ranges], np.int64),
        }

    @classmethod
    def from_state(cls, state: dict[str, Array]) -> RangeClocks:
        """The clocks that had this state."""
        clocks = cls(0, 0, state["workers"].tolist())
        rows = zip(state["ranges"].tolist(), state["vectors"].tolist(), strict=True)
        clocks.ranges = [(begin, end, tuple(vector)) for (begin, end), vector in rows]
        return clocks


class KeyClocks:
    """The same with a vector for each key, as plain as it can be."""

    def __init__(self, begin: int, end: int, workers: Iterable[int]) -> None:
        self._begin, self._workers = begin, list(workers)
        self._table = np.full((end - begin, len(self._workers)), -1, np.int64)

    def set(self, begin: int, end: int, worker: int, clock: int) -> None:
        """See `RangeClocks`."""
        column = self._table[begin - self._begin : end - self._begin, self._workers.index(worker)]
        np.maximum(column, clock, out=column)

    def least(self, begin: int, end: int) -> int:
        """See `RangeClocks`."""
        return int(self._table[begin - self._begin : end - self._begin].min())
