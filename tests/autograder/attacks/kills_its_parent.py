# tries: to kill the process above it, and the group that it is in
# fails: signals do not reach the first process of a namespace (or another user's)
# goal: outlive
# stopped from: T1
# undefended: untried: the end of everybody's grading
import ctypes
import os
import signal

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL):
        try:
            os.kill(os.getppid() or 1, number)
        except OSError:
            continue
    return 0
