"""How much could have been answered in time, had one known the trace: the best pair of sizes.

A policy with one size for each model is easy to write and hard to set. Here it is set by a
search on the very trace that it is then judged by, which no policy that must decide as it goes can
do. It is not the best policy there is, and one that adapts can be better.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from .traces import LOOSE, TIGHT, Trace

SIZES = (2, 3, 5, 8, 12, 18, 27, 50)


def best_in_hindsight(trace: Trace) -> tuple[int, dict[str, int]]:
    """Answers in time with the best pair of sizes, and these.

    The search improves one size at a time, until neither can be improved.
    """
    found: dict[tuple[int, int], int] = {}
    pair, gain = {TIGHT: 12, LOOSE: 8}, -1
    while gain < (gain := _improve(trace, pair, found)):
        pass
    return gain, pair


def _improve(trace: Trace, pair: dict[str, int], found: dict[tuple[int, int], int]) -> int:
    """Set each size to the best of all, given the other; answers in time with the two."""
    for kind in (LOOSE, TIGHT):
        tried = {}
        for size in SIZES:
            key = (size, pair[LOOSE]) if kind == TIGHT else (pair[TIGHT], size)
            if key not in found:
                found[key] = in_time(trace, {TIGHT: key[0], LOOSE: key[1]})
            tried[size] = found[key]
        pair[kind] = max(tried, key=lambda size: tried[size])
    return tried[pair[kind]]


def in_time(trace: Trace, sizes: dict[str, int]) -> int:
    """How many a policy of two sizes answers in time, on the trace.

    Who cannot be in time in the batch that it would go with is given up; then the model goes
    first whose batch must begin first.
    """
    kinds = np.array(trace.kinds)
    come = {kind: trace.arrivals[kinds == kind].tolist() for kind in trace.models}
    head, now, good = dict.fromkeys(come, 0), 0.0, 0
    while True:
        first, chosen = np.inf, None
        for kind, times in come.items():
            fixed, each, objective = trace.models[kind]
            here, most = bisect_right(times, now), sizes[kind]
            while head[kind] < here:
                size = min(most, here - head[kind])
                start = times[head[kind]] + objective - (fixed + each * size)
                if start >= now:
                    if start < first:
                        first, chosen = start, (kind, size, fixed + each * size)
                    break
                head[kind] += 1
        if chosen is None:
            coming = [times[head[kind]] for kind, times in come.items() if head[kind] < len(times)]
            if not coming:
                return good
            now = min(coming)
            continue
        kind, size, seconds = chosen
        head[kind] += size
        good += size  # nobody in a batch has less time than its first
        now += seconds
