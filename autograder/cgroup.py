"""A control group for one child and whatever it starts: memory and processes of the whole tree.

Limits of a process (`confine`) do not add up: thirty processes may each have a gigabyte. A control
group counts them together, and its peak is read from outside, where the child cannot reach it.
Both versions are served: version 1 has a tree for each kind of limit, version 2 one for all
(cgroups(7); the kernel's cgroup-v2 document).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.process import Limits

MIB = 2**20
ROOT = Path("/sys/fs/cgroup")
NAME = "mlsys-"
STALE = 60.0  # seconds until what a killed grader left behind is removed
_OURS, _numbers = secrets.token_hex(4), itertools.count(1)  # process numbers come again
FILES = {  # of each version: limits of memory and of processes; memory used, its peak, kills for it
    1: (
        "memory.limit_in_bytes",
        "pids.max",
        "memory.usage_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.oom_control",
    ),
    2: ("memory.max", "pids.max", "memory.current", "memory.peak", "memory.events"),
}


class Group:
    """Made empty, removed when its processes are gone. Raises `OSError` when it cannot be made."""

    def __init__(self, memory: int, processes: int) -> None:
        self._version, trees = _trees()
        limit, most, self._usage, self._peak, self._kills = FILES[self._version]
        name = f"{NAME}{os.getpid()}-{_OURS}-{next(_numbers)}"
        self._memory, counting = trees["memory"] / name, trees["pids"] / name
        self._folders = {self._memory, counting}  # in version 2 they are one
        for folder in self._folders:
            folder.mkdir()
        (self._memory / limit).write_text(str(memory))
        (counting / most).write_text(str(processes))

    @classmethod
    def of(cls, limits: Limits) -> Group:
        """A group for one child under ``limits``; files in memory count, and one process more."""
        return cls((limits.memory + limits.disk) * MIB, limits.processes + 1)

    def doors(self) -> list[int]:
        """Open files: a process that writes ``0`` to each is counted, with all that it starts.

        To move another process takes a lock that may wait 15 ms for the rest of the kernel; a
        single thread of version 1 that moves itself needs none.
        """
        door = "tasks" if self._version == 1 else "cgroup.procs"
        return [os.open(folder / door, os.O_WRONLY) for folder in self._folders]

    def take(self, process: int) -> None:
        """See that ``process`` is counted, had it not got in by itself (as in kernels before 5.16,
        which look at who writes, not at who opened the file)."""
        for folder in self._folders:
            if str(process) not in (folder / "cgroup.procs").read_text().split():
                (folder / "cgroup.procs").write_text(str(process))

    def forget_peak(self) -> Callable[[], int]:
        """Begin to look for a new peak; call what is returned for the bytes above what is used now.

        Before Linux 6.12, version 2 cannot forget: then this looks for nothing, and says 0.
        """
        before = int((self._memory / self._usage).read_text())
        peak = self._memory / self._peak
        try:
            peak.write_text("0")
        except OSError:
            return lambda: 0
        return lambda: int(peak.read_text()) - before

    def out_of_memory(self) -> bool:
        """Whether the kernel ended one of its processes for want of memory."""
        lines = (self._memory / self._kills).read_text().splitlines()
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines)

    def remove(self) -> None:
        """Give the group back; its processes must have been killed."""
        for folder in self._folders:
            for _ in range(100):  # they take a moment to be gone
                with contextlib.suppress(OSError):
                    folder.rmdir()
                if not folder.exists():
                    break
                time.sleep(0.01)


@lru_cache(maxsize=1)
def lacking() -> str | None:
    """Why no control group can be made here; None when one was made and removed."""
    try:
        Group(2**30, 64).remove()
        return None
    except (OSError, KeyError, ValueError) as error:
        return f"no control group for memory and processes can be made here ({error})"


@lru_cache(maxsize=1)
def _trees() -> tuple[int, dict[str, Path]]:
    """The version, and for "memory" and "pids" the folder in which a group can be made."""
    version, trees = _found()
    for tree in set(trees.values()):
        _sweep(tree)
    return version, trees


def _sweep(tree: Path) -> None:
    """Remove the groups of graders that were killed; one with a process in it stays anyway."""
    for folder in tree.glob(f"{NAME}*-*-*"):
        grader = folder.name.removeprefix(NAME).partition("-")[0]
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE and not Path("/proc", grader).exists():
                folder.rmdir()


def _found() -> tuple[int, dict[str, Path]]:
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    ours = {kinds: path.lstrip("/") for _, kinds, path in (line.split(":", 2) for line in lines)}
    if "memory" in ours and "pids" in ours:
        # Within a container the tree may show from our own group on, while the path is the host's.
        found = {kind: ROOT / kind / ours[kind] for kind in ("memory", "pids")}
        return 1, {k: path if path.is_dir() else ROOT / k for k, path in found.items()}
    top = ROOT / ours[""]
    top = top if top.is_dir() else ROOT
    _give_children_controllers(top)
    return 2, {"memory": top, "pids": top}


def _give_children_controllers(top: Path) -> None:
    """Version 2 gives them to the children of a group without processes: ours moves down first."""
    if {"memory", "pids"} <= set((top / "cgroup.subtree_control").read_text().split()):
        return
    ours = top / f"{NAME}grader"
    ours.mkdir(exist_ok=True)
    for process in (top / "cgroup.procs").read_text().split():
        (ours / "cgroup.procs").write_text(process)
    (top / "cgroup.subtree_control").write_text("+memory +pids")
