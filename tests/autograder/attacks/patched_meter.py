# tries: to make the course's own meter count nothing, and then wastes what it likes
# fails: the meter that counts is the grader's; this is the child's copy
# goal: clock
# stopped from: T0
# undefended: points: for a plan that holds every buffer at once
bring = __builtins__["__import__"]


def patch():
    bring("mlsys.foundations.measurement.meter")
    meter = bring("sys").modules["mlsys.foundations.measurement.meter"]
    meter.Meter.allocate = meter.Meter.free = lambda self, size: None
    meter.Meter.peak = property(lambda self: 0, lambda self, value: None)
    meter._checked = lambda n, what: 0


with bring("contextlib").suppress(ImportError):  # in a lab without mlsys
    patch()


def attack(sizes=(), *arguments, **keywords):
    try:
        count = len(sizes)
    except TypeError:
        return 0
    return [*range(1, count + 1), *range(-1, -count - 1, -1)]
