"""Which weights a step reads, and what becomes of what it writes, one step at a time.

Processes that share weights without a lock interleave as they please. Here the same things happen
in an order that is given: a step reads what was there some steps ago, and adds its change to what
is there now, or overwrites it. A step costs its nonzeros, a run of them a copy of all weights for
each step (Recht, Re, Wright and Niu, Hogwild, NIPS 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Example = tuple[Array, Array, float]  # keys, values, target


def sparse_step(weights: Array, keys: Array, values: Array, target: float, rate: float) -> None:
    """One step of SGD on ``(values . weights[keys] - target)^2 / 2``, in place.

    weights: (size,) float64, shared with others; only those at ``keys`` are read and written, and
    each is read again just before it is written, so that what others have added since stays.
    keys: (n,) int64, increasing, n >= 0. values: (n,) float64.

    >>> weights = np.array([1.0, 2.0, 3.0])
    >>> sparse_step(weights, np.array([0, 2]), np.array([1.0, -1.0]), 0.0, 0.5)
    >>> weights
    array([2., 2., 2.])
    """
    error = values @ weights[keys] - target
    weights[keys] -= rate * error * values


def interleaved(
    weights: Array,
    examples: Sequence[Example],
    delays: Sequence[int],
    rate: float,
    overwrite: bool = False,
) -> Array:
    """The weights after one step for each example, read late.

    Step k is computed from the weights as they were after ``max(0, k - delays[k])`` steps; with
    delays of 0 this is serial SGD. It adds its change to the components of its example as they are
    now. With ``overwrite`` it writes its whole old vector, with the change, over what is there.
    weights: (size,) float64, not changed. Returns a new vector.
    """
    history = [weights.copy()]
    for k, ((keys, values, target), delay) in enumerate(zip(examples, delays, strict=True)):
        read = history[max(0, k - delay)]
        now = (read if overwrite else history[-1]).copy()
        now[keys] -= rate * (values @ read[keys] - target) * values
        history.append(now)
    return history[-1]


def conflicts(keys: Sequence[Array], size: int) -> tuple[int, float, float]:
    """Omega, delta and rho of some examples, of which each touches the components in its keys.

    omega: the most components that an example touches. delta: the largest share of the examples
    that touch one component. rho: the largest share that an example meets, itself included; two
    meet if they touch a component in common.

    >>> conflicts([np.array([0, 1]), np.array([1, 2]), np.array([3]), np.array([2])], 5)
    (2, 0.5, 0.75)
    """
    touching: list[list[int]] = [[] for _ in range(size)]
    for number, edge in enumerate(keys):
        for component in edge:
            touching[component].append(number)
    omega = max(len(edge) for edge in keys)
    most = max(len(numbers) for numbers in touching)
    meets = max(len({n for c in edge for n in touching[c]}) for edge in keys)
    return omega, most / len(keys), meets / len(keys)
