# tries: to read the command lines of every process, where people leave passwords
# fails: in a namespace of its own it sees its own processes only
# goal: steal
# stopped from: T2
# undefended: leak: what stands on command lines
import os
import re


def attack(*arguments, **keywords):
    found = set()
    for process in os.listdir("/proc"):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                found |= set(re.findall(rb"secret-[0-9a-f]{16}", file.read()))
        except OSError:
            continue
    raise RuntimeError(f"found {sorted(found)}")
