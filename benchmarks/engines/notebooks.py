"""Otter-Grader and nbgrader, each in an environment of its own and in a process that stays.

The process has imported its grader before the clock is looked at, and is asked for one submission
or for a class: so the peers are timed at their quickest, without the start of their commands.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from race import Entry, Results

from engines.assignments import Class
from engines.graders import MOST_SECONDS, environment, marks

WORKER = Path(__file__).with_name("notebook_worker.py")


class Worker:
    """A process of ``notebook_worker.py``: a line to it, a line from it; ends with ``close``."""

    def __init__(self, python: Path, peer: str, folder: Path) -> None:
        self._said = TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [str(python), str(WORKER), peer, str(folder)],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        self.version = self._reply()

    def ask(self, do: str, **request: object) -> Any:
        """The reply to a request."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do} | request) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> Any:
        assert self._process.stdout
        alarm = threading.Timer(MOST_SECONDS, self._process.kill)
        alarm.start()
        line = self._process.stdout.readline()
        alarm.cancel()
        if not line:
            self.close()
            self._said.seek(0)
            said = self._said.read()[-3000:].decode("utf-8", "replace")
            raise ImportError(f"{self._process.args} ended before it answered:\n{said}")
        return json.loads(line)

    def close(self) -> None:
        """Let it end; a worker in the middle of something is not waited for."""
        self._process.kill()
        self._process.communicate()


class Notebooks:
    """One of the two; ``path`` is the environment that it is installed in."""

    peer = ""

    def __init__(self, path: Path) -> None:
        folder = "Scripts" if sys.platform == "win32" else "bin"
        self._python = path.absolute() / folder / "python"
        if not self._python.exists():
            raise ImportError(f"{path} is no environment: it has no {folder}/python")
        with TemporaryDirectory(prefix="peer-") as empty:
            worker = Worker(self._python, self.peer, Path(empty))
            worker.close()
        self.version = worker.version

    def _lay_out(self, p: Class, folder: Path) -> Worker:
        worker = Worker(self._python, self.peer, folder)
        answers = {student: p.answer(student) for student in p.students}
        assignment = p.assignment
        worker.ask(
            "prepare",
            function=assignment.function,
            checks=assignment.checks,
            answers=answers,
        )
        return worker

    def cold(self, p: Class) -> Entry:
        """One submission, in a process that has all imports behind it."""
        folder = TemporaryDirectory(prefix="peer-")
        worker = self._lay_out(p, Path(folder.name))

        def results() -> Results:
            return marks(worker.ask("grade", students=p.students))

        def close() -> None:
            worker.close()
            folder.cleanup()

        return Entry(lambda: worker.ask("grade", students=p.students[:1]), results, close)

    warm = cold

    def command(self, p: Class) -> Entry:
        """A class, from the start of the process to the last mark."""
        folder = TemporaryDirectory(prefix="peer-")
        self._lay_out(p, Path(folder.name)).close()

        def results() -> Results:
            worker = Worker(self._python, self.peer, Path(folder.name))
            try:
                return marks(worker.ask("grade", students=p.students))
            finally:
                worker.close()

        return Entry(results, results, folder.cleanup)


class Otter(Notebooks):
    """otter-grader: a kernel for each notebook, no container."""

    peer = "otter"


class NbGrader(Notebooks):
    """nbgrader: a kernel for each notebook, marks in a database."""

    peer = "nbgrader"
