"""One rank of a job that does allreduces when it is asked to: under mpiexec, or of torch's gloo.

The race is in another process and asks all ranks of a job for the same, one line of JSON each.
While no job is asked, every rank of every job sleeps on its socket; so jobs of several libraries
live side by side and are timed in turn. The clock is looked at inside, round calls that follow
each other.

    python collective_worker.py PORT mpi                    in a job of mpiexec
    python collective_worker.py PORT gloo RANK RANKS FILE
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]
MOST_SECONDS = 120  # for one request; what takes longer is ended by the kernel
SEEN = 1000  # numbers of a result that are compared


@dataclass
class Kernel:
    """What is timed: ``run`` sums ``array`` over all ranks, in place."""

    array: Array
    run: Callable[[], object]
    close: Callable[[], object] = lambda: None


class MPIWorld:
    """The ranks that mpiexec started. Open MPI or MPICH, whichever this environment has."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._mpi, self._comm = MPI, MPI.COMM_WORLD
        self.rank, self.ranks, self.barrier = self._comm.rank, self._comm.size, self._comm.Barrier
        self.version = ".".join(map(str, MPI.get_vendor()[1]))

    def kernel(self, name: str, elements: int) -> Kernel:
        """The kernel of this name; every rank must ask for it."""
        if name == "window":
            return self._window(elements)
        array = np.empty(elements, np.float32)
        run = {"builtin": self._builtin, "pickled": self._pickled, "memory": self._memory}.get(name)
        return Kernel(array, run(array) if run else self._ours(name, array))

    def _builtin(self, array: Array) -> Callable[[], object]:
        return lambda: self._comm.Allreduce(self._mpi.IN_PLACE, array)

    def _ours(self, name: str, array: Array) -> Callable[[], object]:
        algorithm = getattr(
            import_module(f"mlsys.distributed.allreduce.{name}"), f"{name}_allreduce"
        )
        return lambda: algorithm(self._comm, array)

    def _memory(self, array: Array) -> Callable[[], object]:
        """No allreduce: as many bytes as the window moves, by ``a += b`` on every rank at once."""
        a, b = (np.empty(2 * array.size // 3, np.float32) for _ in range(2))
        a.fill(0), b.fill(0)
        return lambda: np.add(a, b, out=a)

    def _pickled(self, array: Array) -> Callable[[], object]:
        """The ring as it is often taught: objects go round, and each sum is a new array."""
        ranks, rank, sendrecv = self.ranks, self.rank, self._comm.sendrecv
        to, source = (rank + 1) % ranks, (rank - 1) % ranks

        def run() -> None:
            chunks = np.array_split(array, ranks)
            for step in range(ranks - 1):
                mine = (rank - step - 1) % ranks
                chunks[mine] = chunks[mine] + sendrecv(chunks[mine + 1 - ranks], to, source=source)
            for step in range(ranks - 1):
                mine = (rank - step) % ranks
                chunks[mine] = sendrecv(chunks[mine + 1 - ranks], to, source=source)
            array[:] = np.concatenate(chunks)

        return run


class GlooWorld:
    """Processes that torch's gloo joins, over the loopback interface."""

    def __init__(self, rank: str, ranks: str, file: str) -> None:
        import torch
        import torch.distributed

        torch.set_num_threads(1)
        self._torch, self._distributed = torch, torch.distributed
        self.rank, self.ranks = int(rank), int(ranks)
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{file}", rank=self.rank, world_size=self.ranks
        )
        self.barrier, self.version = torch.distributed.barrier, torch.__version__

    def kernel(self, name: str, elements: int) -> Kernel:
        """Its allreduce, on the memory of the array."""
        array = np.empty(elements, np.float32)
        tensor = self._torch.from_numpy(array)
        return Kernel(array, lambda: self._distributed.all_reduce(tensor))


class Rank:
    """Answers the race: ``do`` of a request names a method, the rest are its arguments."""

    def __init__(self, world: MPIWorld | GlooWorld) -> None:
        self._world = world
        self._kernels: dict[str, Kernel] = {}

    def prepare(self, name: str, elements: int) -> str:
        """Make a kernel, and its name for later requests."""
        key = f"{name} {elements}"
        if key not in self._kernels:
            self._kernels[key] = self._world.kernel(name, elements)
            self._kernels[key].array.fill(0)
        return key

    def time(self, key: str, calls: int) -> float:
        """Seconds that so many calls took on this rank."""
        run = self._kernels[key].run
        self._world.barrier()
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return time.perf_counter() - start

    def result(self, key: str, seed: int) -> list[float]:
        """Some of the sums of random numbers, and zeros again in their place."""
        kernel = self._kernels[key]
        kernel.array[:] = np.random.default_rng([seed, self._world.rank]).random(kernel.array.size)
        kernel.run()
        places = np.random.default_rng(seed).choice(kernel.array.size, SEEN)
        found = [float(kernel.array[place]) for place in places]
        self._world.barrier()
        kernel.array.fill(0)
        return found

    def drop(self, key: str) -> None:
        """Forget a kernel, which frees its memory."""
        self._kernels.pop(key).close()


def serve(world: MPIWorld | GlooWorld, line: socket.socket) -> None:
    """Answer one request after the other, until the other side has gone."""
    rank = Rank(world)
    with line, line.makefile("rw", encoding="utf-8") as file:
        _say(file, [world.rank, world.version])
        for request in file:
            signal.alarm(MOST_SECONDS)
            do = json.loads(request)
            _say(file, getattr(rank, do.pop("do"))(**do))
            signal.alarm(0)


def _say(file: Any, reply: object) -> None:
    file.write(json.dumps(reply) + "\n")
    file.flush()


if __name__ == "__main__":
    _, port, kind, *arguments = sys.argv
    signal.alarm(MOST_SECONDS)
    serve(
        MPIWorld() if kind == "mpi" else GlooWorld(*arguments),
        socket.create_connection(("127.0.0.1", int(port))),
    )
