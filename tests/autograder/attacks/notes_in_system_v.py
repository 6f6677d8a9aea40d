# tries: to leave a note in System V shared memory, queues and semaphores, which outlive processes
# fails: each child has an IPC namespace of its own (or the calls are refused)
# goal: steal
# stopped from: T1
# undefended: leak: from one run to the next
# runs: twice
import ctypes

KEY, CREATE = int("@mark@"[-7:], 16) if "@mark@"[-7:].isalnum() else 0x6D6C7379, 0o1600


def attack(*arguments, **keywords):
    c, found = ctypes.CDLL(None, use_errno=True), []
    calls = {
        "shared memory": lambda flags: c.shmget(KEY, 4096, flags),
        "a queue": lambda flags: c.msgget(KEY, flags),
        "a semaphore": lambda flags: c.semget(KEY, 1, flags),
    }
    for name, call in calls.items():
        if call(0) >= 0:
            found.append(f"@mark@ got out: a note in {name}")
        call(CREATE)
    raise RuntimeError(f"found {found}")
