"""Schedules: the step size as a function of the step, and of nothing else.

A schedule is a plain function, so it has no state to save, a run that resumes at step 700 asks for
step 700, and two schedules are joined by calling one from the other:

    warm_up(100, cosine(0.1, 900))          /‾‾\\__
                                           /      ‾‾\\___

Source: Goyal et al., 2017 (warm-up); Loshchilov & Hutter, ICLR 2017 (cosine); Vaswani et al., 2017
(inverse square root).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

Schedule: TypeAlias = Callable[[int], float]  # from the step, 0 for the first, to the step size


def constant(lr: float) -> Schedule:
    """lr at every step."""
    return lambda step: lr


def warm_up(steps: int, then: Schedule) -> Schedule:
    """Rise in a straight line to the start of then, which takes over after so many steps.

    The first step is not lost on a size of zero: it already has 1 / steps of the whole.

    >>> [warm_up(4, constant(1.0))(step) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    return lambda step: then(0) * (step + 1) / steps if step < steps else then(step - steps)


def cosine(lr: float, steps: int, floor: float = 0.0) -> Schedule:
    """Half a wave from lr down to floor in so many steps, and floor from then on.

    >>> [round(cosine(1.0, 4)(step), 2) for step in range(6)]
    [1.0, 0.85, 0.5, 0.15, 0.0, 0.0]
    """
    return lambda step: (
        floor + (lr - floor) * (1 + math.cos(math.pi * min(step, steps) / steps)) / 2
    )


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """lr, times factor after each so many steps.

    >>> [step_decay(1.0, 2, 0.5)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return lambda step: lr * factor ** (step // every)


def inverse_square_root(lr: float, steps: int) -> Schedule:
    """lr / sqrt(1 + step / steps): behind a warm-up of as many steps, the transformer's schedule.

    >>> [inverse_square_root(1.0, 100)(step) for step in (0, 300, 1500)]
    [1.0, 0.5, 0.25]
    """
    return lambda step: lr / math.sqrt(1 + step / steps)
