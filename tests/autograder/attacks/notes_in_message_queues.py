# tries: to leave a note in a POSIX message queue
# fails: each child has an IPC namespace of its own (or the calls are refused)
# goal: steal
# stopped from: T1
# undefended: leak: from one run to the next
# runs: twice
import ctypes
import os


def attack(*arguments, **keywords):
    c, found = ctypes.CDLL(None, use_errno=True), []
    if c.mq_open(b"/@mark@", os.O_RDWR) >= 0:
        found.append("@mark@ got out: a note in a message queue")
    c.mq_open(b"/@mark@", os.O_RDWR | os.O_CREAT, 0o600, None)
    raise RuntimeError(f"found {found}")
