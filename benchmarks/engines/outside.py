"""Parameter servers that live outside this environment: ps-lite, built elsewhere, and Ray.

Their processes answer lines over a socket and stand where a job of ranks would: asked for the same,
asleep meanwhile. See ``pslite_rank.cc`` and ``ray_rank.py`` for what is said.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines.jobs import MOST_SECONDS
from mlsys.distributed.cluster.job import end
from mlsys.distributed.cluster.lifeline import tied

HERE = Path(__file__).parent
COMPILE_SECONDS = 120


@dataclass(frozen=True)
class Command:
    """A process to start: one that is asked, or one that only serves."""

    arguments: list[str]
    environment: dict[str, str]
    asked: bool = True


class Group:
    """Processes that answer lines; ends them all when closed.

    ranks: how many are asked. start: their commands, given an empty folder.
    """

    def __init__(self, start: Callable[[Path], list[Command]], ranks: int) -> None:
        self.ranks, self._stack = ranks, ExitStack()
        self._files: list[Any] = []
        self._kernels: dict[str, tuple[str, str]] = {}
        scratch = TemporaryDirectory(prefix="job-", ignore_cleanup_errors=True)  # Ray ends late
        try:
            folder = Path(self._stack.enter_context(scratch))
            self._said = self._stack.enter_context((folder / "said").open("w+b"))
            for command in start(folder):
                self._run(command)
        except BaseException:
            self.close()
            raise

    def _run(self, command: Command) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                tied(command.arguments),
                env=os.environ | command.environment,
                stdin=theirs if command.asked else subprocess.DEVNULL,
                stdout=theirs if command.asked else self._said,
                stderr=self._said,
                start_new_session=True,
            )
        self._stack.callback(end, process)
        self._stack.enter_context(ours)
        ours.settimeout(MOST_SECONDS)
        if command.asked:
            self._files.append(self._stack.enter_context(ours.makefile("rw", encoding="utf-8")))

    def ask(self, do: str, **request: Any) -> list[Any]:
        """What a job of ranks is asked, and what its workers would reply."""
        return list(getattr(self, f"_{do}")(**request))

    def _prepare(self, call: str, count: int, width: int, **_: Any) -> list[str]:
        key = f"{call} {count} {width}"
        self._kernels[key] = call, f"{count} {width}"
        return [key]

    def _time(self, key: str, calls: int) -> Iterator[float]:
        return chain.from_iterable(self._say(f"{key} {calls}"))

    def _results(self, key: str, seed: int) -> list[dict[str, list[float]]]:
        return [{"rows": each} for each in self._say(f"values {self._kernels[key][1]} {seed}")]

    def _drop(self, key: str) -> list[str]:
        """The one that has what it held ends all."""
        self.close()
        return [key]

    def _say(self, line: str) -> list[list[float]]:
        """The numbers that each replies."""
        try:
            for file in self._files:
                file.write(f"{line}\n")
                file.flush()
            replies = [file.readline() for file in self._files]
        except (ConnectionError, TimeoutError):
            replies = [""]
        if not all(replies):
            raise self._ended()
        return [[float(word) for word in reply.split()] for reply in replies]

    def _ended(self) -> RuntimeError:
        """One has ended, or is as good as that."""
        self._said.seek(0)
        said = self._said.read()[-3000:].decode("utf-8", "replace")
        return RuntimeError(f"a process has ended, or is stuck. What was said:\n{said}")

    def close(self) -> None:
        """End all its processes."""
        self._stack.close()


class PsLite:
    """ps-lite as it is built in ``folder``, with a program of ours linked to it."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._program = program
        _compile(folder.absolute(), program)
        self.version = _commit(folder) or folder.absolute().name

    def group(self, workers: int) -> Group:
        """A scheduler, a server, and so many workers, over the loopback interface."""
        common = {
            "DMLC_NUM_SERVER": "1",
            "DMLC_NUM_WORKER": str(workers),
            "DMLC_PS_ROOT_URI": "127.0.0.1",
            "DMLC_PS_ROOT_PORT": str(free_port()),
            "DMLC_NODE_HOST": "127.0.0.1",
        }

        def command(role: str) -> Command:
            environment = common | {"DMLC_ROLE": role}
            return Command([str(self._program)], environment, role == "worker")

        roles = ["scheduler", "server", *["worker"] * workers]
        return Group(lambda _: [command(role) for role in roles], workers)


class Ray:
    """Ray of the environment at ``path``, with an actor for the server."""

    def __init__(self, path: Path) -> None:
        self._python = path.absolute() / "bin" / "python"
        if not self._python.exists():
            raise ImportError(f"{path} has no bin/python")
        self.version = output([str(self._python), "-c", "import ray; print(ray.__version__)"])

    def group(self, workers: int) -> Group:
        """The server and a worker."""
        if workers != 1:
            raise ValueError(f"Ray is raced with one worker, not with {workers}")
        program = [str(self._python), str(HERE / "ray_rank.py")]
        environment = {"RAY_USAGE_STATS_ENABLED": "0"}
        return Group(lambda folder: [Command([*program, str(folder)], environment)], 1)


def _compile(folder: Path, program: Path) -> None:
    """Build our program. Raises ImportError that says what is missing."""
    libraries = sorted([*folder.rglob("libpslite.a"), *folder.rglob("libps.a")])
    if not libraries:
        raise ImportError("no libpslite.a is built there")
    includes = [folder / "include", libraries[0].parent, folder / "deps" / "include"]
    output(
        [
            *("g++", "-O3", "-std=c++11", str(HERE / "pslite_rank.cc"), "-o", str(program)),
            *(f"-I{include}" for include in includes),
            *(str(libraries[0]), f"-L{folder / 'deps' / 'lib'}"),
            *("-lprotobuf", "-lzmq", "-pthread"),
        ]
    )


def output(command: list[str]) -> str:
    """What a command says. Raises ImportError where it fails."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImportError(str(error)) from error
    if ended.returncode:
        raise ImportError(f"{' '.join(command)}:\n{ended.stderr[-2000:]}")
    return ended.stdout.strip()


def _commit(folder: Path) -> str:
    """The commit that is checked out there, "" if it is no checkout."""
    try:
        return output(["git", "-C", str(folder), "rev-parse", "--short", "HEAD"])
    except ImportError:
        return ""


def free_port() -> int:
    """One that nobody has, a moment ago at least."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])
