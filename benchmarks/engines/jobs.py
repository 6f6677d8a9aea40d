"""Jobs of ranks that stay while they are raced: started when first needed, asked over a socket.

Several libraries cannot share a process, so each has a job: Open MPI, MPICH from an environment of
its own, torch's gloo. A job that is not being asked sleeps, so that any two can be timed in turn.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from machine import MALLOC

from mlsys.distributed.cluster import openmpi
from mlsys.distributed.cluster.job import end
from mlsys.distributed.cluster.lifeline import tied

WORKER = Path(__file__).with_name("rank_worker.py")
BENCHMARKS, ROOT = Path(__file__).parents[1], Path(__file__).parents[2]
MOST_SECONDS = 150.0  # for one reply


@dataclass(frozen=True)
class Place:
    """Where the ranks of a job meet, and what they are to do."""

    port: int
    ranks: int
    folder: Path
    kernels: str

    def rank(self, python: str | Path, kind: str, *more: object) -> list[str]:
        """The command of one rank."""
        return [str(part) for part in (python, WORKER, self.port, self.kernels, kind, *more)]


Commands = tuple[list[list[str]], dict[str, str]]  # with their environment
Start = Callable[[Place], Commands]
PATHS = {"PYTHONPATH": os.pathsep.join(map(str, (BENCHMARKS, ROOT)))}


class Asked(Protocol):
    """Processes of which ``ranks`` reply to a request, all to the same."""

    ranks: int

    def ask(self, do: str, **request: Any) -> list[Any]:
        """The replies, in the order of ranks."""


class Job:
    """``ranks`` processes that answer requests; ``version`` is their library's."""

    def __init__(self, start: Start, ranks: int, kernels: str) -> None:
        self.ranks, self._stack = ranks, ExitStack()
        try:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="job-")))
            self._said = self._stack.enter_context((self._folder / "said").open("w+b"))
            found = self._connect(start, kernels)
        except BaseException:
            self.close()
            raise
        self._files = [file for _, _, file in sorted(found, key=lambda one: one[0])]
        self.version: str = found[0][1]

    def _connect(self, start: Start, kernels: str) -> list[tuple[int, str, Any]]:
        """Start the processes and wait until every rank has said its number."""
        with socket.create_server(("127.0.0.1", 0), backlog=self.ranks) as door:
            door.settimeout(0.2)
            place = Place(door.getsockname()[1], self.ranks, self._folder, kernels)
            commands, environment = start(place)
            started = [self._run(command, environment | PATHS) for command in commands]
            files = [self._accept(door, started) for _ in range(self.ranks)]
        return [(*self._reply(file), file) for file in files]

    def _accept(self, door: socket.socket, started: list[subprocess.Popen[bytes]]) -> Any:
        """The line to the next rank that comes; RuntimeError if one that should come has ended."""
        until = time.monotonic() + MOST_SECONDS
        while time.monotonic() < until and all(process.poll() is None for process in started):
            with suppress(TimeoutError):
                line = self._stack.enter_context(door.accept()[0])
                line.settimeout(MOST_SECONDS)
                return self._stack.enter_context(line.makefile("rw", encoding="utf-8"))
        raise self._ended()

    def _run(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            tied(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        self._stack.callback(end, process)
        return process

    def _ended(self) -> RuntimeError:
        self._said.seek(0)
        said = self._said.read()[-3000:].decode("utf-8", "replace")
        return RuntimeError(f"a rank has ended before it answered. The job's output:\n{said}")

    def ask(self, do: str, **request: object) -> list[Any]:
        """The replies of all ranks, in their order, to the same request."""
        for file in self._files:
            file.write(json.dumps({"do": do} | request) + "\n")
            file.flush()
        return [self._reply(file) for file in self._files]

    def _reply(self, file: Any) -> Any:
        line = file.readline()
        if not line:
            raise self._ended()
        return json.loads(line)

    def close(self) -> None:
        """End all its processes."""
        self._stack.close()


def open_mpi(place: Place) -> Commands:
    """Open MPI of this environment, set as the cluster sets it; a rank with a core keeps it."""
    rank = place.rank(sys.executable, "mpi")
    command = openmpi.command(openmpi.find_mpiexec(), place.ranks, (), rank)
    chosen = openmpi.settings(False) | openmpi.places(place.folder, None)
    if place.ranks <= (os.cpu_count() or 1):
        chosen["OMPI_MCA_mpi_yield_when_idle"] = "0"
    return [command], openmpi.environment(chosen)


def with_malloc_as_it_comes(start: Start) -> Start:
    """The same job, with every array above a size mapped anew."""

    def started(place: Place) -> Commands:
        commands, environment = start(place)
        return commands, {name: v for name, v in environment.items() if name not in MALLOC}

    return started


def mpich(environment: Path) -> Start:
    """MPICH of another environment, in which mpi4py and NumPy are; ranks are bound to cores."""
    folder = environment.absolute() / "bin"
    python, mpiexec = folder / "python", folder / "mpiexec"
    for program in (python, mpiexec):
        if not program.exists():
            raise ImportError(f"{environment} has no bin/{program.name}")

    def started(place: Place) -> Commands:
        rank = place.rank(python, "mpi")
        command = [str(mpiexec), "-bind-to", "core", "-n", str(place.ranks), *rank]
        return [command], dict(os.environ)

    return started


def gloo(place: Place) -> Commands:
    """Processes that find each other through a file."""
    more = place.ranks, place.folder / "meet"
    commands = [place.rank(sys.executable, "gloo", rank, *more) for rank in range(place.ranks)]
    return commands, os.environ | {"GLOO_SOCKET_IFNAME": "lo"}


class Jobs:
    """All jobs of a race, by library and number of ranks; ``starts`` has the libraries.

    kernels: the module whose kernels the ranks have.
    """

    def __init__(self, kernels: str) -> None:
        self.starts: dict[str, Start] = {
            "open mpi": open_mpi,
            "as it comes": with_malloc_as_it_comes(open_mpi),
            "gloo": gloo,
        }
        self._kernels = kernels
        self._jobs: dict[tuple[str, int], Job] = {}

    def get(self, library: str, ranks: int) -> Job:
        """The job, started if it is not there yet."""
        if (library, ranks) not in self._jobs:
            self._jobs[library, ranks] = Job(self.starts[library], ranks, self._kernels)
        return self._jobs[library, ranks]

    def close(self) -> None:
        """End them all."""
        while self._jobs:
            self._jobs.popitem()[1].close()
