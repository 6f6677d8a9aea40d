# tries: to enter the namespaces of other processes
# fails: there are no others to be seen, and the call is refused
# goal: leave
# stopped from: T1
# undefended: leak: a namespace that was entered
import ctypes
import os

SETNS, PIDFD_OPEN = 308, 434


def attack(*arguments, **keywords):
    c, entered = ctypes.CDLL(None, use_errno=True), []
    for process in {1, os.getppid()} - {0, os.getpid()}:
        descriptor = c.syscall(PIDFD_OPEN, process, 0)
        if descriptor >= 0 and c.syscall(SETNS, descriptor, 0x20000000) == 0:
            entered.append(f"@mark@ got out: the processes of {process}")
        for kind in ("mnt", "net", "pid", "ipc", "user"):
            try:
                descriptor = os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY)
            except OSError:
                continue
            if c.syscall(SETNS, descriptor, 0) == 0:
                entered.append(f"@mark@ got out: {kind} of {process}")
    raise RuntimeError(f"entered {entered}")
