# tries: to leave a note for a later run in shared memory
# fails: each child has a /dev/shm of its own, or none
# goal: steal
# stopped from: T1
# undefended: leak: from one run to the next
# runs: twice
import os


def attack(*arguments, **keywords):
    found, path = [], "/dev/shm/@mark@"
    if os.path.exists(path):
        found.append("@mark@ got out: a note in /dev/shm")
    try:
        with open(path, "w") as file:
            file.write("the third check asks for 7")
    except OSError as error:
        found.append(str(error).replace("@mark@", ""))
    raise RuntimeError(f"found {found}")
