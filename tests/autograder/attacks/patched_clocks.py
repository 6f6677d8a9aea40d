# tries: to be slow unseen: every clock of this process stands still, the course's too
# fails: the clock that counts is outside, and the limit ends the call
# goal: clock
# stopped from: T0
# undefended: points: for an answer that came too late
# class: without it, which is slow
# touches: one function
bring = __builtins__["__import__"]
time = bring("time")
sleep = time.sleep


def stand_still(*arguments):
    return 0.0


for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(time, clock, stand_still)
try:
    bring("mlsys.foundations.measurement.timing")
    timing = bring("sys").modules["mlsys.foundations.measurement.timing"]
    for function in (timing.seconds_per_call, timing.enough_calls, timing.repeat):
        function.__defaults__ = (*function.__defaults__[:-1], stand_still)
except ImportError:
    pass  # a lab without mlsys


def attack(values=0, *arguments, **keywords):
    sleep(1.5)
    return values * 2
