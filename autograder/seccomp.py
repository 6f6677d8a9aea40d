"""A packet filter for system calls: what no student's program needs is refused by the kernel.

    nr is ptrace, mount, bpf, ...        -> EPERM
    clone with a flag for a namespace    -> EPERM; clone3, whose flags no filter sees -> ENOSYS
    socket of a family not listed        -> EPERM
    ioctl that types into a terminal     -> EPERM
    prlimit of another process           -> EPERM
    netlink for more than interfaces     -> EPERM
    a call newer than this list          -> ENOSYS, as on an older kernel
    anything else                        -> allowed

The list is of doors that have led out of sandboxes, not of all that is unneeded: a student may
use threads, files and sockets, within the walls of the other layers (`confine`). The program is
classic BPF, as seccomp(2) explains it.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Sequence

# Each call's number on x86_64 and aarch64; -1: there is none.
NUMBERS = {
    # other processes
    "ptrace": (101, 117), "process_madvise": (440, 440), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442),
    # wide doors into the kernel
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262), "quotactl": (179, 60), "personality": (135, 92),
    # memory that no process is charged with
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    # the machine itself
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "acct": (163, 89),
    "syslog": (103, 116), "iopl": (172, -1), "ioperm": (173, -1), "modify_ldt": (154, -1),
    "vhangup": (153, 58), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42),
}  # fmt: skip
# Without namespaces these reach what others use: sockets, sessions, queues, and, where it is the
# grader's own user, his files' permissions and his processes' limits, which Landlock leaves open. A
# process that cannot leave its group is ended with it.
SHARED = {
    "socket": (41, 198), "setsid": (112, 157), "setpgid": (109, 154),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, -1), "lchown": (94, -1), "fchown": (93, 55), "fchownat": (260, 54),
    "utime": (132, -1), "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "inotify_init": (253, -1), "inotify_init1": (294, 26),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
}  # fmt: skip
PROCESSES = {"fork": (57, -1), "vfork": (58, -1)}
CLONE, CLONE3, SOCKET, IOCTL, PRLIMIT = (56, 220), (435, 435), (41, 198), (16, 29), (302, 261)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
NEWER = 463  # Linux 6.10 ended with mseal, 462; since 424 numbers are the same everywhere
X32 = 0x40000000  # numbers from here on are another door to the same calls on x86_64
NEW_NAMESPACES, THREAD = 0x7E020000, 0x00010000  # the CLONE_NEW... flags, CLONE_THREAD
FAMILIES, NETLINK = (1, 2, 10), 16  # AF_UNIX, AF_INET, AF_INET6; AF_NETLINK lists interfaces
TYPING_IOCTLS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD = (
    0,
    4,
    16,
    24,
    32,
)  # offsets: struct seccomp_data, low halves
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000

Line = tuple[int, int, int, int]  # operation, lines to skip if true, if false, operand


def program(shared: bool, lone: bool = False, machine: str | None = None) -> bytes:
    """The filter as an array of ``struct sock_filter``.

    shared: the process will share network and IPC with others, so refuse `SHARED` too.
    lone: it may start threads but no process, since nothing else would count them.
    machine: as `platform.machine` names it. Raises `OSError` for one that has no table here.
    """
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise OSError(f"no filter of system calls for {machine}")
    column, token = ARCHITECTURES[machine]
    lines: list[Line] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, token),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, X32),
        _refuse(),
        (_AT_LEAST, 0, 1, NEWER),
        _refuse(errno.ENOSYS),
    ]
    refused = {**NUMBERS, **(SHARED if shared else {}), **(PROCESSES if lone else {})}
    for numbers in refused.values():
        if numbers[column] >= 0:
            lines += [(_EQUAL, 0, 1, numbers[column]), _refuse()]
    lines += [(_EQUAL, 0, 1, CLONE3[column]), _refuse(errno.ENOSYS)]
    flags = [(_ANY_BIT, 0, 1, NEW_NAMESPACES), _refuse()]
    flags += [(_ANY_BIT, 1, 0, THREAD), _refuse()] if lone else []
    lines += _argument(CLONE[column], _FIRST, flags)
    known = [(_EQUAL, len(FAMILIES) + 3 - i, 0, family) for i, family in enumerate(FAMILIES)]
    plain = [(_EQUAL, 0, 2, NETLINK), (_LOAD, 0, 0, _THIRD), (_EQUAL, 1, 0, 0)]
    lines += _argument(SOCKET[column], _FIRST, [*known, *plain, _refuse()])
    typing = [line for code in TYPING_IOCTLS for line in ((_EQUAL, 0, 1, code), _refuse())]
    lines += _argument(IOCTL[column], _SECOND, typing)
    lines += _argument(PRLIMIT[column], _FIRST, [(_EQUAL, 1, 0, 0), _refuse()])  # its own only
    lines += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _refuse(error: int = errno.EPERM) -> Line:
    return (_RETURN, 0, 0, _REFUSE | error)


def _argument(number: int, offset: int, lines: Sequence[Line]) -> list[Line]:
    """``lines``, on an argument of the call ``number``; skipped for other calls."""
    inside = [(_LOAD, 0, 0, offset), *lines, (_LOAD, 0, 0, _NUMBER)]
    return [(_EQUAL, 0, len(inside), number), *inside]
