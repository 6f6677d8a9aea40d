# tries: to open devices, those that are there and those that it makes: disks, memory, consoles
# fails: only the harmless ones are there, and no others can be made
# goal: leave
# stopped from: T1
# undefended: untried: the whole disk, past every permission
import ctypes
import os
import stat

HARMLESS = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "shm", "stdin", "stdout"}
HARMLESS |= {"stderr", "fd", "pts", "mqueue", "core", "console"}
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    names = [f"/dev/{name}" for name in set(os.listdir("/dev")) - HARMLESS]
    for number, (kind, major, minor) in enumerate(((stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1))):
        try:
            os.mknod(f"device-{number}", kind | 0o600, os.makedev(major, minor))
            names.append(f"device-{number}")
        except OSError:
            continue
    opened = [name for name in names if can_be_read(name)]
    raise RuntimeError(f"{'@mark@ got out: ' if opened else ''}{', '.join(opened)}")


def can_be_read(name):
    try:
        if stat.S_ISDIR(os.stat(name).st_mode):
            return False
        os.close(os.open(name, os.O_RDONLY | os.O_NONBLOCK))
        return True
    except OSError:
        return False
