# tries: to be gone whenever somebody looks: each process starts the next one and ends
# fails: a namespace ends as a whole, whoever is in it at the time
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
        until = time.monotonic() + 3.0
        ctypes.CDLL(None).prctl(SET_NAME, b"@mark@", 0, 0, 0)
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                os.setsid()
            time.sleep(0.02)
            if os.fork():
                os._exit(0)
        os._exit(0)
    time.sleep(0.1)
    return 0
