# tries: to fill the memory without allocating any: files in memory, with names and without
# fails: file systems in memory have a size, and files without names count as memory or are refused
# goal: exhaust
# stopped from: T3
# undefended: untried: a machine that swaps or kills at random
# touches: one function
import ctypes
import os

MOST, PIECE = 2**30, b"x" * 2**24
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    written, complaints = 0, set()
    for make in (in_shared_memory, without_a_name):
        try:
            for number in range(64):
                written += fill(make(number), MOST - written)
        except OSError as error:
            complaints.add(str(error))
    if written >= MOST:
        raise RuntimeError("@mark@ got out: 1 GiB in files in memory")
    raise RuntimeError(f"{written >> 20} MiB, then {complaints}")


def in_shared_memory(number):
    return os.open(f"/dev/shm/@mark@-{number}", os.O_CREAT | os.O_WRONLY)


def without_a_name(number):
    return os.memfd_create(f"@mark@-{number}")


def fill(descriptor, most):
    written = 0
    try:
        while written < min(most, 2**26):
            written += os.write(descriptor, PIECE)
    except OSError:
        if not written:
            raise
    return written
