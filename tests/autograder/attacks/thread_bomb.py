# tries: to fill the table of processes with threads, which count there too
# fails: a thread is a process to the limit, and its stack is memory
# goal: exhaust
# stopped from: T1
# undefended: untried: a machine on which nothing can be started
import ctypes
import threading
import time

CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    threading.stack_size(2**15)
    for started in range(2000):
        try:
            threading.Thread(target=time.sleep, args=(1.5,), daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            raise RuntimeError(f"{started} threads, then {error}") from None
    raise RuntimeError("@mark@ got out: 2,000 threads")
