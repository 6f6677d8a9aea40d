"""A worker of Ray with a server that is an actor; runs in an environment that has Ray.

    python ray_rank.py FOLDER

Answers lines: "push|pull COUNT WIDTH CALLS" with the seconds that so many calls took, "values COUNT
WIDTH SEED" with some of what it pulls after a push. All rows are meant. What is pulled is left
where Ray puts it, in memory that both processes see.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ray

SEEN = 1000  # numbers of a result that are compared
STORE = 1 << 29  # bytes of memory that all processes see


@ray.remote
class Server:
    """All rows in one array."""

    def __init__(self, count: int, width: int) -> None:
        self._rows = np.zeros((count, width), np.float32)

    def push(self, values: Any) -> None:
        """Add to them."""
        self._rows += values

    def pull(self) -> Any:
        """All of them."""
        return self._rows


class Worker:
    """Asks the server, and waits for it."""

    def __init__(self, count: int, width: int) -> None:
        self._server = Server.remote(count, width)
        self._values = np.zeros((count, width), np.float32)
        self.push(), self.pull()

    def push(self) -> None:
        """Push what is in ``values``."""
        ray.get(self._server.push.remote(self._values))

    def pull(self) -> Any:
        """Pull everything."""
        return ray.get(self._server.pull.remote())

    def time(self, call: Callable[[], object], calls: int) -> list[float]:
        """Seconds that so many calls took."""
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return [time.perf_counter() - start]

    def seen(self, seed: int) -> list[float]:
        """Push the numbers of ``server_kernels.numbers``, see what is there, take them back."""
        values = self._values
        values[:] = ((np.arange(values.size) + seed) * 31 % 17 - 8).reshape(values.shape)
        self.push()
        found = self.pull().ravel().copy()
        values *= -1
        self.push()
        values[:] = 0
        step = max(values.size // SEEN, 1)
        return [float(found[place * step % found.size]) for place in range(SEEN)]


def answer(worker: Worker, what: str, number: int) -> list[float]:
    """The numbers of one reply."""
    if what == "values":
        return worker.seen(number)
    return worker.time(worker.push if what == "push" else worker.pull, number)


def main(folder: str) -> None:
    """Answer until nobody asks any more."""
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init(num_cpus=2, object_store_memory=STORE, _temp_dir=folder, **quiet)
    workers: dict[tuple[int, int], Worker] = {}
    for line in sys.stdin:
        what, *rest = line.split()
        count, width, number = map(int, rest)
        if (count, width) not in workers:
            workers[count, width] = Worker(count, width)
        print(*answer(workers[count, width], what, number), flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
