"""How well a student's process can be walled off here: from T3, a small world of its own, to T0.

    T3  bubblewrap, namespaces, seccomp, limits, and a control group for the whole tree
    T2  the same without the control group
    T1  no namespaces, as in many containers: Landlock, seccomp, limits, a private user for root
    T0  limits only: any other system, and any Linux that has none of the above

bubblewrap makes the outer world, in which the fork server lives: read-only mounts of interpreter,
packages and stage, and nothing else of this machine. In it every child makes an inner world
(`confine`). A tier is what was seen to work, never what is assumed: a server that cannot raise its
walls does not start.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from autograder import cgroup, confine, forks, seccomp

TIERS = ("T3", "T2", "T1", "T0")
APART = TIERS[:2]  # with namespaces
STAGE = "/stage"  # where those see the stage
FIRST_USER, USERS = 61_000, 1_000  # numbers that no account has
OUTSIDE = ("mlsys", "autograder")  # packages whose installed copy would give answers away
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin")
_children = itertools.count(os.getpid())  # so that two graders share no user


def lacking(tier: str) -> str | None:
    """Why ``tier`` cannot be had on this machine, as far as one can see without trying."""
    if tier == "T0":
        return None
    if not forks.AVAILABLE:
        return "it needs Linux"
    try:
        seccomp.program(shared=True)
    except OSError as error:
        return str(error)
    if tier == "T1":
        version = confine.landlock_version()
        needed = 1 if private_user("T1") else 6  # from then on it holds signals back
        return None if version >= needed else f"Landlock {needed} is needed, here is {version}"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed: apt install bubblewrap"
    return cgroup.lacking() if tier == "T3" else None


def private_user(tier: str) -> int | None:
    """Who a child shall be when we are root: in T1 nobody else is, in T2 namespaces part them.

    None when there is no choice, or when Python itself is where only its owner can read it.
    """
    if tier == "T0" or os.getuid() != 0 or (tier == "T1" and not _python_is_for_everybody()):
        return None
    return FIRST_USER + (next(_children) % USERS if tier == "T1" else 0)


@cache
def _python_is_for_everybody() -> bool:
    return for_everybody(sys.base_prefix)


def for_everybody(path: str) -> bool:
    """Whether any user of this machine can pass through to ``path``."""
    return all(up.stat().st_mode & 0o001 for up in (Path(path), *Path(path).parents))


def walls(tier: str, stage: str, readable: list[str]) -> dict[str, Any]:
    """What `confine.raise_walls` is told; {} for T0."""
    if tier == "T0":
        return {}
    apart, user = tier in APART, private_user(tier)
    return {
        "namespaces": apart,
        "user": user,
        "folders": _writable(readable) if apart else [],
        "readable": None if apart else [stage, *_opened(readable)],
        "filter": seccomp.program(shared=not apart, lone=not apart and user is None),
    }


def outer_world(stage: Path, readable: Iterable[str]) -> list[str]:
    """The bubblewrap command under which the fork server starts."""
    root = os.getuid() == 0
    # Without root a user namespace gives the right to mount. With it, none is wanted: in it, root
    # would stay root for the limits. The server then changes its user itself, by these two rights.
    apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    apart += ["--unshare-cgroup-try", *([] if root else ["--unshare-user"]), "--cap-drop", "ALL"]
    apart += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else []
    mounts: list[str] = []
    for path in _present(SYSTEM):
        link = os.path.islink(path)
        mounts += ["--symlink", os.readlink(path), path] if link else ["--ro-bind", path, path]
    folders = [path for path in _interpreter(readable) if not path.startswith("/usr/")]
    above = (str(up) for path in folders for up in reversed(Path(path).parents))
    for path in dict.fromkeys([*above, "/tmp", confine.BOX]):
        mounts += [] if path == "/" else ["--perms", "0755", "--dir", path]
    for path in folders:
        mounts += ["--ro-bind", path, path]
    mounts += [part for path in _closed(readable) for part in ("--tmpfs", path)]
    mounts += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    mounts += ["--ro-bind", str(stage), STAGE, "--proc", "/proc", "--dev", "/dev"]
    mounts += ["--remount-ro", "/dev", "--remount-ro", "/"]  # or children could leave notes there
    return ["bwrap", *apart, "--as-pid-1", "--new-session", *mounts, "--chdir", "/"]


def _writable(readable: Iterable[str]) -> list[str]:
    """Other names of a child's box: /tmp too, unless it holds what has to be read."""
    needed = any(path.startswith("/tmp/") for path in _interpreter(readable))
    return ["/dev/shm", *([] if needed else ["/tmp"])]


def _interpreter(readable: Iterable[str]) -> list[str]:
    """The folders that Python itself and the packages need, a folder before what is in it."""
    own = {sys.base_prefix, sys.base_exec_prefix, os.path.dirname(os.path.realpath(sys.executable))}
    return sorted(own | set(readable), key=len)


def _closed(readable: Iterable[str]) -> list[str]:
    """Installed copies of what a lab hides, in the folders that a child can read."""
    sites = {*readable, sysconfig.get_path("purelib", vars={"base": sys.base_prefix})}
    return [path for site in sites for name in OUTSIDE if os.path.isdir(path := f"{site}/{name}")]


def _opened(readable: Iterable[str]) -> list[str]:
    """What Landlock opens; where a folder holds what is hidden, its other members one by one."""
    paths = [*_present(SYSTEM), *_present(["/etc/ld.so.cache", "/dev/urandom", "/dev/zero"])]
    for path in _interpreter(readable):
        hidden = [name for name in OUTSIDE if os.path.isdir(os.path.join(path, name))]
        members = (entry.path for entry in os.scandir(path) if entry.name not in hidden)
        paths += members if hidden else [path]
    return paths


def _present(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if os.path.lexists(path)]
