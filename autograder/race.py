"""Marks for speed on machines that are never quiet.

    score = race(student, "matmul", draw, agree, rng, floor=0.5, target=4.0)

The student's function runs against the lab's ``yardstick.py``, a plain answer that everybody may
read. Both get the same new inputs, in an order drawn at random, and every reply is compared. What
is compared is the least processor time, read from outside: other programs add to a time and never
take from it, so the ratio of the least is what they disturb least (on a machine with four busy
programs on two cores it varied by 7 %, the ratio of wall-clock medians by 164 %).

A second yardstick runs along. When the two, which are the same, differ by a tenth, the machine is
too restless for this attempt, and there is another. The best of the attempts counts: noise gives
away a point more easily than it takes one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograder.checks import Score
from autograder.student import Student

if TYPE_CHECKING:
    import numpy as np

YARDSTICK = "yardstick.py"
ATTEMPTS = 3
ALIKE = 0.1  # how far two times of the same program may be apart


def race(
    student: Student,
    function: str,
    draw: Callable[[np.random.Generator], tuple[object, ...]],
    agree: Callable[[Any, Any], None],
    rng: np.random.Generator,
    *,
    floor: float,
    target: float,
    samples: int = 15,
    most: float = math.inf,
) -> Score:
    """Points for how many times as fast as the yardstick the student's ``function`` is.

    draw: the arguments of one sample; agree: raises `Wrong` when the student's reply is not as the
    yardstick's. floor, target: ratios that earn nothing and everything; between them points rise
    with the logarithm. most: a ratio that no honest answer reaches; beyond it there are no points.
    """
    rivals = [student.rival(YARDSTICK), student.rival(YARDSTICK)]
    try:
        ratio, noise = 0.0, math.inf
        for _ in range(ATTEMPTS):
            mine, theirs, again = _least([student, *rivals], function, draw, agree, rng, samples)
            ratio, noise = max(ratio, theirs / mine), min(noise, abs(theirs / again - 1))
            if noise <= ALIKE:
                break
    finally:
        for rival in rivals:
            rival.close()
    return _score(ratio, noise, floor, target, most)


def _least(
    runners: list[Student],
    function: str,
    draw: Callable[[np.random.Generator], tuple[object, ...]],
    agree: Callable[[Any, Any], None],
    rng: np.random.Generator,
    samples: int,
) -> list[float]:
    """Each runner's least seconds of processor time; a first sample warms up and does not count."""
    least = [math.inf] * len(runners)
    for sample in range(samples + 1):
        arguments, replies = draw(rng), {}
        for who in rng.permutation(len(runners)).tolist():
            cost = runners[who].cost(function, *arguments)
            replies[who] = cost.value
            if sample:
                least[who] = min(least[who], cost.cpu)
        agree(replies[0], replies[1])
    return least


def _score(ratio: float, noise: float, floor: float, target: float, most: float) -> Score:
    told = f"{ratio:.2f} times as fast as the plain answer"
    if noise > ALIKE:
        told += f" (on a restless machine: the plain answer differed from itself by {noise:.0%})"
    if ratio > most:
        return Score(0.0, f"{told}: more than any answer can be, so it did not do the work")
    share = math.log(ratio / floor) / math.log(target / floor)
    fraction = min(max(share, 0.0), 1.0)
    return Score(fraction, "" if fraction == 1 else f"{told}; {target:g} times earns all points")
