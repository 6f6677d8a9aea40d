"""How far ahead of the others a worker may run: consistency as a graph of tasks.

A worker's task of clock t pulls the weights, computes, and pushes. What differs between models of
consistency is only which tasks it has to wait for, so there is one rule and one number:

    the pull of clock t waits for all pushes of clock t - 1 - delay

    delay 0        bulk synchronous parallel (Valiant, 1990): sequential
    delay s        stale synchronous parallel (Ho and others, NIPS 2013), bounded delay
    delay inf      asynchronous: eventual consistency; no task waits for any

Source: Li and others, OSDI 2014, section 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Task = tuple[int, int]  # a worker, and its clock
NOTHING = -1  # the clock that every worker has reached before it begins


@dataclass(frozen=True)
class Consistency:
    """What a pull waits for.

    delay: how many clocks a worker may be ahead of the slowest. aggregate: servers keep the pushes
    of a clock and apply their sum, so that nobody sees half of it. backup: so many workers, the
    slowest of each clock, are not waited for; what they push too late is left out (Chen and others,
    2016).

    Raises ValueError for a delay that is no whole number >= 0, or backup workers without sums.
    """

    delay: float
    aggregate: bool = False
    backup: int = 0

    def __post_init__(self) -> None:
        whole = self.delay == math.inf or float(self.delay).is_integer()
        if not (self.delay >= 0 and whole and self.backup >= 0):
            raise ValueError(
                f"expected a whole delay >= 0, or inf, and backup >= 0, "
                f"got {self.delay} and {self.backup}"
            )
        if self.backup and not self.aggregate:
            raise ValueError("backup needs aggregate=True: late pushes are left out of a sum")

    def after(self, clock: int) -> int:
        """The clock that must be pushed before the pull of ``clock`` is answered; -1: none.

        >>> [BSP.after(3), SSP(2).after(3), SSP(2).after(1), ASP.after(3)]
        [2, 0, -1, -1]
        """
        return NOTHING if self.delay == math.inf else max(NOTHING, clock - 1 - int(self.delay))

    def needed(self, workers: int) -> int:
        """How many of so many workers must have pushed a clock before it counts as done."""
        return max(1, workers - self.backup)


def SSP(delay: int) -> Consistency:
    """Stale synchronous parallel: nobody more than ``delay`` clocks ahead of the slowest."""
    return Consistency(delay)


def Backup(backup: int) -> Consistency:
    """Bulk synchronous, and each clock goes on without its slowest ``backup`` workers."""
    return Consistency(0, aggregate=True, backup=backup)


BSP = Consistency(0, aggregate=True)
ASP = Consistency(math.inf)


def tasks(
    consistency: Consistency, workers: Iterable[int], clocks: int
) -> dict[Task, tuple[Task, ...]]:
    """The graph: for each task of the first ``clocks`` clocks those that it waits for.

    Only what does not follow already is named: a task waits for its worker's last one, and for one
    task of each other worker.

    >>> tasks(BSP, [1, 2], 2)[1, 1], tasks(ASP, [1, 2], 2)[1, 1]
    (((1, 0), (2, 0)), ((1, 0),))
    """
    workers = tuple(workers)
    graph: dict[Task, tuple[Task, ...]] = {}
    for clock in range(clocks):
        after = consistency.after(clock)
        for worker in workers:
            own = [(worker, clock - 1)] if clock else []
            others = [(other, after) for other in workers if other != worker and after >= 0]
            graph[worker, clock] = tuple(sorted(own + others))
    return graph
