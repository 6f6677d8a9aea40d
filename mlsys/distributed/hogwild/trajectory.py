"""The loss along a run that reads late: `interleaved` for long runs.

`interleaved` keeps every vector that ever was. No step reads further back than the longest delay,
so a ring of that many vectors is enough. How a change is added can be given, which is where low
precision comes in. A step costs a copy of all weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mlsys.distributed.hogwild.interleaving import Array
from mlsys.distributed.hogwild.problems import LeastSquares

Add = Callable[[Array, Array, Array], None]  # weights, keys, change


def plain_add(weights: Array, keys: Array, change: Array) -> None:
    """Add ``change`` to the weights at ``keys``, in place."""
    weights[keys] += change


def in_turn(steps: int, workers: int) -> Array:
    """The delays when ``workers`` take turns: each has missed what all the others wrote."""
    return np.full(steps, workers - 1)


def run(
    problem: LeastSquares,
    order: Sequence[int] | Array,
    delays: Sequence[int] | Array,
    rate: float,
    *,
    add: Add = plain_add,
    overwrite: bool = False,
    every: int = 1,
) -> tuple[Array, Array]:
    """From zeros, one step for each example in ``order``; (weights, losses).

    delays: as for `interleaved`. losses: (1 + steps // every,), the first before any step. A run
    that diverges gives inf from there on.
    """
    longest = int(max(delays, default=0))
    ring = np.zeros((longest + 1, problem.size))
    losses = [problem.loss(ring[0])]
    for k, (row, delay) in enumerate(zip(order, delays, strict=True)):
        keys, values, target = problem[row]
        read = ring[max(0, k - delay) % len(ring)]
        change = -rate * (values @ read[keys] - target) * values
        now = (read if overwrite else ring[k % len(ring)]).copy()
        add(now, keys, change)
        ring[(k + 1) % len(ring)] = now
        if (k + 1) % every == 0:
            losses.append(problem.loss(now) if abs(now[keys]).max() < 1e50 else np.inf)
            if not np.isfinite(losses[-1]):
                break
    missing = 1 + len(order) // every - len(losses)
    return ring[len(order) % len(ring)], np.array(losses + [np.inf] * missing)


def updates_to(losses: Array, target: float, every: int = 1) -> float:
    """Statistical efficiency: how many updates until the loss stays at most ``target``; else inf.

    >>> updates_to(np.array([4.0, 1.0, 3.0, 1.0, 0.5]), target=2.0, every=10)
    30
    """
    above = np.flatnonzero(~(losses <= target))
    first = int(above[-1]) + 1 if len(above) else 0
    return first * every if first < len(losses) else np.inf
