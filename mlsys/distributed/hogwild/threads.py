"""Threads on one vector: the demonstration that races are real, and what they are worth.

Each thread gets a part of the examples and a compiled loop that takes no lock (Recht, Re, Wright
and Niu, NIPS 2011). What comes out differs from run to run. A thread cannot be killed, so each does
a number of steps that is known beforehand, and an error in one is raised when all have ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np

from mlsys.distributed.hogwild.interleaving import Array
from mlsys.distributed.hogwild.kernels import add_freely, add_under_lock, compiled, count_up
from mlsys.distributed.hogwild.problems import LeastSquares

How = Literal["free", "locked", "apart"]
LINE = 8  # numbers in a cache line, so that nothing lies beside a lock or another thread's weights


def together(tasks: Sequence[Callable[[], None]]) -> float:
    """Run each task in a thread of its own; the seconds from the first start to the last end."""
    failed: list[BaseException] = []
    ready = threading.Barrier(len(tasks) + 1)

    def begin(task: Callable[[], None]) -> None:
        ready.wait()
        try:
            task()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=begin, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    begun = time.perf_counter()
    ready.wait()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return time.perf_counter() - begun


def train(
    problem: LeastSquares, order: Array, rate: float, threads: int, how: How = "free"
) -> tuple[Array, float]:
    """From zeros, one step for each example in ``order``, which threads divide; (weights, seconds).

    how: "free" takes no lock; "locked" lets one step at a time be under way; "apart" gives each
    thread weights of its own, and the mean of them comes out. Raises ImportError without numba.
    """
    weights = [np.zeros(problem.size + LINE) for _ in range(threads if how == "apart" else 1)]
    arrays = problem.starts, problem.keys, problem.values, problem.targets
    free, lock = compiled(add_freely), np.zeros(LINE, np.int64)
    loop = partial(add_under_lock(), lock) if how == "locked" else free
    loop(weights[0], *arrays, order[:0], rate)  # compiles
    tasks = [
        partial(loop, weights[k % len(weights)], *arrays, part, rate)
        for k, part in enumerate(np.array_split(order, threads))
    ]
    seconds = together(tasks)
    return np.mean(weights, axis=0)[: problem.size], seconds


def lost(keys: Array, size: int, threads: int) -> float:
    """Let threads count the ``keys`` together, without a lock; the share that is missing."""
    counters, loop = np.zeros(size), compiled(count_up)
    loop(counters, keys[:0])
    together([partial(loop, counters, part) for part in np.array_split(keys, threads)])
    return float(1 - counters.sum() / len(keys))
