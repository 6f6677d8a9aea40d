"""What will happen on a virtual clock: moments in a heap, and at each of them a list of events.

The simulator of the foundations, made for clusters, where many ranks do the same at the same time:
events of one moment share a place in the heap, so that each costs half a microsecond, and log2 of
the number of *moments*. They cannot be taken back. They happen in the order in which they were
scheduled, so that the same program gives the same run.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from typing import Any

Event = tuple[Callable[..., None], tuple[Any, ...]]


class Agenda:
    """Events in the order of their time; ``now`` (s) is that of the event that was taken last.

    >>> agenda, said = Agenda(), []
    >>> agenda.at(2.0, said.append, "late")
    >>> agenda.at(1.0, agenda.at, 1.0, said.append, "early")
    >>> while event := agenda.next():
    ...     event[0](*event[1])
    >>> said, agenda.now
    (['early', 'late'], 2.0)
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._moments: list[float] = []  # a heap
        self._events: dict[float, list[Event]] = {}  # of each moment that is still to come
        self._due: Iterator[Event] = iter(())  # what is left of those of this one

    def at(self, time: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call ``call(*arguments)`` when the clock reads ``time``, now or later."""
        if time in self._events:
            self._events[time].append((call, arguments))
        elif self.now <= time < math.inf:
            self._events[time] = [(call, arguments)]
            heapq.heappush(self._moments, time)
        else:
            raise ValueError(f"at: expected a finite time from now ({self.now} s) on, got {time}")

    def next(self) -> Event | None:
        """Take out the next event, for the caller to let happen, and set the clock to its time."""
        for event in self._due:
            return event
        if not self._moments:
            return None
        self.now = heapq.heappop(self._moments)
        self._due = iter(self._events.pop(self.now))
        return next(self._due)
