# tries: to keep the grader reading: a process that escaped holds the pipes open, and says nothing
# fails: whoever holds a pipe ends with the namespace; and the grader waits for no pipe for ever
# goal: outlive
# stopped from: T1
# undefended: survivor
import contextlib
import ctypes
import os
import time

SET_NAME = 15


def attack(*arguments, **keywords):
    if not os.fork():
        with contextlib.suppress(OSError):
            os.setsid()
        ctypes.CDLL(None).prctl(SET_NAME, b"@mark@", 0, 0, 0)
        time.sleep(20.0)
    time.sleep(0.02)
    os._exit(0)
