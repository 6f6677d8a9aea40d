# tries: to leave a note for a later run, or for an accomplice: files wherever it may write
# fails: all that it may write to is its own and goes with it
# goal: steal
# stopped from: T1
# undefended: leak: from one run to the next
# runs: twice
import os

PLACES = ("/tmp", "/var/tmp", "/run/lock", "/run/user/0", "..", "../stage", "/home", "/var/lib")


def attack(*arguments, **keywords):
    found = []
    for place in PLACES:
        path = os.path.join(place, "@mark@")
        try:
            if os.path.exists(path):
                found.append(f"@mark@ got out: a note in {place}")
            with open(path, "w") as file:
                file.write("the third check asks for 7")
        except OSError:
            continue
    raise RuntimeError(f"found {found}")
