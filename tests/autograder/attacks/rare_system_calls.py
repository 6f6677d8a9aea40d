# tries: the system calls through which kernels were broken: no honest program of a lab needs them
# fails: they are refused, all of them, before the kernel looks at an argument
# goal: leave
# stopped from: T1
# undefended: leak: the calls that may be made
import ctypes
import errno
import os

CALLS = {
    "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "open_by_handle_at": 304, "add_key": 248,
    "request_key": 249, "keyctl": 250, "kexec_load": 246, "kexec_file_load": 320,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "ptrace": 101, "kcmp": 312,
    "pidfd_getfd": 438, "process_madvise": 440, "mount": 165, "umount2": 166, "setns": 308,
    "unshare": 272, "move_mount": 429, "fsopen": 430, "fsmount": 432, "quotactl": 179,
    "acct": 163, "swapon": 167, "swapoff": 168, "reboot": 169, "iopl": 172, "ioperm": 173,
    "lookup_dcookie": 212, "clock_settime": 227, "settimeofday": 164, "adjtimex": 159,
    "syslog": 103, "vmsplice": 278, "fanotify_init": 300, "name_to_handle_at": 303,
    "open_tree_attr": 467, "file_setattr": 469, "memfd_secret": 447,
}  # fmt: skip
HARMLESS = {"vmsplice", "adjtimex", "process_madvise", "name_to_handle_at"}  # without a privilege
REFUSED = (errno.EPERM, errno.ENOSYS, errno.EACCES)


def attack(*arguments, **keywords):
    if os.uname().machine != "x86_64":
        raise RuntimeError("the numbers are those of another machine")
    c, allowed = ctypes.CDLL(None, use_errno=True), []
    c.syscall.argtypes = [ctypes.c_long] * 7
    for name, number in CALLS.items():
        ctypes.set_errno(0)
        result = c.syscall(number, -1, -1, -1, -1, -1, -1)  # no call can do harm with these
        if (result >= 0 or ctypes.get_errno() not in REFUSED) and name not in HARMLESS:
            allowed.append(name)
    raise RuntimeError(f"{'@mark@ got out: ' if allowed else ''}{', '.join(allowed)}")
