"""Hardware efficiency: how many cache lines each update takes away from another core.

A core that writes must own the line, 64 bytes, 8 weights. If another core wrote it last it has to
come from there, at tens of nanoseconds in place of one. That is dear where a lone worker would
have the line at hand, in a cache that remembers the last so many steps; a line that it would have
to fetch anyhow costs little more. Counted here for workers that take turns. Two weights that never
meet in an example can lie in one line all the same (false sharing).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlsys.distributed.hogwild.interleaving import Array

LINE = 8  # float64 numbers in a cache line of 64 bytes


def transfers(
    keys: Sequence[Array], workers: int, *, remembered: float = math.inf, line: int = LINE
) -> float:
    """How many lines a step writes, on average, that another worker wrote in recent steps, last.

    Step k writes ``keys[k]`` and is of worker ``k % workers``. remembered: how many steps back is
    recent. line: weights in a cache line.

    >>> transfers([np.array([0]), np.array([1]), np.array([9])], workers=2)
    0.3333333333333333
    """
    last: dict[int, int] = {}
    moved = 0
    for step, touched in enumerate(keys):
        for written in set((touched // line).tolist()):
            before = last.get(written, step)
            moved += (step - before) % workers != 0 and step - before <= remembered
            last[written] = step
    return moved / len(keys)


def transfers_of_rows(
    keys: Array, workers: int, *, remembered: float = math.inf, line: int = LINE
) -> float:
    """The same for rows of equal length, (steps, nonzeros), in one sort.

    Sorted by line and then by step, the steps that write a line stand one after the other.
    """
    lines = keys // line
    steps = np.broadcast_to(np.arange(len(keys))[:, None], lines.shape)
    by_line = np.lexsort((steps.ravel(), lines.ravel()))
    same_line = np.diff(lines.ravel()[by_line]) == 0
    since = np.diff(steps.ravel()[by_line])
    moved = same_line & (since % workers != 0) & (since <= remembered)
    return float(np.count_nonzero(moved) / len(keys))
