"""The same policies on a real clock: an event loop in place of the simulator.

All that arrives in one turn of the loop is looked at together, at its end: so whatever waits when a
device becomes idle goes as one batch without a timer, and a lone request goes at once. A policy
that wants to wait sets one timer. Every request is answered once: with a result, or with an error.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from mlsys.serving.batching.admission import Admission, Unlimited
from mlsys.serving.batching.policy import Decision, Policy, Request, checked

Item = TypeVar("Item")
Result = TypeVar("Result")
Run = Callable[[Sequence[Item]], Awaitable[Sequence[Result | BaseException]]]


class Refused(Exception):
    """Not let in; ``retry_after``: seconds after which it may be better."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"overloaded: try again in {retry_after:.3g} s")
        self.retry_after = retry_after


class Dropped(Exception):
    """It could not be answered by its deadline."""


class Closed(Exception):
    """No more requests are taken."""


class Batcher(Generic[Item, Result]):
    """Hands items to ``run`` in batches; ``run`` returns a result or an exception for each.

    devices: how many batches may be under way. Use it inside a running event loop.
    """

    def __init__(
        self,
        policy: Policy,
        run: Run[Item, Result],
        *,
        devices: int = 1,
        admission: Admission | None = None,
    ) -> None:
        if devices < 1:
            raise ValueError(f"devices: expected at least 1, got {devices}")
        self.policy, self.run, self.idle = policy, run, devices
        self.admission = admission or Unlimited()
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, Request] = {}
        self._open: dict[int, tuple[Item, asyncio.Future[Result]]] = {}  # waiting or under way
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrivals = 0
        self._looking = self._closed = False
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many wait for a device."""
        return len(self._waiting)

    async def submit(self, item: Item, *, seconds: float = math.inf, kind: str = "") -> Result:
        """The result for an item, wanted within so many seconds.

        Raises `Refused`, `Dropped` or `Closed`, or what ``run`` has for it. Whoever stops waiting
        (a cancelled task) gives up its place, if its batch has not begun.
        """
        if self._closed:
            raise Closed("the batcher is closed")
        now = self._loop.time()
        request = Request(self._arrivals, now, now + seconds, kind)
        retry_after = self.admission.admit(now, len(self._waiting), request)
        if retry_after > 0:
            raise Refused(retry_after)
        self._arrivals += 1
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting[request.number] = request
        self._open[request.number] = item, future
        self._look_soon()
        try:
            return await future
        finally:
            self._waiting.pop(request.number, None)
            self._open.pop(request.number, None)

    async def drain(self) -> None:
        """Take no more, and return when all that wait have been answered."""
        self._closed = True
        while self._open or self._tasks:
            futures: list[asyncio.Future[Any]] = [*self._tasks]
            futures += [future for _, future in self._open.values()]
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # their waiters go first

    def _look_soon(self) -> None:
        """At the end of this turn of the loop, once."""
        if not self._looking and self.idle:
            self._looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Ask the policy until all devices are busy, or it wants to wait."""
        self._looking = False
        if self._alarm is not None:
            self._alarm.cancel()
        while self.idle and self._waiting:
            now = self._loop.time()
            try:
                line = list(self._waiting.values())
                decision = checked(self.policy.decide(now, line), now, self._waiting)
            except Exception as error:  # of the policy: nobody shall wait for ever
                self._answer_all(error)
                return
            if not self._follow(decision):
                return

    def _follow(self, decision: Decision) -> bool:
        """Whether there may be more to decide."""
        for request in decision.drop:
            del self._waiting[request.number]
            self._fail(request, Dropped("too late to be answered by its deadline"))
        if decision.batch:
            self._begin(decision.batch)
        elif not decision.drop:
            if decision.wake < math.inf:
                self._alarm = self._loop.call_at(decision.wake, self._look)
            return False
        return True

    def _answer_all(self, error: Exception) -> None:
        for request in [*self._waiting.values()]:
            del self._waiting[request.number]
            self._fail(request, error)

    def _begin(self, batch: tuple[Request, ...]) -> None:
        self.idle -= 1
        for request in batch:
            del self._waiting[request.number]
        items = [self._open[request.number][0] for request in batch]
        task = self._loop.create_task(self._serve(batch, items))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, batch: tuple[Request, ...], items: list[Item]) -> None:
        begun = self._loop.time()
        results: Sequence[Result | BaseException]
        try:
            results = await self.run(items)
            if len(results) != len(items):
                raise RuntimeError(f"{len(items)} items went in, {len(results)} results came out")
        except Exception as error:
            results = [error] * len(batch)
        finally:
            self.idle += 1
        now = self._loop.time()
        try:
            self.policy.done(now, batch, now - begun)
            self.admission.done(now, len(batch), now - begun)
            self._look()  # at once: the device shall not be idle while answers are written
        finally:
            self._answer(batch, results)

    def _answer(self, batch: Sequence[Request], results: Sequence[Result | BaseException]) -> None:
        for request, result in zip(batch, results, strict=True):
            if isinstance(result, BaseException):
                self._fail(request, result)
            else:
                self._succeed(request, result)

    def _succeed(self, request: Request, result: Result) -> None:
        _, future = self._open.get(request.number, (None, None))
        if future is not None and not future.done():
            future.set_result(result)

    def _fail(self, request: Request, error: BaseException) -> None:
        _, future = self._open.get(request.number, (None, None))
        if future is not None and not future.done():
            future.set_exception(error)
