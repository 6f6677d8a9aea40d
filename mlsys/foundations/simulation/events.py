"""A simulation is a list of what will happen, and a clock that jumps to the first of it.

Between two events nothing changes, so no time need pass there: simulated seconds cost nothing, only
events do. With n events waiting, a binary heap finds the next one in about log2(n) comparisons
(Williams, 1964). Events due at the same time run in the order in which they were scheduled, so that
the same program always gives the same run.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import Any

Action = Callable[..., object]


class Event:
    """Something that is to happen at ``time``; ``cancel`` takes it back."""

    __slots__ = ("_action", "_arguments", "_simulator", "time")

    def __init__(
        self, time: float, action: Action, arguments: tuple[Any, ...], simulator: Simulator
    ) -> None:
        self.time = time
        self._action: Action | None = action
        self._arguments = arguments
        self._simulator = simulator

    @property
    def pending(self) -> bool:
        """Whether it is still to come: neither run nor cancelled."""
        return self._action is not None

    def cancel(self) -> bool:
        """It will not happen. Returns whether it would have: False if it ran or was cancelled."""
        if self._action is None:
            return False
        self._clear()
        self._simulator._lose_one()
        return True

    def _clear(self) -> None:
        self._action, self._arguments = None, ()  # a handle that is kept holds nothing alive


class Simulator:
    """Events in the order of their time, and a clock that stands at the one that is running.

    Actions are called with their arguments and may schedule and cancel others, also for now. One
    that raises ends ``run``; the simulator stays usable, and the next ``run`` goes on after it.

    >>> simulator, said = Simulator(), []
    >>> event = simulator.after(2.0, said.append, "late")
    >>> bye = simulator.after(3.0, said.append, "never")
    >>> event = simulator.at(1.0, bye.cancel)
    >>> simulator.run()
    >>> said, simulator.now
    (['late'], 2.0)
    """

    def __init__(self) -> None:
        self.now = 0.0  # seconds
        self.ran = 0  # events that have happened
        self._queue: list[tuple[float, int, Event]] = []  # a heap; no two tickets are equal
        self._ticket = itertools.count()
        self._cancelled = 0  # of those in the queue

    def at(self, time: float, action: Action, *arguments: object) -> Event:
        """Call ``action(*arguments)`` when this clock reads ``time`` (s), now or later."""
        if not self.now <= time < math.inf:
            raise ValueError(
                f"at: expected a finite time from now ({self.now} s) on, got {time}; "
                f"for a delay that counts from now use after"
            )
        return self._schedule(float(time), action, arguments)  # NumPy's floats compare slowly

    def after(self, delay: float, action: Action, *arguments: object) -> Event:
        """Call ``action(*arguments)`` in ``delay`` seconds, 0 or more."""
        if not 0 <= delay < math.inf:
            raise ValueError(
                f"after: expected a finite delay >= 0 s, got {delay}; nothing can be scheduled "
                f"in the past, and what never happens is not scheduled"
            )
        return self._schedule(float(self.now + delay), action, arguments)

    def run(self, until: float | None = None) -> None:
        """Let everything happen that is due by ``until``, and set the clock to it.

        Without ``until``: until nothing is left to happen; now is the last event's time.
        """
        if until is not None and not self.now <= until < math.inf:
            raise ValueError(
                f"run: expected a finite time from now ({self.now} s) on, got until={until}"
            )
        horizon = math.inf if until is None else float(until)
        while (event := self._next(horizon)) is not None:
            self._run(event)
        self.now = self.now if until is None else horizon

    def step(self) -> bool:
        """Let the next event happen. Returns False, and does nothing, if there is none."""
        event = self._next(math.inf)
        if event is not None:
            self._run(event)
        return event is not None

    @property
    def pending(self) -> int:
        """How many events are still to come."""
        return len(self._queue) - self._cancelled

    def _schedule(self, time: float, action: Action, arguments: tuple[Any, ...]) -> Event:
        event = Event(time, action, arguments, self)
        heapq.heappush(self._queue, (time, next(self._ticket), event))
        return event

    def _run(self, event: Event) -> None:
        self.now = event.time
        self.ran += 1
        action, arguments = event._action, event._arguments
        event._clear()
        if action is not None:
            action(*arguments)

    def _next(self, horizon: float) -> Event | None:
        """Take the next event due by then out of the queue; cancelled ones are passed over."""
        queue = self._queue
        while queue and queue[0][0] <= horizon:
            event = heapq.heappop(queue)[2]
            if event._action is not None:
                return event
            self._cancelled -= 1
        return None

    def _lose_one(self) -> None:
        """Cancelled events stay in the heap until they are due or more than half of it.

        Then it is built anew without them: n steps after n / 2 cancellations.
        """
        self._cancelled += 1
        if self._cancelled > len(self._queue) / 2:
            self._queue = [entry for entry in self._queue if entry[2].pending]
            heapq.heapify(self._queue)
            self._cancelled = 0
