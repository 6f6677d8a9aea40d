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
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import MALLOC

from mlsys.distributed.cluster import openmpi
from mlsys.distributed.cluster.job import end
from mlsys.distributed.cluster.lifeline import tied

WORKER = Path(__file__).with_name("collective_worker.py")
ROOT = Path(__file__).parents[2]
MOST_SECONDS = 150.0  # for one reply
Start = Callable[[str, int, Path], tuple[list[list[str]], dict[str, str]]]


class Job:
    """Ranks that answer requests; ``version`` is their library's."""

    def __init__(self, start: Start, ranks: int) -> None:
        self._stack = ExitStack()
        try:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="job-")))
            self._said = self._stack.enter_context((self._folder / "said").open("w+b"))
            found = self._connect(start, ranks)
        except BaseException:
            self.close()
            raise
        self._files = [file for _, _, file in sorted(found, key=lambda one: one[0])]
        self.version: str = found[0][1]

    def _connect(self, start: Start, ranks: int) -> list[tuple[int, str, Any]]:
        """Start the processes and wait until every rank has said its number."""
        found = []
        with socket.create_server(("127.0.0.1", 0), backlog=ranks) as door:
            door.settimeout(60)
            commands, environment = start(str(door.getsockname()[1]), ranks, self._folder)
            for command in commands:
                self._run(command, environment)
            for _ in range(ranks):
                line = self._stack.enter_context(door.accept()[0])
                line.settimeout(MOST_SECONDS)
                file = self._stack.enter_context(line.makefile("rw", encoding="utf-8"))
                found.append((*self._reply(file), file))
        return found

    def _run(self, command: list[str], environment: dict[str, str]) -> None:
        process = subprocess.Popen(
            tied(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        self._stack.callback(end, process)

    def ask(self, do: str, **request: object) -> list[Any]:
        """The replies of all ranks, in their order, to the same request."""
        for file in self._files:
            file.write(json.dumps({"do": do} | request) + "\n")
            file.flush()
        return [self._reply(file) for file in self._files]

    def _reply(self, file: Any) -> Any:
        line = file.readline()
        if not line:
            self._said.seek(0)
            said = self._said.read()[-3000:].decode("utf-8", "replace")
            raise RuntimeError(f"a rank has ended before it answered. The job's output:\n{said}")
        return json.loads(line)

    def close(self) -> None:
        """End all its processes."""
        self._stack.close()


def open_mpi(port: str, ranks: int, folder: Path) -> tuple[list[list[str]], dict[str, str]]:
    """Open MPI of this environment, set as the cluster sets it."""
    rank = [sys.executable, str(WORKER), port, "mpi"]
    command = openmpi.command(openmpi.find_mpiexec(), ranks, (), rank)
    return [command], openmpi.environment(openmpi.settings(False, folder, None))


def with_malloc_as_it_comes(start: Start) -> Start:
    """The same job, with every array above a size mapped anew."""

    def started(port: str, ranks: int, folder: Path) -> tuple[list[list[str]], dict[str, str]]:
        commands, environment = start(port, ranks, folder)
        return commands, {name: v for name, v in environment.items() if name not in MALLOC}

    return started


def mpich(environment: Path) -> Start:
    """MPICH of another environment, in which mpi4py and NumPy are; ranks are bound to cores."""
    folder = environment.absolute() / "bin"
    python, mpiexec = folder / "python", folder / "mpiexec"
    for program in (python, mpiexec):
        if not program.exists():
            raise ImportError(f"{environment} has no bin/{program.name}")

    def started(port: str, ranks: int, _: Path) -> tuple[list[list[str]], dict[str, str]]:
        rank = [str(python), str(WORKER), port, "mpi"]
        command = [str(mpiexec), "-bind-to", "core", "-n", str(ranks), *rank]
        return [command], os.environ | {"PYTHONPATH": str(ROOT)}

    return started


def gloo(port: str, ranks: int, folder: Path) -> tuple[list[list[str]], dict[str, str]]:
    """Processes that find each other through a file."""
    fixed = [sys.executable, str(WORKER), port, "gloo"]
    commands = [[*fixed, str(rank), str(ranks), str(folder / "meet")] for rank in range(ranks)]
    return commands, os.environ | {"GLOO_SOCKET_IFNAME": "lo"}


class Jobs:
    """All jobs of a race, by library and number of ranks; ``starts`` has the libraries."""

    def __init__(self) -> None:
        self.starts: dict[str, Start] = {
            "open mpi": open_mpi,
            "as it comes": with_malloc_as_it_comes(open_mpi),
            "gloo": gloo,
        }
        self._jobs: dict[tuple[str, int], Job] = {}

    def get(self, library: str, ranks: int) -> Job:
        """The job, started if it is not there yet."""
        if (library, ranks) not in self._jobs:
            self._jobs[library, ranks] = Job(self.starts[library], ranks)
        return self._jobs[library, ranks]

    def close(self) -> None:
        """End them all."""
        while self._jobs:
            self._jobs.popitem()[1].close()
