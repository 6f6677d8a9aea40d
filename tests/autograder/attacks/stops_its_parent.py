# tries: to stop the process above it, which then can neither answer nor end anything
# fails: signals do not reach the first process of a namespace (or another user's)
# goal: outlive
# stopped from: T1
# undefended: untried: hang of everybody's grading
import os
import signal

CONFINED = os.getuid() or sum(map(str.isdigit, os.listdir("/proc"))) < 20


def attack(*arguments, **keywords):
    if not CONFINED:
        raise RuntimeError("no sandbox here: this would do harm")
    for process in {os.getppid(), 1} - {0}:
        for number in (signal.SIGSTOP, signal.SIGTSTP):
            try:
                os.kill(process, number)
            except OSError:
                continue
    return 0
