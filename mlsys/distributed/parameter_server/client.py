"""A worker's side: pushes and pulls that go on while the worker computes.

Each is a `Task`, cut into one message for each shard it touches. A task may wait for others
(``after``), a pull also for the clocks of other workers, which the servers see to: consistency is
nothing but who waits for what. A machine like `Server`; only `wait` asks for the network's help.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from mlsys.distributed.cluster import ClusterError
from mlsys.distributed.parameter_server.group import Group
from mlsys.distributed.parameter_server.messages import (
    Array,
    Keys,
    Leave,
    Message,
    Outbox,
    Pull,
    Pulled,
    Push,
    Pushed,
    Refused,
    Shard,
    Stop,
    Tick,
    Unknown,
    View,
)
from mlsys.distributed.parameter_server.scheduler import first_view
from mlsys.distributed.parameter_server.tasks import (
    Dependencies,
    KeyList,
    KeyLists,
    Open,
    Piece,
    Task,
    as_rows,
)

SCHEDULER = 0
Name = TypeVar("Name")


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
        self.view = first_view(group, size)
        jobs = group.worker_ranks(size)
        self.job = next(job for job, ranks in jobs.items() if rank in ranks)
        self.workers = jobs[self.job]
        self.index = self.workers.index(rank)
        self.stopped, self.reason = False, ""
        self._pump, self._leaving = pump, False
        self._lists = KeyLists(group)
        self._clocks = [0] * len(group.tables)
        self._sequences: dict[Shard, int] = {}
        self._requests = 0
        self._pushes: dict[tuple[Shard, int], Open] = {}
        self._pulls: dict[int, Open] = {}
        self._tasks = Dependencies()
        self._told: set[tuple[int, Shard, int]] = set()  # which server knows which keys
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Pushed: self._pushed,
            Pulled: self._pulled,
            Unknown: self._unknown,
            Refused: self._refused,
            View: self._adopt,
            Tick: lambda message: self.tick(message.seconds),
            Stop: self._stop,
        }

    # What a worker's program calls.

    def keys(self, table: str, keys: Keys, begin: int = 0, end: int | None = None) -> KeyList:
        """Keys to push and pull by, of those from begin to end: the servers are told them once."""
        return self._lists.listed(self.group.table_index(table), keys, begin, end, signed=True)

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
        listed = self._lists.listed(self.group.table_index(table), keys, begin, end)
        spec = self.group.tables[listed.table]
        rows = as_rows(spec, values, listed.rows)
        if clock is None:
            clock = self._clocks[listed.table]
        if clock >= 0:
            self._clocks[listed.table] = clock + 1
        task, numbers = Task(self, None), []
        for piece in listed.pieces:
            number = self._sequences[piece.shard] = self._sequences.get(piece.shard, 0) + 1
            numbers.append(number)
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

        keys, begin, end: as of `push`. out: an array of shape (n, width) to put them into.
        """
        listed = self._lists.listed(self.group.table_index(table), keys, begin, end)
        spec = self.group.tables[listed.table]
        shape, dtype = (listed.rows, spec.width), np.dtype(spec.dtype)
        if out is None:
            out = np.empty(shape, dtype)
        elif out.shape != shape or out.dtype != dtype:
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
        while (self._pushes or self._pulls or self._tasks.queued) and not self.stopped:
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
        for each in (*self._pushes.values(), *self._pulls.values()):
            if each.asked:
                each.say(True)
            each.asked = True
        if self._leaving:
            self.outbox.send(SCHEDULER, Leave(self.rank))

    # Keys.

    def _keys_for(self, server: int, piece: Piece, again: bool) -> Keys | None:
        """The keys to send along; None if this server knows them by their signature."""
        if piece.keys is None or not piece.signature:
            return piece.keys
        known = server, piece.shard, piece.signature
        if known in self._told and not again:
            return None
        self._told.add(known)
        return piece.keys

    # Tasks.

    def _start_push(
        self, task: Task, listed: KeyList, values: Array, clock: int, numbers: list[int]
    ) -> None:
        task.left = len(listed.pieces)
        for piece, number in zip(listed.pieces, numbers, strict=True):
            self._start_piece_of_push(task, piece, number, clock, values[piece.rows])

    def _start_piece_of_push(
        self, task: Task, piece: Piece, number: int, clock: int, values: Array
    ) -> None:
        def say(again: bool) -> None:
            chain = self._chain(piece.shard)
            if chain:
                keys = self._keys_for(chain[0], piece, again)
                about = (self.view.epoch, piece.shard, self.rank, number, clock)
                push = Push(*about, piece.begin, piece.end, piece.signature, keys, values)
                self.outbox.send(chain[0], push)

        self._first(self._pushes, (piece.shard, number), Open(task, piece, say))

    def _skip_push(self, listed: KeyList, numbers: list[int]) -> None:
        """Push nothing, so that no server waits for these numbers."""
        spec = self.group.tables[listed.table]
        nothing = Task(self, None)
        nothing.started = nothing.told = True
        nothing.left = len(numbers)
        for piece, number in zip(listed.pieces, numbers, strict=True):
            empty = replace(piece, keys=np.zeros(0, np.int64), signature=0)
            values = np.zeros((0, spec.width), spec.dtype)
            self._start_piece_of_push(nothing, empty, number, -1, values)

    def _start_pull(self, task: Task, listed: KeyList, reach: int) -> None:
        pieces = [piece for piece in listed.pieces if piece.keys is None or len(piece.keys)]
        task.left = len(pieces)
        for piece in pieces:
            self._start_piece_of_pull(task, piece, reach)

    def _start_piece_of_pull(self, task: Task, piece: Piece, reach: int) -> None:
        self._requests = number = self._requests + 1

        def say(again: bool) -> None:
            chain = self._chain(piece.shard)
            if chain:
                server = chain[self.index % self.view.synced[piece.shard]]
                keys = self._keys_for(server, piece, again)
                about = (self.view.epoch, piece.shard, self.rank, number, reach)
                self.outbox.send(
                    server, Pull(*about, piece.begin, piece.end, piece.signature, keys)
                )

        self._first(self._pulls, number, Open(task, piece, say))

    def _first(self, table: dict[Name, Open], name: Name, entry: Open) -> None:
        """Say a message for the first time, if there is anybody to say it to."""
        if entry.piece.shard in self.view.lost:
            self._fail(entry, self._lost(entry.piece.shard))
        else:
            table[name] = entry
            entry.say(False)

    def _chain(self, shard: Shard) -> tuple[int, ...]:
        return self.view.chains[shard]

    def _end(self, entry: Open) -> None:
        """One message of a task is answered; start what has waited for the task."""
        entry.task.left -= 1
        if entry.task.done and self._tasks.queued:
            self._tasks.advance()

    def _fail(self, entry: Open, reason: str) -> None:
        self._tasks.fail(entry.task, reason)
        self._end(entry)

    # Answers and news.

    def _pushed(self, message: Pushed) -> None:
        entry = self._pushes.pop((message.shard, message.sequence), None)
        if entry is not None:
            self._end(entry)

    def _pulled(self, message: Pulled) -> None:
        entry = self._pulls.pop(message.request, None)
        if entry is None:
            return
        task = entry.task
        assert task.values is not None
        task.values[entry.piece.rows] = message.values
        task.clock = message.clock if task.clock < 0 else min(task.clock, message.clock)
        self._end(entry)

    def _unknown(self, message: Unknown) -> None:
        if message.epoch == self.view.epoch:
            entry = self._open(message)
            if entry is not None:
                entry.say(True)

    def _refused(self, message: Refused) -> None:
        if message.epoch == self.view.epoch:
            entry = self._open(message)
            if entry is not None:
                self._pulls.pop(message.request, None)
                self._pushes.pop((message.shard, message.sequence), None)
                self._fail(entry, message.reason)

    def _open(self, message: Unknown | Refused) -> Open | None:
        if message.request:
            return self._pulls.get(message.request)
        return self._pushes.get((message.shard, message.sequence))

    def _adopt(self, view: View) -> None:
        """In a new epoch everything that has no answer is said again, pushes in their order."""
        if view.epoch <= self.view.epoch:
            return
        self.view = view
        for table in (self._pushes, self._pulls):
            for key, entry in list(table.items()):
                if entry.piece.shard in view.lost:
                    del table[key]  # type: ignore[arg-type]
                    self._fail(entry, self._lost(entry.piece.shard))
                else:
                    entry.say(False)

    def _lost(self, shard: Shard) -> str:
        table = self.group.tables[shard[0]]
        begin, end = table.bounds(shard[1])
        return (
            f"table {table.name!r}: the keys {begin} to {end - 1} are lost: all servers that held "
            f"them have died. The group keeps {self.group.replicas} replica(s) of a shard: with "
            f"more (replicas=), more deaths are survived"
        )

    def _stop(self, message: Stop) -> None:
        self.stopped, self.reason = True, message.reason
        if not self._leaving:
            self.reason = message.reason or "the scheduler has ended the job"
