"""Problems and schedules of reads and writes for a student's step; the weights are on this side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder import Wrong, typed

Array = np.ndarray[Any, Any]
Event = tuple[str, int]  # "read" or "write", and the worker that does so


@dataclass(frozen=True)
class Task:
    """A worker's share: ``gradient(weights)`` at ``keys``, the only ones that it reads."""

    keys: Array
    gradient: Callable[[Array], Array]


@dataclass(frozen=True)
class World:
    """tasks[k]: what is read for at the k-th read. loss: 1 at the beginning, 0 at the optimum."""

    name: str
    size: int
    rate: float
    loss: Callable[[Array], float]
    tasks: Sequence[Task]

    def serial(self, steps: int) -> Array:
        """The weights after so many steps of SGD by one worker, alone."""
        weights = np.zeros(self.size)
        for task in self.tasks[:steps]:
            weights[task.keys] -= self.rate * task.gradient(weights)
        return weights


def bowl(rng: np.random.Generator, reads: int, size: int = 5) -> World:
    """A quadratic whose curvatures, times the rate, are between 0.15 and 0.4; all dense."""
    curvature = np.concatenate([[0.3, 0.8], rng.uniform(0.3, 0.8, size - 2)])
    axes, _ = np.linalg.qr(rng.standard_normal((size, size)))
    hessian, best = (axes * curvature) @ axes.T, rng.uniform(1, 2, size)

    def loss(weights: Array) -> float:
        off = weights - best
        return float(off @ hessian @ off / (best @ hessian @ best))

    task = Task(np.arange(size), lambda weights: hessian @ (weights - best))
    return World(f"a quadratic of {size} dense components", size, 0.5, loss, [task] * reads)


def sparse(rng: np.random.Generator, reads: int, hot: bool, size: int = 100) -> World:
    """Least squares with three components an example; ``hot``: and component 0 in all of them."""
    best = rng.uniform(1, 2, size) * rng.choice([-1, 1], size)
    best[0] *= 4  # if it is in any
    tasks, rows = list[Task](), list[tuple[Array, Array]]()
    deck = np.concatenate([1 + rng.permutation(size - 1) for _ in range(3 * reads // size + 2)])
    for k in range(reads):
        keys = np.unique(deck[3 * k : 3 * k + 3])
        values = rng.choice([-1, 1], keys.size) * rng.uniform(0.7, 0.9, keys.size)
        if hot:
            keys, values = np.append(0, keys), np.append(0.7, values)
        rows.append((keys, values))
        tasks.append(Task(keys, lambda w, a=values, i=keys: (a @ (w[i] - best[i])) * a))

    def loss(weights: Array) -> float:
        off = weights - best
        squares = [(float(a @ off[i]) ** 2, float(a @ best[i]) ** 2) for i, a in rows]
        return sum(now for now, _ in squares) / sum(begin for _, begin in squares)

    extra = " and one that all share" if hot else ""
    name = f"least squares of {size} components, three an example{extra}"
    return World(name, size, 0.4, loss, tasks)


def blocks(rng: np.random.Generator, workers: int, reads: int) -> World:
    """Read k is of the components of worker k mod ``workers``, four that nobody else reads."""
    best = rng.uniform(1, 2, 4 * workers)

    def task(block: int) -> Task:
        keys, values = 4 * block + np.arange(4), rng.uniform(0.3, 0.9, 4)
        return Task(keys, lambda w: (values @ (w[keys] - best[keys])) * values)

    tasks = [task(k % workers) for k in range(reads)]
    name = f"least squares of {workers} workers with four components each"
    return World(name, best.size, 0.4, lambda w: float(((w - best) ** 2).sum()), tasks)


# Schedules. All workers read in the beginning.


def in_turn(workers: int, writes: int) -> list[Event]:
    """Each write has missed ``workers - 1`` others."""
    return _reading_again(workers, [k % workers for k in range(writes)])


def at_random(rng: np.random.Generator, workers: int, writes: int) -> list[Event]:
    return _reading_again(workers, rng.integers(0, workers, writes).tolist())


def one_is_slow(workers: int, writes: int, every: int) -> list[Event]:
    """Worker 0 writes once in ``every`` writes, the others in turn."""
    others = (1 + k % (workers - 1) for k in range(writes))
    return _reading_again(workers, [next(others) if k % every else 0 for k in range(1, writes + 1)])


def in_rounds(workers: int, rounds: int) -> list[Event]:
    """All read, then all write."""
    team = range(workers)
    return [(what, w) for _ in range(rounds) for what in ("read", "write") for w in team]


def _reading_again(workers: int, writers: list[int]) -> list[Event]:
    begin = [("read", worker) for worker in range(workers)]
    return begin + [(what, worker) for worker in writers for what in ("write", "read")]


def effective(events: list[Event]) -> float:
    """How many steps these are if a step that missed tau writes counts as 1 / (1 + tau) steps."""
    seen, written, total = dict[int, int](), 0, 0.0
    for what, worker in events:
        if what == "read":
            seen[worker] = written
        else:
            total += 1 / (1 + written - seen[worker])
            written += 1
    return total


def played(student: Any, world: World, events: list[Event]) -> Array:
    """The weights after these events, if the student's step says what each write adds."""
    served = student.converse("served", world.size, world.rate)
    served.go_on()
    play = _Play(world)
    for part in _parts(events):
        ended, changes = served.go_on(play.told(part))
        if ended:
            raise Wrong("the conversation has ended before its time")
        play.carry_out(changes)
    return play.weights


def _parts(events: list[Event]) -> Iterator[list[Event]]:
    """Events that can be told at once: no gradient in a part depends on a write in it."""
    part, late, written = list[Event](), set[int](), False
    for what, worker in events:
        if what == "write" and worker in late:
            yield part
            part, late, written = [], set(), False
        part.append((what, worker))
        written = written or what == "write"
        if what == "read" and written:
            late.add(worker)
    yield part


class _Play:
    """The weights, what each worker has read for, and what came of it."""

    def __init__(self, world: World) -> None:
        self.weights = np.zeros(world.size)
        self._name, self._tasks = world.name, iter(world.tasks)
        self._now, self._gradients = dict[int, Task](), dict[int, Array]()
        self._part: list[tuple[str, int, Task]] = []

    def told(self, part: list[Event]) -> list[list[Any]]:
        """What a student's step sees of these events: worker, keys, and a write's gradient."""
        told, self._part, written = list[list[Any]](), [], False
        for what, worker in part:
            if what == "read":
                self._now[worker] = next(self._tasks)
            task = self._now[worker]
            self._part.append((what, worker, task))
            told.append([worker, task.keys, self._gradients[worker] if what == "write" else None])
            written = written or what == "write"
            if not written:  # the weights are already what they will be for this read
                self._gradients[worker] = task.gradient(self.weights)
        return told

    def carry_out(self, changes: Any) -> None:
        """Add the changes, and read in between as the events say."""
        changes = iter(typed(changes, list, "what aware_step returns"))
        for what, worker, task in self._part:
            if what == "write":
                self.weights[task.keys] += _change(next(changes, np.zeros(0)), task.keys)
            else:
                self._gradients[worker] = task.gradient(self.weights)
            if not np.abs(self.weights).max() < 1e6:
                raise Wrong(f"{self._name}: the weights have grown beyond all bounds")


def _change(change: Any, keys: Array) -> Array:
    change = typed(change, np.ndarray, "what aware_step returns")
    if change.shape != keys.shape or change.dtype != np.float64:
        raise Wrong(
            f"aware_step: expected float64 of shape {keys.shape}, got {change.dtype} of "
            f"shape {change.shape}"
        )
    if not np.isfinite(change).all():
        raise Wrong(f"aware_step: what to add should be finite, got {change}")
    return change
