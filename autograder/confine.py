"""The walls that a process raises round itself before it runs a student's file.

    namespaces    a file system in memory, no other process, no network but an own loopback
    landlock      where there are no namespaces: the kernel opens only the files that are listed
    capabilities  none, and none to be gained (no_new_privs)
    seccomp       the filter that `seccomp.program` wrote
    limits        memory, processor time, processes, size of files

Nothing can take a wall down again: the kernel gives no way. Linux alone has all of this; elsewhere
only the limits hold. Runs in the sandbox, so it uses the standard library only.

The namespaces are built in two steps. The zygote enters a user namespace of its own, in which it
may make others (`enter`); each child is forked into a fresh process namespace (`fork_apart`) and
makes the rest (`raise_walls`). Source: namespaces(7), user_namespaces(7), landlock(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys

TYPE_CHECKING = False  # see wire
if TYPE_CHECKING:
    from typing import Any

BOX = "/box"  # the child's folder in namespaces of its own
HIDDEN = ("/proc", "/dev/pts")  # of the zygote's world
NAME = 1000  # what the private user is called inside
NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
DEATH_SIGNAL, DUMPABLE, SET_SECCOMP, CAPABILITY_DROP, NO_NEW_PRIVILEGES = 1, 4, 22, 24, 38  # prctl
FILTER = 2  # the mode of SET_SECCOMP
NO_SETUID, NO_DEVICES, BIND = 2, 4, 4096  # for mount
CAPABILITY_VERSION = 0x20080522
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x41  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
READ, WRITE = 0b1101, 0b1111_1111_1111_1111  # execute, read a file, list a folder; all of ABI 1-5
FILES_ONLY = 0b1100_0000_0000_0111  # those rights that a file, not a folder, can have
ALL_OF_ABI = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
OLD_SCOPES = 3  # ABI 6: no signal and no abstract socket leaves


def _kernel(call: str, *arguments: Any) -> int:
    """Call a function of the C library; a failure is an `OSError`."""
    result = int(getattr(_LIBRARY, call)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


_LIBRARY = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """On Linux, ask the kernel to kill this process when the one that started it is gone."""
    if _LIBRARY:
        _kernel("prctl", DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def become(user: int | None) -> None:
    """Give up root for ``user``, for good."""
    if user is not None and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        _kernel("prctl", DUMPABLE, 1, 0, 0, 0)  # its entries in /proc are its own again


def enter(user: int | None) -> int:
    """Go on as the first process of new namespaces; returns a descriptor of itself.

    The calling process stays behind, waits, and ends as this one ends.
    """
    become(user)
    user, group = os.getuid(), os.getgid()
    _kernel("unshare", NEW_USER | NEW_MOUNTS | NEW_PIDS)
    names = {"setgroups": "deny", "uid_map": f"{NAME} {user} 1", "gid_map": f"{NAME} {group} 1"}
    for file, text in names.items():
        with open(f"/proc/self/{file}", "w") as opened:
            opened.write(text)
    if first := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF)
    return os.pidfd_open(os.getpid())


def fork_apart(own: int) -> int:
    """`os.fork`, but the child is the first process of a namespace of its own."""
    _kernel("unshare", NEW_PIDS)
    child = os.fork()
    if child:
        _kernel("setns", own, NEW_PIDS)  # for the next one
    return child


def raise_walls(walls: dict[str, Any], limits: dict[str, int]) -> None:
    """All walls that ``walls`` asks for; raises `OSError` rather than leave one out.

    walls: {"namespaces": bool, "folders": where the box shows too; "readable": paths that
    Landlock opens, or None; "user": who to be, or None; "filter": of system calls}
    """
    if walls["namespaces"]:
        _own_namespaces(walls["folders"], limits["disk"])
    else:
        become(walls["user"])
    set_limits(limits, private=walls["namespaces"] or walls["user"] is not None)
    _kernel("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _drop_capabilities()
    if walls["readable"] is not None:
        _landlock(walls["readable"], os.getcwd())
    _load_filter(walls["filter"])


def _own_namespaces(folders: list[str], disk: int) -> None:
    import fcntl  # which Windows lacks

    _kernel("unshare", NEW_MOUNTS | NEW_NETWORK | NEW_IPC | NEW_NAMES)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14x", b"lo", UP_AND_RUNNING))
    for folder, size in ((BOX, disk), *((hidden, 4096) for hidden in HIDDEN)):
        options = f"size={size},nr_inodes={max(size // 4096, 2)},mode=1777".encode()
        _kernel("mount", b"tmpfs", folder.encode(), b"tmpfs", NO_SETUID | NO_DEVICES, options)
    for folder in folders:  # the same files everywhere, so that one size holds for all
        _kernel("mount", BOX.encode(), folder.encode(), None, BIND, None)
    # From here its processes are counted alone, and it has no power over the namespaces above.
    _kernel("unshare", NEW_USER)
    os.chdir(BOX)


def _drop_capabilities() -> None:
    with contextlib.suppress(OSError):  # the first that this kernel does not have
        for number in range(64):
            _kernel("prctl", CAPABILITY_DROP, number, 0, 0, 0)
    head = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    _kernel("capset", head, bytes(24))


def _load_filter(program: bytes) -> None:
    kept = ctypes.create_string_buffer(program)
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    _kernel("prctl", SET_SECCOMP, FILTER, head, 0, 0)


def landlock_version() -> int:
    """Of the kernel's Landlock; 0 when there is none."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        return _kernel("syscall", LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    return 0


def _landlock(readable: list[str], box: str) -> None:
    """Open to this process only ``readable``, and to be written ``box``."""
    version = landlock_version()
    if not version:
        raise OSError("this kernel has no Landlock")
    rights = ALL_OF_ABI[min(version, 5)]
    network, scopes = (3 if version >= 4 else 0), (OLD_SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24  # of the struct, which has grown
    head = struct.pack("=QQQ", rights, network, scopes)[:size]
    ruleset = _kernel("syscall", LANDLOCK_CREATE, head, ctypes.c_size_t(len(head)), 0)
    wanted = [*((path, READ) for path in readable), (box, WRITE), ("/dev/null", WRITE)]
    for path, allowed in wanted:
        allowed &= rights & (~0 if os.path.isdir(path) else FILES_ONLY)
        descriptor = os.open(path, os.O_PATH)
        rule = struct.pack("=Qi", allowed, descriptor)
        _kernel("syscall", LANDLOCK_ADD, ruleset, 1, rule, 0)
        os.close(descriptor)
    _kernel("syscall", LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def set_limits(limits: dict[str, int], private: bool = False) -> None:
    """Lower this process's limits for good; a platform without them (Windows) goes without.

    private: the user is, so that a limit on his processes counts no others.
    """
    try:
        import resource
    except ImportError:
        return
    names = {"memory": "RLIMIT_AS", "cpu": "RLIMIT_CPU", "file": "RLIMIT_FSIZE"}
    names |= {"processes": "RLIMIT_NPROC"} if private else {}
    wanted = {name: limits[key] for key, name in names.items() if key in limits}
    for name, value in {**wanted, "RLIMIT_CORE": 0}.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))
