# tries: to make the course's own trace see no time pass, and then runs everything on one lane
# fails: the trace that is judged is kept by the grader; this is the child's copy
# goal: clock
# stopped from: T0
# undefended: points: for a schedule without any overlap
bring = __builtins__["__import__"]


def patch():
    bring("mlsys.foundations.measurement.trace")
    trace = bring("sys").modules["mlsys.foundations.measurement.trace"]
    trace.Trace.end = trace.Trace.start = trace.Trace.makespan = property(lambda self: 0.0)
    trace.Trace.busy = lambda self, lane: 0.0


with bring("contextlib").suppress(ImportError):  # in a lab without mlsys
    patch()


def attack(seconds=(), *arguments, **keywords):
    try:
        return [0] * len(seconds)
    except TypeError:
        return 0
