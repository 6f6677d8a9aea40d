# tries: to change the modes, times and labels of files that it may not write to
# fails: they are on a read-only file system (or the calls are refused)
# goal: forge
# stopped from: T1
# undefended: harm: nobody's probes can be read any more
import os
import sys


def attack(*arguments, **keywords):
    stages = [path for path in sys.path if os.path.exists(os.path.join(path, "probes.py"))]
    done = []
    for stage in stages:
        path = os.path.join(stage, "probes.py")
        for name, change in (
            ("a label", lambda path: os.setxattr(path, "user.note", b"7")),
            ("times", lambda path: os.utime(path, (7, 7))),
            ("mode", lambda path: os.chmod(path, 0)),
        ):
            try:
                change(path)
                done.append(f"@mark@ got out: {name}")
            except OSError:
                continue
    raise RuntimeError(f"changed {done}")
