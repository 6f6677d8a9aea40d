"""The lab of the autodiff chapter: the walk, two derivatives, and Revolve.

Write the bodies of the functions that raise NotImplementedError; handout.md says what each is given
and what it owes. You may add functions of your own, and import what lab.toml allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Array = np.ndarray
Node = Rule = Any  # the handout lists what they have
Value = Any  # an array here; the reference also runs rules on nodes, to differentiate twice


def minimal_forward_steps(length: int, slots: int) -> int:
    """The fewest forward steps with which any plan can reverse a chain, by a closed form.

    length: steps of the chain, at least 1, up to 10**9; slots: states that fit, at least 1.
    Counts the steps of all "advance" actions, one each time a step is run; "backward" costs none.
    Work: for two slots or more, well under a million operations for the longest chains. For chains
    of up to 50 steps and 9 slots, a table or a recurrence that keeps its results is fast enough.

    >>> minimal_forward_steps(4, 2)
    4
    """
    total, left, times = 0, length, 0
    while left:
        count = min(left, math.comb(slots - 1 + times, times))  # steps that run so many times
        total += times * count
        left -= count
        times += 1
    return total


def slots_needed(length: int, budget: int) -> int | None:
    """The smallest number of slots with which ``budget`` forward steps are enough.

    length: at least 1, at most 60. Returns at least 1; None if no number of slots is enough.

    >>> slots_needed(4, 4)
    2
    """
    if budget < length - 1:
        return None
    return next(s for s in range(1, length + 1) if minimal_forward_steps(length, s) <= budget)


def revolve(length: int, slots: int) -> list[list[Any]]:
    """A plan that runs every step of the chain backward, last step first, with few forward steps.

    length, slots: at least 1. Returns a list of actions, of these five kinds only:

        ["advance", i, j]   run steps i, ..., j - 1: the state in hand was x_i, now it is x_j; i < j
        ["store", i]        copy x_i, which is in hand, into an empty slot
        ["restore", i]      take a copy of x_i, which is in a slot, in hand; the slot keeps its own
        ["free", i]         empty the slot that holds x_i
        ["backward", i]     run step i backward; x_i must be in hand, all later steps must be done

    At the start x_0 is in hand, and every slot is empty. The forward steps of a plan are the sum of
    j - i over its "advance" actions; full marks need ``minimal_forward_steps(length, slots)``.

    >>> revolve(1, 1)
    [['backward', 0]]
    """
    plan: list[list[Any]] = []
    _solution_reverse(plan, 0, length, slots)
    return plan


def _solution_reverse(plan: list[list[Any]], start: int, end: int, slots: int) -> None:
    """Add the actions that reverse steps start, ..., end - 1; x_start is in hand, not stored."""
    if end - start > 1:
        plan.append(["store", start])
        while end - start > 1:
            middle = start + _solution_split(end - start, slots)
            plan.append(["advance", start, middle])
            _solution_reverse(plan, middle, end, slots - 1)
            plan.append(["restore", start])
            end = middle
        plan.append(["free", start])
    plan.append(["backward", start])


def _solution_split(length: int, slots: int) -> int:
    """How far to advance before the next state is stored."""
    if slots == 1:  # nothing else can be stored: go straight to the last step
        return length - 1
    return min(
        range(1, length),
        key=lambda j: (
            j + minimal_forward_steps(length - j, slots - 1) + minimal_forward_steps(j, slots)
        ),
    )
