# tries: to fill the memory with many processes, each of which keeps to its limit
# fails: all processes of a child share one limit
# goal: exhaust
# stopped from: T3
# undefended: untried: a machine that swaps or kills at random
# touches: one function
import ctypes
import mmap
import os
import time

EACH, COUNT = 192 * 2**20, 8  # three times what one process may have
FILLED = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000  # MAP_POPULATE
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    ready, done = os.pipe()
    for _ in range(COUNT):
        if not os.fork():
            held = mmap.mmap(-1, EACH, flags=FILLED)
            os.write(done, bytes([1 + held[0]]))
            time.sleep(1.0)
            os._exit(0)
    os.set_blocking(ready, False)
    full, until = b"", time.monotonic() + 0.8
    while len(full) < COUNT and time.monotonic() < until:
        try:
            full += os.read(ready, COUNT)
        except BlockingIOError:
            time.sleep(0.01)
    if len(full) == COUNT:
        raise RuntimeError("@mark@ got out: 1.5 GiB in processes that may have 512 MiB")
    raise RuntimeError(f"{len(full)} of {COUNT} processes had their memory")
