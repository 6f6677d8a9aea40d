"""A worker's side: pushes and pulls that go on while the worker computes.

Each is a `Task`, cut into one message for each shard it touches. A task may wait for others
(``after``), a pull also for the clocks of other workers, which the servers see to: consistency is
nothing but who waits for what. A machine like `Server`; only `wait` asks for the network's help.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from mlsys.distributed.cluster import ClusterError
from mlsys.distributed.parameter_server.consistency import NOTHING
from mlsys.distributed.parameter_server.exchange import Exchange
from mlsys.distributed.parameter_server.group import Group
from mlsys.distributed.parameter_server.messages import (
    Array,
    Join,
    Keys,
    Leave,
    Message,
    Outbox,
    Stop,
    Tick,
    View,
)
from mlsys.distributed.parameter_server.scheduler import first_view
from mlsys.distributed.parameter_server.tasks import (
    Dependencies,
    KeyList,
    KeyLists,
    Task,
    as_rows,
    cut,
)

SCHEDULER = 0


class ParameterServerError(ClusterError):
    """A push or a pull, or the whole job, cannot be done; the message says why."""


class Client:
    """Worker ``rank`` of a group in a cluster of ``size`` ranks.

    pump: deal with at least one message from the network. job, workers, index: the worker's job,
    the ranks that work on it, and the place of this one among them.
    """

    def __init__(
        self,
        rank: int,
        group: Group,
        size: int,
        pump: Callable[[], None],
        compute: Callable[[float], None] = lambda seconds: None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.rank, self.group, self.outbox = rank, group, Outbox()
        self.compute, self.now = compute, now  # of the communicator
        jobs = group.worker_ranks(size)
        self.job = next(job for job, ranks in jobs.items() if rank in ranks)
        self.workers = jobs[self.job]
        self.index = self.workers.index(rank)
        self.stopped, self.reason = False, ""
        self._pump, self._joining, self._leaving = pump, False, False
        self._lists = KeyLists(group)
        self._clocks = [0] * len(group.tables)
        self._tasks = Dependencies()
        self._exchange = Exchange(
            rank, self.index, group, first_view(group, size), self.outbox, self._tasks
        )
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            View: self._exchange.adopt,
            Tick: lambda message: self.tick(message.seconds),
            Stop: self._stop,
            **self._exchange.handlers,
        }

    @property
    def view(self) -> View:
        """Who serves what, as far as this worker knows."""
        return self._exchange.view

    # What a worker's program calls.

    def keys(self, table: str, keys: Keys, begin: int = 0, end: int | None = None) -> KeyList:
        """Keys to push and pull by, of those from begin to end: the servers are told them once."""
        return self._lists.listed(self.group.table_index(table), keys, begin, end, signed=True)

    def join(self) -> bool:
        """Come in late (`Group.late`): from now on the others wait for this worker too.

        It begins at the clock that the others have reached. False: they have all left by now.
        """
        self._joining = True
        self.outbox.send(SCHEDULER, Join(self.rank))
        while self.rank not in self.view.workers[self.job] and not self.stopped:
            self._pump()
        self._joining = False
        if not self.stopped:
            for index, spec in enumerate(self.group.tables):
                if spec.job == self.job:
                    self._catch_up(index)
        return not self.stopped

    def clock(self, table: str) -> int:
        """The iteration of this worker: how many clocks of the table it has pushed."""
        return self._clocks[self.group.table_index(table)]

    def push(
        self,
        table: str,
        keys: Keys | KeyList | None,
        values: Array,
        clock: int | None = None,
        begin: int = 0,
        end: int | None = None,
        after: Iterable[Task] = (),
    ) -> Task:
        """Push rows, and say that with them all is pushed of ``clock``, for begin to end.

        keys: sorted, each once; None for all from begin to end (the whole table by default).
        values: shape (n, width), or (n,) if the width is 1; they must stay as they are until the
        task is done. clock: the next one by default; -1 moves no clock.
        """
        listed = self._listed(table, keys, begin, end)
        spec = self.group.tables[listed.table]
        rows = as_rows(spec, values, listed.rows)
        if clock is None:
            clock = self._clocks[listed.table]
        if clock >= 0:
            self._clocks[listed.table] = clock + 1
        task, numbers = Task(self, None), self._exchange.number(listed.pieces)
        self._tasks.begin(
            task,
            after,
            lambda: self._start_push(task, listed, rows, clock, numbers),
            lambda: self._skip_push(listed, numbers),
        )
        return task

    def pull(
        self,
        table: str,
        keys: Keys | KeyList | None = None,
        out: Array | None = None,
        begin: int = 0,
        end: int | None = None,
        after: Iterable[Task] = (),
    ) -> Task:
        """Pull rows as they are once the table's consistency allows it at this worker's clock.

        keys, begin, end: as of `push`. out: an array of shape (n, width) to put them into; without
        it they stay where they came in, if they are of one shard, which spares a copy.
        """
        listed = self._listed(table, keys, begin, end)
        spec = self.group.tables[listed.table]
        shape, dtype = (listed.rows, spec.width), np.dtype(spec.dtype)
        if out is not None and (out.shape != shape or out.dtype != dtype):
            raise ValueError(
                f"table {table!r}: expected out of shape {shape} and type {dtype}, "
                f"got {out.shape} and {out.dtype}"
            )
        reach = spec.consistency.after(self._clocks[listed.table])
        task = Task(self, out)
        self._tasks.begin(task, after, lambda: self._start_pull(task, listed, reach))
        return task

    def push_pull(
        self, table: str, keys: Keys | KeyList | None, values: Array, clock: int | None = None
    ) -> Task:
        """Push, then pull the same rows; the task is the pull."""
        return self.pull(table, keys, after=[self.push(table, keys, values, clock)])

    def wait(self, *tasks: Task) -> None:
        """Return when all are done. Raises `ParameterServerError` if one cannot be."""
        for task in tasks:
            while not task.done:
                if self.stopped:
                    raise ParameterServerError(self.reason or "the scheduler has ended the job")
                self._pump()
            if task.error:
                task.told = True
                raise ParameterServerError(task.error)

    def finish(self) -> None:
        """Wait for everything, and take leave. Raises for what failed and nobody waited for."""
        while (self._exchange.busy or self._tasks.queued) and not self.stopped:
            self._pump()
        if not self.stopped:
            self._leaving = True
            self.outbox.send(SCHEDULER, Leave(self.rank))
            while not self.stopped:
                self._pump()
        for reason in self._tasks.untold():
            raise ParameterServerError(reason)
        if self.reason:
            raise ParameterServerError(self.reason)

    # What the network calls.

    def handle(self, source: int, message: Message) -> None:
        """Take an answer, or news of the scheduler; anything else is ignored."""
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(message)

    def died(self, ranks: Collection[int]) -> None:
        """These ranks have failed. Only the scheduler matters: of others it will tell."""
        if SCHEDULER in ranks:
            self._stop(Stop("rank 0, the scheduler, has died: nobody can say who does what"))

    def tick(self, seconds: float) -> None:
        """Time has passed: say again what has had no answer since the last tick."""
        self._exchange.tick()
        if self._leaving:
            self.outbox.send(SCHEDULER, Leave(self.rank))
        if self._joining:
            self.outbox.send(SCHEDULER, Join(self.rank))

    # Tasks.

    def _listed(
        self, table: str, keys: Keys | KeyList | None, begin: int, end: int | None
    ) -> KeyList:
        if self.rank not in self.view.workers[self.job]:
            raise ParameterServerError("this worker comes late (Group.late): call join() first")
        return self._lists.listed(self.group.table_index(table), keys, begin, end)

    def _start_push(
        self, task: Task, listed: KeyList, values: Array, clock: int, numbers: list[int]
    ) -> None:
        task.left = len(listed.pieces)
        for piece, number in zip(listed.pieces, numbers, strict=True):
            self._exchange.push(task, piece, number, clock, values[piece.rows])

    def _skip_push(self, listed: KeyList, numbers: list[int]) -> None:
        """Push nothing, so that no server waits for these numbers."""
        spec = self.group.tables[listed.table]
        task = Task(self, None)
        task.started, task.told, task.left = True, True, len(numbers)
        for piece, number in zip(listed.pieces, numbers, strict=True):
            empty = replace(piece, keys=np.zeros(0, np.int64), signature=0)
            values = np.zeros((0, spec.width), spec.dtype)
            self._exchange.push(task, empty, number, -1, values)

    def _catch_up(self, table: int) -> None:
        """Begin where the others are. Where that differs from shard to shard, begin at the last."""
        spec, nothing = self.group.tables[table], np.zeros(0, np.int64)
        no_rows = np.zeros((0, spec.width), spec.dtype)
        self.push(spec.name, nothing, no_rows, -1).wait()  # then all replicas know us
        pieces = [*cut(spec, table, nothing, 0, spec.size, signed=False)]
        tasks = [Task(self, no_rows) for _ in pieces]
        for task, piece in zip(tasks, pieces, strict=True):
            task.started, task.left = True, 1
            self._exchange.pull(task, piece, NOTHING)
        self.wait(*tasks)
        last = max(task.clock for task in tasks)
        for task, piece in zip(tasks, pieces, strict=True):
            if task.clock < last:
                self.push(spec.name, nothing, no_rows, last, piece.begin, piece.end)
        self._clocks[table] = last + 1

    def _start_pull(self, task: Task, listed: KeyList, reach: int) -> None:
        pieces = [piece for piece in listed.pieces if piece.keys is None or len(piece.keys)]
        task.left = len(pieces)
        if task.values is None and len(pieces) != 1:  # one piece is taken as it comes
            spec = self.group.tables[listed.table]
            task.values = np.empty((listed.rows, spec.width), spec.dtype)
        for piece in pieces:
            self._exchange.pull(task, piece, reach)

    def _stop(self, message: Stop) -> None:
        self.stopped, self.reason = True, message.reason
        if not self._leaving and self.rank in self.view.workers[self.job]:
            self.reason = message.reason or "the scheduler has ended the job"
