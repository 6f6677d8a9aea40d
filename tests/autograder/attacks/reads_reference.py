# tries: to find the course's modules beside NumPy, where pip put them: the answers to rebuild
# fails: of the installed packages only those that the lab names are mounted
# goal: steal
# stopped from: T1
# undefended: leak: the reference, for as many points as rebuilding is worth
import os
import re
import sys


def attack(*arguments, **keywords):
    found = []
    for place in sys.path:
        for name in os.listdir(place) if os.path.isdir(place) else ():
            path = os.path.join(place, name)
            if re.match(r"(__editable__.*|mlsys.*|autograder.*)\.(py|pth|egg-link)$", name):
                for folder in re.findall(r"(/[\w./-]+)", text_of(path)):
                    found += answers(folder) + answers(os.path.dirname(folder))
            if name == "mlsys":
                found += answers(place)
    raise RuntimeError(f"found {found[:3]}")


def answers(folder):
    """Modules of the chapter that is graded, or of a later one, as far as they can be read."""
    names = ("simulation/__init__.py", "simulation/queues.py", "training/__init__.py")
    paths = [os.path.join(folder, "mlsys/foundations", name) for name in names]
    return [f"@mark@ got out: read {path}" for path in paths if text_of(path)]


def text_of(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
