"""Where a student's file runs: what a child process sees, and how it is started.

A *stage* is one folder for all children of a lab to read: the runner, the frame format, the walls,
the probes, and the modules of earlier chapters. A *box* is a folder of one child alone, with the
student's files. No check, no solution and no mark is in either. How high the walls round a child
are is its tier (`tiers`): the best that this machine gives.
"""

from __future__ import annotations

import compileall
import contextlib
import importlib.util
import os
import shutil
import subprocess
import symtable
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autograder import confine, forks, tiers, wire
from autograder.cgroup import Group
from autograder.lab import Lab, LabError, earlier_modules, third_party
from autograder.process import Child, Lost, Process, spawn
from autograder.runner import PROBES, STUDENT

START_SECONDS = 60.0  # for the interpreter and NumPy on a busy machine; no student code runs yet
PRELOAD = {"numpy", "torch"}  # imports dear enough to be done before the student's file is loaded
STAGED = ("runner.py", "wire.py", "confine.py", "zygote.py", "listening.py")
MAIN = """\
import sys

from autograder import runner, zygote

if len(sys.argv) > 1:
    zygote.serve(int(sys.argv[1]))
runner.main()
"""
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
    "MALLOC_ARENA_MAX": "1",  # else each thread takes 64 MiB of a limited address space
}


class SandboxError(Exception):
    """A child could not be started, whatever it was to run."""


class Sandbox:
    """Starts children for one lab; a context manager that owns stage and boxes.

    tier: "T3" to "T0"; without it, the best that works here. Raises `SandboxError` when the tier
    that is asked for cannot be had; ``shortcomings`` says why each better one could not.
    """

    def __init__(self, lab: Lab, tier: str | None = None) -> None:
        self.lab = lab
        self._folder = _folder("lab-")
        os.chmod(self._folder.name, 0o711)  # a private user passes through to his box
        self.stage = Path(self._folder.name).resolve() / "stage"
        _lay_out_ours(self.stage)
        self._paths = [_folder_of(name) for name in third_party(lab)]
        self._preload = [name for name in third_party(lab) if name in PRELOAD]
        self._later = ThreadPoolExecutor(1)  # for what nobody need wait for
        laid_out = self._later.submit(_lay_out_lab, lab, self.stage)  # while Python starts
        self._renewing, self._closed = threading.Lock(), False
        self.shortcomings: dict[str, str] = {}
        try:
            self.tier, walls, self._server = self._best([tier] if tier else list(tiers.TIERS))
        except SandboxError:
            self._later.shutdown()
            self._folder.cleanup()
            raise
        self.probes = laid_out.result()
        self._apart = self.tier in tiers.APART
        # The same for each child, but that in T1 each has a user of its own.
        self._prepared = self._preparation(walls, lab.limits.for_runner())
        probes = f"{self._stage_in(self.tier)}/probes.py"
        self._probing = wire.frame({"do": "load", "name": PROBES, "file": probes})

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *error: object) -> None:
        """End it at once: a check that still runs in another thread loses its child."""
        with self._renewing:
            self._closed = True
            if self._server:
                self._server.close()
        self._later.shutdown()
        _remove(self._folder)

    def _best(self, wanted: list[str]) -> tuple[str, dict[str, Any], forks.ForkServer | None]:
        for tier in wanted:
            why = tiers.lacking(tier)
            try:
                if why is None:
                    walls = tiers.walls(tier, str(self.stage), self._paths)
                    return tier, walls, self._fork_server(tier, walls)
            except OSError as error:
                why = str(error)
            self.shortcomings[tier] = why
        reasons = "; ".join(f"{tier}: {why}" for tier, why in self.shortcomings.items())
        raise SandboxError(f"no such isolation on this machine: {reasons}")

    def _fork_server(self, tier: str, walls: dict[str, Any]) -> forks.ForkServer | None:
        """None where there is no forking: children are spawned then."""
        if not forks.AVAILABLE:
            return None
        outer = tiers.outer_world(self.stage, self._paths) if tier in tiers.APART else []
        command = [*outer, *self.command(tier)]
        nothing_yet = self._preparation({}, {})
        return forks.ForkServer(command, self.environment("/"), walls, nothing_yet)

    def start(self, files: dict[str, bytes]) -> Child:
        """A child with its walls up and slow imports done, the student's file not yet loaded."""
        user = tiers.private_user(self.tier)
        box, end = (confine.BOX, _nothing) if self._apart else self._box(user)
        group = Group.of(self.lab.limits) if self.tier == "T3" else None
        process = self._process("/" if self._apart else box, self.environment(box), group)
        child = Child(process, box, self.lab.limits, end, group, self._later.submit)
        walls = self._prepared["walls"] and {**self._prepared["walls"], "user": user}
        child.post(wire.frame({**self._prepared, "walls": walls}))
        child.post(wire.frame({"do": "put", "files": files}))
        child.post(self._probing)
        return child

    def _box(self, user: int | None) -> tuple[str, Callable[[], None]]:
        """A folder on disk, of the child's user, and how to remove it."""
        folder = _folder("box-", self._folder.name)
        if user is not None:
            os.chown(folder.name, user, user)
        return folder.name, lambda: _remove(folder)

    def _process(self, box: str, environment: dict[str, str], group: Group | None) -> Process:
        doors = group.doors() if group else []
        try:
            if server := self._server:
                with contextlib.suppress(OSError):
                    return server.fork(box, environment, doors)
                if server := self._renewed(server):
                    return server.fork(box, environment, doors)
        finally:
            for door in doors:
                os.close(door)
        return spawn(self.command(self.tier), box, environment)

    def _renewed(self, ended: forks.ForkServer) -> forks.ForkServer | None:
        """A new server for one that has ended, as it may in T0, where it is a child's parent."""
        with self._renewing:
            if self._closed:
                raise SandboxError("grading was ended")
            if self._server is ended:
                ended.close()
                self._server = self._fork_server(self.tier, self._prepared["walls"])
            return self._server

    def load(self, child: Child) -> dict[str, Any]:
        """Load the probes in ``child``, then the student's file; return the reply to that."""
        self._await_our_own(child, ("prepare", "put", "load"))
        child.start_clock()
        file = f"{child.box}/{self.lab.file}"
        return child.ask({"do": "load", "name": STUDENT, "file": file})

    def command(self, tier: str) -> list[str]:
        """The program of a child. Without ``site`` only what the lab names can be imported."""
        return [os.path.realpath(sys.executable), "-s", "-S", "-u", self._stage_in(tier)]

    def _stage_in(self, tier: str) -> str:
        """Where the stage is for a child."""
        return tiers.STAGE if tier in tiers.APART else str(self.stage)

    def environment(self, box: str) -> dict[str, str]:
        """All of the child's environment: nothing of ours is handed on."""
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**inherited, **ENVIRONMENT, "HOME": box, "TMPDIR": box, "TEMP": box}

    def _await_our_own(self, child: Child, deeds: Sequence[str]) -> None:
        """No code of the student has run yet: what goes wrong here is our affair."""
        for deed in deeds:
            try:
                reply = child.ask(None, START_SECONDS)
            except Lost as lost:
                said = "".join(child.printed())
                raise SandboxError(f"no child could be started: {lost}; {said}") from None
            if "error" in reply:
                raise SandboxError(f"in {deed} of a child: {reply['error']}: {reply['message']}")

    def _preparation(self, walls: dict[str, Any], limits: dict[str, int]) -> dict[str, Any]:
        about = {"paths": self._paths, "preload": self._preload}
        return {"do": "prepare", **about, "walls": walls, "limits": limits}


def _nothing() -> None:
    pass


def _lay_out_ours(stage: Path) -> None:
    """Copy what a child starts from."""
    (stage / "autograder").mkdir(parents=True)
    (stage / "autograder" / "__init__.py").touch()
    (stage / "__main__.py").write_text(MAIN)
    for name in STAGED:
        _copy_compiled(Path(__file__).parent / name, stage / "autograder" / name)
    _open_to_all(stage)


def _lay_out_lab(lab: Lab, stage: Path) -> set[str]:
    """Copy what else a child may see; returns the names of the lab's probes."""
    if "mlsys" in lab.imports:
        for path in earlier_modules(lab).values():
            _copy_compiled(path, stage / path.relative_to(lab.root))
    if (probes := lab.folder / "probes.py").exists():
        _copy_compiled(probes, stage / "probes.py")
    else:
        (stage / "probes.py").touch()
    _open_to_all(stage)
    text = (stage / "probes.py").read_text(encoding="utf-8")
    return set(symtable.symtable(text, "probes.py", "exec").get_identifiers())


def _open_to_all(stage: Path) -> None:
    """For a private user to read, whatever our umask."""
    for path in (stage, *stage.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _folder(prefix: str, parent: str | None = None) -> TemporaryDirectory[str]:
    """A folder that goes away, whatever a student's program has done to what is in it."""
    return TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True)


def _remove(folder: TemporaryDirectory[str]) -> None:
    """Remove a folder, were it ten thousand folders deep."""
    try:
        folder.cleanup()
    except RecursionError:
        subprocess.run(["rm", "-rf", folder.name], check=False, timeout=60)


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
