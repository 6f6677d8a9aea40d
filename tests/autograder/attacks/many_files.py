# tries: to use up the file system's inodes, and the patience of whoever removes its files
# fails: the files go with the file system they are on, in one step
# goal: exhaust
# stopped from: T2
# undefended: untried: a disk on which no file can be made
# touches: one function
import ctypes
import os
import time

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    made, until = 0, time.monotonic() + 0.8
    try:
        while made < 100_000 and time.monotonic() < until:
            os.mkdir(str(made))
            os.symlink("x", f"{made}/x")
            made += 2
    except OSError as error:
        raise RuntimeError(f"{made} files, then {error.strerror}") from None
    raise RuntimeError(f"{made} files")
