"""asyncio on a virtual clock: coroutines as they run in a server, and seconds that cost nothing.

An event loop runs what is ready, and then sleeps until the next timer, or until a socket has
something. This one has no sockets; where it would sleep, its clock jumps. So code that was written
for a real loop can be tested for hours of its time, with the same outcome on every machine. Whoever
plays the world for it may hold the clock back, and say what happens before the next timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
World = Callable[[float | None], float]


class NothingHappens(RuntimeError):
    """Every task waits, no timer is set, and nobody outside will ever say anything."""


def jump(wake: float | None) -> float:
    """A world in which nothing happens but timers."""
    if wake is None:
        raise NothingHappens("every task waits for another, and no timer is set")
    return wake


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that begins at 0 s.

    world: asked what time it is when nothing is ready and the next timer is due at ``wake`` (None:
    there is none). It may hand things to the loop with ``call_soon``; what it returns is at most
    ``wake``.
    """

    def __init__(self, world: World = jump) -> None:
        super().__init__()
        self.world, self._now = world, 0.0
        self._selector = self  # of which only ``select`` is ever called

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Where a loop would sleep for so many seconds; None: until something happens."""
        if timeout is None or timeout > 0:
            wake = self._scheduled[0].when() if self._scheduled else None  # type: ignore[attr-defined]
            now = self.world(wake)
            if not (self._now <= now and (wake is None or now <= wake)):
                raise ValueError(f"it is {self._now} s, and the world says {now}; timer: {wake}")
            self._now = now
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none: the world calls ``call_soon``."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is woken."""


def run_virtual(main: Coroutine[Any, Any, T], world: World = jump) -> T:
    """``asyncio.run`` on a clock of its own. Raises `NothingHappens` where a real one would hang.

    Where a loop runs already, as in a notebook, it is run on a thread beside it.

    >>> async def two_hours():
    ...     await asyncio.sleep(7200)
    ...     return asyncio.get_running_loop().time()
    >>> run_virtual(two_hours())
    7200.0
    """

    def run() -> T:
        with asyncio.Runner(loop_factory=lambda: VirtualLoop(world)) as runner:
            return runner.run(main)

    if not _inside_a_loop():
        return run()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
