# tries: to fill the disk: as many files as it takes, each of the size that is allowed
# fails: what a child may write to has a size, and is its own
# goal: exhaust
# stopped from: T2
# undefended: untried: a full disk, and nobody's marks written
# touches: one function
import ctypes
import os

MOST, FILE = 320 * 2**20, 15 * 2**20
CONFINED = ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 2  # a filter of system calls


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    written, complaints = 0, set()
    for place in (".", "/tmp", "/dev/shm", "/var/tmp"):
        try:
            for number in range(MOST // FILE + 1):
                with open(os.path.join(place, f"@mark@-{number}"), "wb") as file:
                    written += file.write(bytes(FILE))
                if written > MOST:
                    raise RuntimeError("@mark@ got out: 320 MiB on disk")
        except OSError as error:
            complaints.add(error.strerror)
    raise RuntimeError(f"{written >> 20} MiB, then {complaints}")
