"""A shard and its workers under a schedule: stragglers, losses, duplicates, and a server's death.

Network, clocks, gradients and weights are on this side; what is due, and who may be answered, the
student's functions say, and books are kept beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np

from autograder import Wrong, typed

Array = np.ndarray[Any, Any]
AGAIN = 5.0  # seconds after which what was not answered is sent again


@dataclass(frozen=True)
class Plan:
    """clocks: iterations of each worker. delay: the s of SSP(s); 0 is BSP, and then pushes are
    summed. deaths: when the server dies and its copy takes over."""

    workers: int
    clocks: int
    delay: int
    needed: int
    loss: float = 0.15
    twice: float = 0.25
    deaths: tuple[float, ...] = ()
    size: int = 8

    def __str__(self) -> str:
        name = f"SSP({self.delay})" if self.delay else "BSP"
        died = f", the server dies at {list(self.deaths)} s" if self.deaths else ""
        enough = f", {self.needed} are enough" if self.needed < self.workers else ""
        return f"{name} with {self.workers} workers{enough}{died}"


@dataclass
class Books:
    """What has been applied, as it should be."""

    plan: Plan
    applied: list[int] = field(default_factory=list)
    early: list[dict[int, list[int]]] = field(default_factory=list)
    table: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.applied = [0] * self.plan.workers
        self.early = [{} for _ in range(self.plan.workers)]
        self.table = np.full((self.plan.size, self.plan.workers), -1)

    def push(self, worker: int, number: int, item: list[int]) -> None:
        self.early[worker][number] = item
        while (following := self.applied[worker] + 1) in self.early[worker]:
            begin, end, clock = self.early[worker].pop(following)
            self.applied[worker] = following
            self.table[begin:end, worker] = clock

    def reached(self, after: int) -> int:
        """How many workers have reached this clock for all keys."""
        return int((self.table.min(axis=0) >= after).sum())

    def copy(self) -> Books:
        return Books.of(self.plan, self.applied, self.table)

    @classmethod
    def of(cls, plan: Plan, applied: list[int], table: Array) -> Books:
        books = cls(plan)
        books.applied, books.table = list(applied), table.copy()
        return books


class Service:
    """One run of a plan. judge: whether each answer to a pull is compared with the books."""

    def __init__(self, student: Any, plan: Plan, rng: np.random.Generator, judge: bool) -> None:
        self.plan, self.judge, self._rng = plan, judge, rng
        self.now, self._events, self._ties = 0.0, list[Any](), count()
        self._replica = student.converse("replica", plan.workers, plan.size)
        self._replica.go_on()
        self.hessian = rng.uniform(0.2, 0.9, (plan.workers, plan.size))
        self.best = rng.standard_normal((plan.workers, plan.size))
        self.pace = rng.permutation([4.0] + [1.0] * (plan.workers - 1))
        self.cuts = rng.integers(1, plan.size, plan.clocks).tolist()
        self.books, self.parts = Books(plan), dict[tuple[int, int], list[Any]]()
        self.weights = np.zeros(plan.size)
        self.kept = self.books.copy(), self.weights.copy(), dict(self.parts)
        self.asked: dict[int, int] = {}  # ticket -> the clock that it waits for
        self.clock = [0] * plan.workers
        self.gradients: dict[tuple[int, int], Array] = {}
        self.acknowledged: set[tuple[int, int]] = set()
        self.arrivals = 0

    def run(self) -> Service:
        """Until all workers have pushed everything and know it."""
        for worker in range(self.plan.workers):
            self._pull(worker, 0)
        for time in self.plan.deaths:
            self._after(time, self._die)
        pushes = 2 * self.plan.workers * self.plan.clocks
        while len(self.acknowledged) < pushes:
            self.now, _, event = heappop(self._events)
            if self.now > 60 * self.plan.clocks:
                raise Wrong(
                    f"{self.plan}: after {self.now:.0f} s the workers are at the clocks "
                    f"{self.clock} of {self.plan.clocks}, and go no further; their pushes have "
                    f"reached {self.books.table.min(axis=0).tolist()}"
                )
            event()
        return self

    def serial(self) -> Array:
        """The weights after as many steps with the sum of all gradients."""
        weights = np.zeros(self.plan.size)
        for _ in range(self.plan.clocks):
            steps = [self._step(worker, weights) for worker in range(self.plan.workers)]
            weights = weights + _sum(steps)
        return weights

    def _step(self, worker: int, weights: Array) -> Array:
        step = self.hessian[worker] * (weights - self.best[worker])
        return -0.3 * step / self.plan.workers

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heappush(self._events, (self.now + seconds, next(self._ties), event))

    def _send(self, event: Callable[[], None]) -> None:
        """Over the network: not at all, once or twice, in any order."""
        copies = 0 if self._rng.random() < self.plan.loss else 1
        for _ in range(copies + int(copies and self._rng.random() < self.plan.twice)):
            self._after(self._rng.exponential(0.3), event)

    def _pull(self, worker: int, clock: int) -> None:
        """Ask, and ask again, until the worker has gone on."""
        if self.clock[worker] != clock or (worker, clock) in self.gradients:
            return
        ticket, after = worker * self.plan.clocks + clock, clock - 1 - self.plan.delay

        def ask() -> None:
            self.asked[ticket] = after
            self._tell("pull", ticket, 0, self.plan.size, after, self.plan.needed)

        self._send(ask)
        self._after(AGAIN, partial(self._pull, worker, clock))

    def _answer(self, ticket: int) -> None:
        worker, clock = divmod(ticket, self.plan.clocks)
        weights = self.weights.copy()

        def compute() -> None:
            if self.clock[worker] == clock and (worker, clock) not in self.gradients:
                self.gradients[worker, clock] = self._step(worker, weights)
                seconds = self.pace[worker] * self._rng.uniform(0.8, 1.2)
                self._after(seconds, partial(self._computed, worker, clock))

        self._send(compute)

    def _computed(self, worker: int, clock: int) -> None:
        cut = self.cuts[clock]
        self._push(worker, 2 * clock + 1, [0, cut, clock])
        self._push(worker, 2 * clock + 2, [cut, self.plan.size, clock])
        if clock + 1 < self.plan.clocks:
            self.clock[worker] = clock + 1
            self._pull(worker, clock + 1)

    def _push(self, worker: int, number: int, item: list[int]) -> None:
        """Send, and send again, until it is acknowledged."""
        if (worker, number) in self.acknowledged:
            return

        def arrive() -> None:
            self.books.push(worker, number, item)
            self.arrivals += 1
            self._tell("push", worker, number, item, self.arrivals % 3 == 0)

        self._send(arrive)
        self._after(AGAIN, partial(self._push, worker, number, item))

    def _tell(self, what: str, *rest: Any) -> None:
        """To the student's replica; then do what it says is due, and may be answered."""
        ended, reply = self._replica.go_on([what, *rest])
        if ended or type(reply) is not list or len(reply) != 2:
            raise Wrong("expected what is due and which pulls may be answered")
        for item in typed(reply[0], list[list[int]], "what in_order says is due"):
            self._apply(rest[0], item)
        self._answers(typed(reply[1], list[int], "the pulls that are answered"))
        if what == "push" and rest[-1]:
            self._keep()
        elif what == "push" and self.kept[0].applied[rest[0]] >= rest[1]:
            self._acknowledge()  # it comes again, and its acknowledgement was lost

    def _answers(self, tickets: list[int]) -> None:
        plan, asked = self.plan, self.asked
        if not set(tickets) <= set(asked):
            raise Wrong(f"{plan}: pulls were answered that nobody waits for")
        for ticket, after in list(asked.items()):
            enough = after < 0 or self.books.reached(after) >= plan.needed
            if self.judge and enough != (ticket in tickets):
                raise Wrong(self._why(ticket, after, ticket in tickets))
            if ticket in tickets:
                del asked[ticket]
                self._answer(ticket)

    def _why(self, ticket: int, after: int, answered: bool) -> str:
        worker, clock = divmod(ticket, self.plan.clocks)
        return (
            f"{self.plan}, {self.now:.1f} s: worker {worker} asks for clock {clock}, for which "
            f"{self.plan.needed} must have reached {after}; the workers have reached "
            f"{self.books.table.min(axis=0).tolist()}, and the pull "
            f"{'was answered' if answered else 'was left waiting'}"
        )

    def _apply(self, worker: int, item: list[int]) -> None:
        """A push is due: sum those of a clock in the order of the workers, once all are there."""
        if len(item) != 3 or not 0 <= item[2] < self.plan.clocks:
            raise Wrong(f"in_order gave back {item}, which nobody has pushed")
        begin, end, clock = item
        gradient = self.gradients.get((worker, clock))
        if gradient is None or not 0 <= begin < end <= self.plan.size:
            raise Wrong(f"in_order gave back {item}, which worker {worker} has not pushed")
        part = [*self.parts.get((clock, begin), []), (worker, gradient)]
        self.parts[clock, begin] = part
        if len(part) == self.plan.workers:
            total = _sum([step for _, step in sorted(part, key=lambda pair: pair[0])])
            self.weights[begin:end] += total[begin:end]

    def _keep(self) -> None:
        """The copy now has everything that was applied, and so the senders may be told."""
        self.kept = self.books.copy(), self.weights.copy(), dict(self.parts)
        self._acknowledge()

    def _acknowledge(self) -> None:
        for worker, applied in enumerate(self.kept[0].applied):
            news = {(worker, number) for number in range(1, applied + 1)} - self.acknowledged
            if news:
                self._send(partial(self.acknowledged.update, news))

    def _die(self) -> None:
        """The copy takes over; questions, and what was not copied, are forgotten."""
        books, weights, parts = self.kept
        self.books, self.weights, self.parts = books.copy(), weights.copy(), dict(parts)
        self.asked = {}
        self._replica.go_on(["die"])


def _sum(steps: list[Array]) -> Array:
    total = np.zeros_like(steps[0])
    for step in steps:
        total = total + step
    return total
