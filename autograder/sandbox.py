"""Where a student's file runs: what a child process sees, and how it is started.

A *stage* is one folder for all children of a lab to read: the runner, the frame format,
the probes, and the modules of earlier chapters. A *box* is a folder of one child alone: the
student's files, and its working directory. No check, no solution and no mark is in either.

`Sandbox` is tier T0, a plain process with limits: it stops accidents, not attackers. A stricter
tier is a subclass that wraps `command`.
"""

from __future__ import annotations

import compileall
import contextlib
import importlib.util
import os
import shutil
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autograder import forks, wire
from autograder.lab import Lab, LabError, earlier_modules, third_party
from autograder.process import Child, Lost, Process, spawn
from autograder.runner import PROBES, STUDENT

START_SECONDS = 60.0  # for the interpreter and NumPy on a busy machine; no student code runs yet
PRELOAD = {"numpy"}  # imports dear enough to be done before the student's file is loaded
PASSED_ON = ("SYSTEMROOT", "SYSTEMDRIVE", "LD_LIBRARY_PATH")  # what an interpreter needs to start
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",  # the same submission, the same set order, the same mark
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}


class SandboxError(Exception):
    """A child could not be started, whatever it was to run."""


class Sandbox:
    """Starts children for one lab; a context manager that owns stage and boxes."""

    tier = "T0"

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._folder = _folder("lab-")
        self.stage = Path(self._folder.name).resolve() / "stage"
        _lay_out(lab, self.stage)
        self._paths = [_folder_of(name) for name in third_party(lab)]
        self._preload = [name for name in third_party(lab) if name in PRELOAD]
        self._server = self._fork_server() if forks.AVAILABLE else None
        self._renewing = threading.Lock()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *error: object) -> None:
        if self._server:
            self._server.close()
        self._folder.cleanup()

    def start(self, files: dict[str, bytes]) -> Child:
        """A child with limits set and slow imports done, the student's file not yet loaded."""
        box = _folder("box-", self._folder.name)
        for name, content in files.items():
            Path(box.name, name).write_bytes(content)
        child = Child(self._process(Path(box.name)), box, self.lab.limits)
        child.post(self._preparation())
        return child

    def _process(self, box: Path) -> Process:
        environment = self.environment(box)
        if server := self._server:
            with contextlib.suppress(OSError, wire.WireError):
                return server.fork(box, environment)
            if server := self._renewed(server):
                return server.fork(box, environment)
        return spawn(self.command(), box, environment)

    def _renewed(self, ended: forks.ForkServer) -> forks.ForkServer | None:
        """A new server for one that a student's program has ended, being its child.

        Were children spawned from then on, the next such program would end the grader itself.
        """
        with self._renewing:
            if self._server is ended:
                ended.close()
                self._server = self._fork_server()
            return self._server

    def load(self, child: Child) -> dict[str, Any]:
        """Run the student's file in ``child``, then the probes; return the reply to the first."""
        self._await_preparation(child)
        child.start_clock()
        file, probes = child.box / self.lab.file, self.stage / "probes.py"
        reply = child.ask({"do": "load", "name": STUDENT, "file": str(file)})
        if "value" in reply and probes.exists():
            beside = child.ask({"do": "load", "name": PROBES, "file": str(probes)})
            if "error" in beside:
                raise SandboxError(f"probes.py: {beside['error']}: {beside['message']}")
        return reply

    def command(self) -> list[str]:
        """The program of a child. Without ``site`` only what the lab names can be imported."""
        return [sys.executable, "-s", "-S", "-u", str(self.stage)]

    def environment(self, box: Path) -> dict[str, str]:
        """All of the child's environment: nothing of ours is handed on."""
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**inherited, **ENVIRONMENT, "HOME": str(box), "TMPDIR": str(box), "TEMP": str(box)}

    def _fork_server(self) -> forks.ForkServer | None:
        """None when it does not start: then the first child that is spawned says why."""
        try:
            environment = self.environment(self.stage)
            return forks.ForkServer(self.command(), environment, self._preparation())
        except (OSError, wire.WireError):
            return None

    def _await_preparation(self, child: Child) -> None:
        """No code of the student has run yet: what goes wrong here is our affair."""
        try:
            reply = child.ask(None, START_SECONDS)
        except Lost as lost:
            raise SandboxError(
                f"no child could be started: {lost}; {''.join(child.printed())}"
            ) from None
        if "error" in reply:
            raise SandboxError(f"no child could be prepared: {reply['error']} {reply['message']}")

    def _preparation(self) -> dict[str, Any]:
        limits = self.lab.limits.for_runner()
        return {"do": "prepare", "paths": self._paths, "preload": self._preload, "limits": limits}


def _lay_out(lab: Lab, stage: Path) -> None:
    """Copy what every child may see."""
    (stage / "autograder").mkdir(parents=True)
    (stage / "autograder" / "__init__.py").touch()
    (stage / "__main__.py").write_text("from autograder.runner import main\n\nmain()\n")
    ours = Path(__file__).parent
    copies = {stage / "autograder" / name: ours / name for name in ("runner.py", "wire.py")}
    if "mlsys" in lab.imports:
        modules = earlier_modules(lab).values()
        copies |= {stage / path.relative_to(lab.root): path for path in modules}
    if (lab.folder / "probes.py").exists():
        copies[stage / "probes.py"] = lab.folder / "probes.py"
    for target, origin in copies.items():
        _copy_compiled(origin, target)


def _folder(prefix: str, parent: str | None = None) -> TemporaryDirectory[str]:
    """A folder that goes away, whatever a student's program has done to what is in it."""
    return TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)


def _copy_compiled(origin: Path, target: Path) -> None:
    """Copy a module with its bytecode, which stays valid because the copy keeps the time."""
    compiled, copy = (Path(importlib.util.cache_from_source(str(p))) for p in (origin, target))
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(origin, target)
    with contextlib.suppress(OSError):  # a folder we may not write to: the child compiles itself
        compileall.compile_file(origin, quiet=2)
        shutil.copy2(compiled, copy)


def _folder_of(package: str) -> str:
    """The folder to put on the import path so that ``package`` is found."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LabError(f"this lab needs {package}, which is not installed: pip install {package}")
    return str(Path(spec.origin).parent.parent)
