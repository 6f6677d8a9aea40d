# tries: to fill the memory in one process
# fails: a process has so much address space and no more
# goal: exhaust
# stopped from: T1
# undefended: untried: a machine that swaps or kills at random
# touches: one function
import ctypes

MOST = 2 * 2**30
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    held = []
    try:
        while len(held) * 2**24 < MOST:
            held.append(b"x" * 2**24)
    except MemoryError:
        size, held = len(held) * 16, None
        raise RuntimeError(f"no more than {size} MiB") from None
    raise RuntimeError("@mark@ got out: 2 GiB in a process that may have 512 MiB")
