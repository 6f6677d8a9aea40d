"""Processes on one vector in shared memory: no thread, no compiler, and one that is killed.

The weights lie in a block that all processes have mapped. A worker takes steps and writes into a
second block how many. Nobody waits for anybody, so a worker that is killed takes with it the steps
that it has not done, and no more. The block is unlinked when `train` returns, however it does;
should the parent be killed, the kernel ends its workers (`lifeline`), and a process of Python's
own, the resource tracker, unlinks what is left. A start costs some 0.3 s, a step microseconds.

Workers are started anew and import the main module, so a script keeps its calls under
``if __name__ == "__main__":``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from mlsys.distributed.cluster.lifeline import die_with_parent
from mlsys.distributed.hogwild.interleaving import Array, sparse_step
from mlsys.distributed.hogwild.problems import LeastSquares

NOT_READY = -1
POLL = 0.002  # seconds between two looks at the counts


@dataclass(frozen=True)
class Outcome:
    """Weights, seconds from the common start, and of each worker its steps and if it was killed."""

    weights: Array
    seconds: float
    steps: list[int]
    killed: list[bool]


def train(
    problem: LeastSquares,
    order: Array,
    rate: float,
    workers: int,
    *,
    timeout: float = 60.0,
    watch: Callable[[Sequence[BaseProcess], Array], None] = lambda processes, steps: None,
) -> Outcome:
    """From zeros, one step for each example in ``order``, divided among processes.

    watch: called every few milliseconds with the processes and their numbers of steps. A worker
    that ends otherwise than by itself, by signal or error, counts as killed. Raises TimeoutError
    when not all were done after ``timeout`` seconds, and ValueError without workers.
    """
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    deadline = time.monotonic() + timeout
    with (
        _shared(problem.size, np.float64) as (name, weights),
        _shared(workers + 1, np.int64) as (counts_name, counts),
    ):
        counts[:workers], names = NOT_READY, (name, counts_name)
        with _started(problem, order, rate, workers, names) as processes:
            start = 0.0
            while any(process.is_alive() for process in processes):
                if time.monotonic() > deadline:
                    raise TimeoutError(_too_slow(counts[:workers], len(order), timeout))
                if not counts[-1] and _all_ready(processes, counts):
                    counts[-1], start = 1, time.perf_counter()
                watch(processes, counts[:workers])
                time.sleep(POLL)
            seconds = time.perf_counter() - start if counts[-1] else 0.0
            steps = np.maximum(counts[:workers], 0).tolist()
            return Outcome(
                weights.copy(), seconds, steps, [process.exitcode != 0 for process in processes]
            )


def _all_ready(processes: Sequence[BaseProcess], counts: Array) -> bool:
    return all(
        steps != NOT_READY or not process.is_alive()
        for process, steps in zip(processes, counts[:-1], strict=True)
    )


def _too_slow(steps: Array, wanted: int, timeout: float) -> str:
    return (
        f"after {timeout:g} s the workers had done {np.maximum(steps, 0).sum()} of {wanted} steps:"
        " give a longer timeout, or fewer steps"
    )


@contextlib.contextmanager
def _shared(length: int, dtype: type) -> Iterator[tuple[str, Array]]:
    """A vector of zeros in a new block, and the block's name; unlinked in the end."""
    name = f"hogwild_{os.getpid()}_{secrets.token_hex(4)}"  # tells who finds it whose it is
    block = SharedMemory(name, create=True, size=max(1, length * np.dtype(dtype).itemsize))
    try:
        array = np.ndarray(length, dtype, block.buf)
        array[:] = 0
        yield block.name, array
    finally:
        block.unlink()
        _close(block)


def _close(block: SharedMemory) -> None:
    with contextlib.suppress(BufferError):  # somebody still looks at it; the end of us closes it
        block.close()


@contextlib.contextmanager
def _started(
    problem: LeastSquares, order: Array, rate: float, workers: int, names: tuple[str, str]
) -> Iterator[list[BaseProcess]]:
    """A process for each worker; none is left in the end."""
    context, processes = get_context("spawn"), list[BaseProcess]()
    try:
        for worker, part in enumerate(np.array_split(order, workers)):
            arguments = names, worker, workers, problem, part, rate, os.getpid()
            processes.append(context.Process(target=_work, args=arguments, daemon=True))
            processes[-1].start()
        yield processes
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()


def _work(
    names: tuple[str, str],
    worker: int,
    workers: int,
    problem: LeastSquares,
    order: Array,
    rate: float,
    parent: int,
) -> None:
    """What a worker does: say that it is ready, wait for the start, take its steps."""
    die_with_parent(parent)
    blocks = [SharedMemory(name) for name in names]
    weights = np.ndarray(problem.size, np.float64, blocks[0].buf)
    counts = np.ndarray(workers + 1, np.int64, blocks[1].buf)
    counts[worker] = 0
    while not counts[-1]:
        time.sleep(POLL / 4)
    for row in order:
        sparse_step(weights, *problem[row], rate)
        counts[worker] += 1
