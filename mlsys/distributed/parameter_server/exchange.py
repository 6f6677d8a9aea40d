"""What a worker has asked of servers and has no answer to: it is said again until it has one.

A push or a pull is cut into pieces, one for each shard, and each piece is one message. In a new
epoch, or when time has passed, all that is open is said again, pushes with their old numbers, so
that a server applies each once. Answers may come late, twice, or for nothing that is open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from mlsys.distributed.parameter_server.group import Group
from mlsys.distributed.parameter_server.messages import (
    Array,
    Keys,
    Outbox,
    Pull,
    Pulled,
    Push,
    Pushed,
    Refused,
    Shard,
    Unknown,
    View,
)
from mlsys.distributed.parameter_server.tasks import Dependencies, Piece, Task

Name = TypeVar("Name")


@dataclass(eq=False, slots=True)
class Open:
    """A message that has no answer yet, and how to say it again in another epoch."""

    task: Task
    piece: Piece
    say: Callable[[bool], None]  # with the keys, even if they have been sent before
    asked: bool = False  # before the last tick


class Exchange:
    """Between worker ``rank``, the ``index``-th of its job, and the servers of a group."""

    def __init__(
        self, rank: int, index: int, group: Group, view: View, outbox: Outbox, tasks: Dependencies
    ) -> None:
        self.rank, self.index, self.group, self.view = rank, index, group, view
        self._outbox, self._tasks = outbox, tasks
        self._numbers: dict[Shard, int] = {}
        self._requests = 0
        self._pushes: dict[tuple[Shard, int], Open] = {}
        self._pulls: dict[int, Open] = {}
        self._told: set[tuple[int, Shard, int]] = set()  # which server knows which keys
        self.handlers: dict[type[Any], Callable[[Any], None]] = {
            Pushed: self._pushed,
            Pulled: self._pulled,
            Unknown: self._unknown,
            Refused: self._refused,
        }

    @property
    def busy(self) -> bool:
        """Whether anything has no answer."""
        return bool(self._pushes or self._pulls)

    def number(self, pieces: Collection[Piece]) -> list[int]:
        """The numbers of a push: from now on the servers of these shards wait for them."""
        for piece in pieces:
            self._numbers[piece.shard] = self._numbers.get(piece.shard, 0) + 1
        return [self._numbers[piece.shard] for piece in pieces]

    def push(self, task: Task, piece: Piece, number: int, clock: int, values: Array) -> None:
        """Say a piece of a push."""

        def say(again: bool) -> None:
            chain = self.view.chains[piece.shard]
            keys = self._keys_for(chain[0], piece, again)
            about = (self.view.epoch, piece.shard, self.rank, number, clock)
            push = Push(*about, piece.begin, piece.end, piece.signature, keys, values)
            self._outbox.send(chain[0], push)

        self._first(self._pushes, (piece.shard, number), Open(task, piece, say))

    def pull(self, task: Task, piece: Piece, reach: int) -> None:
        """Say a piece of a pull that waits until all workers' clocks have reached ``reach``."""
        self._requests = request = self._requests + 1

        def say(again: bool) -> None:
            chain = self.view.chains[piece.shard]
            server = chain[self.index % self.view.synced[piece.shard]]
            keys = self._keys_for(server, piece, again)
            about = (self.view.epoch, piece.shard, self.rank, request, reach)
            pull = Pull(*about, piece.begin, piece.end, piece.signature, keys)
            self._outbox.send(server, pull)

        self._first(self._pulls, request, Open(task, piece, say))

    def adopt(self, view: View) -> None:
        """In a new epoch everything that has no answer is said again, pushes in their order."""
        if view.epoch <= self.view.epoch:
            return
        self.view = view
        self._repeat(self._pushes)
        self._repeat(self._pulls)

    def tick(self) -> None:
        """Time has passed: say again what has had no answer since the last tick."""
        for each in (*self._pushes.values(), *self._pulls.values()):
            if each.asked:
                each.say(True)
            each.asked = True

    def _keys_for(self, server: int, piece: Piece, again: bool) -> Keys | None:
        """The keys to send along; None if this server knows them by their signature."""
        if piece.keys is None or not piece.signature:
            return piece.keys
        known = server, piece.shard, piece.signature
        if known in self._told and not again:
            return None
        self._told.add(known)
        return piece.keys

    def _first(self, table: dict[Name, Open], name: Name, entry: Open) -> None:
        """Say a message for the first time, if there is anybody to say it to."""
        if entry.piece.shard in self.view.lost:
            self._fail(entry, self._lost(entry.piece.shard))
        else:
            table[name] = entry
            entry.say(False)

    def _repeat(self, table: dict[Name, Open]) -> None:
        for name, entry in list(table.items()):
            if entry.piece.shard in self.view.lost:
                del table[name]
                self._fail(entry, self._lost(entry.piece.shard))
            else:
                entry.say(False)

    def _end(self, entry: Open) -> None:
        """One message of a task is answered; start what has waited for the task."""
        entry.task.left -= 1
        if entry.task.done and self._tasks.queued:
            self._tasks.advance()

    def _fail(self, entry: Open, reason: str) -> None:
        self._tasks.fail(entry.task, reason)
        self._end(entry)

    def _lost(self, shard: Shard) -> str:
        table = self.group.tables[shard[0]]
        begin, end = table.bounds(shard[1])
        return (
            f"table {table.name!r}: the keys {begin} to {end - 1} are lost: all servers that held "
            f"them have died. The group keeps {self.group.replicas} replica(s) of a shard: with "
            f"more (replicas=), more deaths are survived"
        )

    # Answers.

    def _pushed(self, message: Pushed) -> None:
        entry = self._pushes.pop((message.shard, message.sequence), None)
        if entry is not None:
            self._end(entry)

    def _pulled(self, message: Pulled) -> None:
        entry = self._pulls.pop(message.request, None)
        if entry is None:
            return
        task = entry.task
        if task.values is None:
            task.values = (
                message.values if message.values.flags.writeable else message.values.copy()
            )
        else:
            task.values[entry.piece.rows] = message.values
        task.clocks.append(message.clock)
        self._end(entry)

    def _unknown(self, message: Unknown) -> None:
        entry = self._open(message)
        if entry is not None:
            entry.say(True)

    def _refused(self, message: Refused) -> None:
        entry = self._open(message)
        if entry is not None:
            self._pulls.pop(message.request, None)
            self._pushes.pop((message.shard, message.sequence), None)
            self._fail(entry, message.reason)

    def _open(self, message: Unknown | Refused) -> Open | None:
        """What an answer of this epoch is about."""
        if message.epoch != self.view.epoch:
            return None
        if message.request:
            return self._pulls.get(message.request)
        return self._pushes.get((message.shard, message.sequence))
