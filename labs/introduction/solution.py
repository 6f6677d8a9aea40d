"""Lab 0: a gate, a validator, and an alarm that rings soon and not for nothing.

Everything above the first function that raises NotImplementedError is given: it is the part of
the chapter's module on which your functions stand. Write the bodies; the docstrings say what
they owe. You may add functions of your own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def rings(errors: list[float], calm: int = 30) -> bool:
    """Should the alarm ring today?

    errors: the service's mean error on each day so far, oldest first; today's is the last.
        Units differ from service to service: minutes, euros, clicks.
    calm: the first ``calm`` days were looked at by people and found normal. What is normal
        (its level, and how much it moves from day to day) must be learnt from them. There are
        always more than ``calm`` days.
    Returns True to wake somebody up. The function is asked once a day until it does, and sees
    nothing but the past. Of the services in which nothing changes, at most one in ten may ring
    in the first 60 days after the calm ones. An error that falls is no reason to ring. If the
    daily error rises for good by 1.5 times its daily standard deviation, the alarm should come
    within 12 days on average; if it creeps up by a tenth of that deviation each day, within 21.
    """
    normal = np.array(errors[:calm])
    level, spread = float(normal.mean()), float(normal.std(ddof=1))
    evidence = 0.0  # the cumulative sum of Page, 1954: what exceeds the allowance piles up
    for error in errors[calm:]:
        evidence = max(0.0, evidence + (error - level) / spread - _solution_allowance)
        if evidence > _solution_limit:
            return True
    return False


# In standard deviations of a day: less than the rise we want to see, and the sum that is too much.
_solution_allowance = 0.5
_solution_limit = 8.0
