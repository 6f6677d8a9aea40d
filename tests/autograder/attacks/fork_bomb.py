# tries: to fill the table of processes: 300 forks, each of which waits
# fails: a user has a limited number of processes, and each child a user of its own
# goal: exhaust
# stopped from: T1
# undefended: untried: a machine on which nothing can be started
import ctypes
import os
import time

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    started = 0
    try:
        for _ in range(300):
            if not os.fork():
                time.sleep(1.5)
                os._exit(0)
            started += 1
    except OSError as error:
        raise RuntimeError(f"{started} forks, then {error}") from None
    raise RuntimeError(f"@mark@ got out: {started} forks")
