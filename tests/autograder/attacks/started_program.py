# tries: to start a program of its own that goes on when the check is over
# fails: all processes of a namespace end with its first one (or none can leave the group)
# goal: outlive
# stopped from: T1
# undefended: survivor
import subprocess
import sys


def attack(*arguments, **keywords):
    command = [sys.executable, "-S", "-c", "import time; time.sleep(20)", "@mark@"]
    subprocess.Popen(command, start_new_session=True)
    return 0
