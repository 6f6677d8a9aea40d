# tries: to take the processor away from those who are graded at the same time: 24 busy processes
# fails: a child's processes share what one child may have, and end with it
# goal: exhaust
# stopped from: T2
# undefended: untried: time-outs of others
# touches: one function
import ctypes
import os
import time

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    until = time.monotonic() + 0.8
    try:
        for _ in range(24):
            if not os.fork():
                os.setsid()
                while time.monotonic() < until + 0.5:
                    pass
                os._exit(0)
    except OSError:
        pass
    while time.monotonic() < until:
        pass
    return 0
