# tries: to live on as a daemon: two forks, a session of its own, deaf to signals
# fails: all processes of a namespace end with its first one (or none can leave the group)
# goal: outlive
# stopped from: T1
# undefended: survivor
import contextlib
import ctypes
import os
import signal
import time

SET_NAME = 15


def attack(*arguments, **keywords):
    if not os.fork():
        with contextlib.suppress(OSError):
            os.setsid()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if os.fork():
            os._exit(0)
        ctypes.CDLL(None).prctl(SET_NAME, b"@mark@", 0, 0, 0)
        os.closerange(0, 1024)
        time.sleep(20.0)
        os._exit(0)
    time.sleep(0.05)
    return 0
