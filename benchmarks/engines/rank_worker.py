"""One rank of a job that does what it is asked to: under mpiexec, or joined by torch's gloo.

The race is in another process and asks all ranks of a job for the same, one line of JSON each.
While no job is asked, every rank of every job sleeps on its socket; so jobs of several libraries
live side by side and are timed in turn. The clock is looked at inside, round calls that follow
each other.

    python rank_worker.py PORT KERNELS mpi                    in a job of mpiexec
    python rank_worker.py PORT KERNELS gloo RANK RANKS FILE

KERNELS is a module beside this one; its ``make(world, name, **sizes)`` makes what is timed.
"""

from __future__ import annotations

import importlib
import json
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from engines.worlds import GlooWorld, Kernel, MPIWorld, World

MOST_SECONDS = 120  # for one request; what takes longer is ended by the kernel


class Rank:
    """Answers the race: ``do`` of a request names a method, the rest are its arguments."""

    def __init__(self, world: World, make: Callable[..., Kernel]) -> None:
        self._world, self._make = world, make
        self._kernels: dict[str, Kernel] = {}

    def prepare(self, name: str, **sizes: Any) -> str:
        """Make a kernel, and its name for later requests."""
        key = f"{name} {sizes}"
        if key not in self._kernels:
            self._kernels[key] = self._make(self._world, name, **sizes)
        return key

    def time(self, key: str, calls: int) -> float:
        """Seconds that so many calls took on this rank."""
        run = self._kernels[key].run
        self._world.barrier()
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return time.perf_counter() - start

    def results(self, key: str, seed: int) -> dict[str, list[float]]:
        """What the kernel computes."""
        found = self._kernels[key].results(seed)
        self._world.barrier()
        return found

    def drop(self, key: str) -> None:
        """Forget a kernel, which frees its memory."""
        self._kernels.pop(key).close()


def serve(rank: Rank, hello: list[Any], line: socket.socket) -> None:
    """Answer one request after the other, until the other side has gone."""
    with line, line.makefile("rw", encoding="utf-8") as file:
        _say(file, hello)
        signal.alarm(0)  # it was set for the start
        for request in file:
            signal.alarm(MOST_SECONDS)
            do = json.loads(request)
            _say(file, getattr(rank, do.pop("do"))(**do))
            signal.alarm(0)


def _say(file: Any, reply: object) -> None:
    file.write(json.dumps(reply) + "\n")
    file.flush()


def main(port: str, kernels: str, kind: str, *arguments: str) -> None:
    """Join the others, and then the race."""
    signal.alarm(MOST_SECONDS)
    world = MPIWorld() if kind == "mpi" else GlooWorld(*arguments)
    make = importlib.import_module(f"engines.{kernels}").make
    line = socket.create_connection(("127.0.0.1", int(port)))
    serve(Rank(world, make), [world.rank, world.version], line)


if __name__ == "__main__":
    main(*sys.argv[1:])
