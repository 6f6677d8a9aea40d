# tries: to run before everybody else: real-time scheduling, a better priority, other processors
# fails: all of these need a privilege that it does not have
# goal: clock
# stopped from: T1
# undefended: leak: a priority that was given
import os


def attack(*arguments, **keywords):
    gained, before = [], os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, before - 5)
        gained.append("@mark@ got out: a better priority")
        os.setpriority(os.PRIO_PROCESS, 0, before)
    except OSError:
        pass
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        gained.append("@mark@ got out: real time")
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        pass
    raise RuntimeError(f"gained {gained}")
