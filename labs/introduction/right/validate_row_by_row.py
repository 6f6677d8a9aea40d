# keeps: all
# how: plain loops and Counter, problems found row by row; the gate without the given function.

import math
from collections import Counter


def validate(orders: Orders) -> list[Problem]:
    found: Counter[tuple[Fault, str]] = Counter()
    for column, (low, high) in SCHEMA.items():
        values = list(getattr(orders, column).tolist())
        if len(values) != len(orders):
            found[Fault.LENGTH, column] = max(len(values), len(orders)) - min(
                len(values), len(orders)
            )
            continue
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                found[Fault.TYPE, column] += 1
            elif math.isnan(value):
                found[Fault.MISSING, column] += 1
            elif not low <= value <= high:
                found[Fault.RANGE, column] += 1
    return [Problem(fault, column, rows) for (fault, column), rows in found.items()]


def gate(candidate: Model, incumbent: Model, holdout: Orders) -> Decision:
    if len(holdout) == 0:
        raise ValueError("no orders to judge by")
    errors = [np.abs(m.predict(holdout) - holdout.minutes).mean() for m in (candidate, incumbent)]
    return Decision(bool(errors[0] < errors[1]), errors[0], errors[1])
