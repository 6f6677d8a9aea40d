# tries: to kill every process that it can: whoever is graded beside it, and the grader
# fails: it can see its own processes only, and -1 means those
# goal: outlive
# stopped from: T2
# undefended: untried: the end of every process of this user
import ctypes
import os
import signal

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    if not os.fork():
        os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.kill(-1, signal.SIGKILL)
    return 0
