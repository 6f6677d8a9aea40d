"""A server: keeps shards of tables, and changes and reads them for workers.

A machine without input and output: `handle` takes a message, changes the state and puts what it
has to say into ``outbox``. Whoever owns it carries the messages, over a network, or in a test that
loses and shuffles them. What it knows of the others is the scheduler's last `View`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np

from mlsys.distributed.parameter_server.chain import SCHEDULER, Link
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.intake import Arrival, Intake
from mlsys.distributed.parameter_server.messages import (
    Forward,
    Forwarded,
    Join,
    Leave,
    Message,
    Outbox,
    Pull,
    Pulled,
    Push,
    Refused,
    Rows,
    Shard,
    Snapshot,
    Stop,
    Tick,
    Unknown,
    View,
)
from mlsys.distributed.parameter_server.replica import Replica, ready
from mlsys.distributed.parameter_server.scheduler import first_view
from mlsys.distributed.parameter_server.wire import with_room

NO_ROWS = slice(0, 0)


class Server:
    """Server ``rank`` of a group, in a cluster of ``size`` ranks.

    stopped: it may end; reason says why, when something is wrong. counts: what it has done.
    """

    def __init__(self, rank: int, group: Group, size: int, view: View | None = None) -> None:
        self.rank, self.group = rank, group
        self.everybody = group.worker_ranks(size)
        self.view = view or first_view(group, size)
        self.outbox = Outbox()
        self.links: dict[Shard, Link] = {}
        self.intakes: dict[Shard, Intake] = {}  # where this server is the head
        self.waiting: dict[Shard, dict[tuple[int, int], Pull]] = {}  # by sender and request
        self.early: list[tuple[int, Message]] = []  # of an epoch whose view has not come yet
        self.counts: Counter[str] = Counter()
        self.stopped, self.reason = False, ""
        self._asks: Join | Leave | None = None  # of the scheduler, until it is granted
        self._handlers: dict[type[Any], Callable[[int, Any], None]] = {
            Push: self._push,
            Pull: self._pull,
            Forward: self._forward,
            Forwarded: self._forwarded,
            Snapshot: self._snapshot,
        }
        for shard, chain in self.view.chains.items():
            if rank in chain:
                link = self._new_link(shard)
                link.replica.applied = dict.fromkeys(self._workers(shard), 0)
                link.start(self.view)
                self._begin_epoch(shard)

    def handle(self, source: int, message: Message) -> None:
        """Do what a message asks; one that no server should get is ignored."""
        if isinstance(message, View):
            self._adopt(message)
        elif isinstance(message, Tick):
            self.tick(message.seconds)
        elif isinstance(message, Stop):
            self.stopped, self.reason = True, message.reason
        elif isinstance(message, Push | Pull | Forward | Forwarded | Snapshot):
            if message.epoch == self.view.epoch:
                self._handlers[type(message)](source, message)
            elif message.epoch > self.view.epoch:
                self.early.append((source, message))

    def died(self, ranks: Collection[int]) -> None:
        """These ranks have failed. Only the scheduler matters: of others it will tell."""
        if SCHEDULER in ranks:
            self.stopped = True
            self.reason = "rank 0, the scheduler, has died: nobody can say who does what"

    def tick(self, seconds: float) -> None:
        """Time has passed: say again what had no answer."""
        for shard, link in self.links.items():
            link.tick(self.view.synced[shard])
        if self._asks is not None:
            self.outbox.send(SCHEDULER, self._asks)

    def join(self) -> None:
        """Ask for shards: for a spare that need not wait until another server dies."""
        self._asks = Join(self.rank)
        self.outbox.send(SCHEDULER, self._asks)

    def leave(self) -> None:
        """Ask to go; `Stop` comes when others hold what this server holds."""
        self._asks = Leave(self.rank)
        self.outbox.send(SCHEDULER, self._asks)

    # The view.

    def _adopt(self, view: View) -> None:
        if view.epoch < self.view.epoch:
            return
        if view.epoch == self.view.epoch:
            self._part_with_workers(view)
            return
        self.view = view
        for shard in [each for each in self.links if self.rank not in view.chains[each]]:
            del self.links[shard], self.waiting[shard]
            self.intakes.pop(shard, None)
        for shard, chain in view.chains.items():
            if self.rank in chain:
                (self.links.get(shard) or self._new_link(shard)).adopt(view)
                self._begin_epoch(shard)
                if isinstance(self._asks, Join):
                    self._asks = None
        early, self.early = self.early, []
        for source, message in early:
            self.handle(source, message)

    def _part_with_workers(self, view: View) -> None:
        """In the same epoch more may be synced, and workers only go, whichever view comes first."""
        before = self.view.workers
        workers = {
            job: tuple(rank for rank in ranks if rank in view.workers[job])
            for job, ranks in before.items()
        }
        self.view = replace(view, workers=workers)
        if workers != before:
            for shard, intake in self.intakes.items():
                intake.part_with(self._workers(shard))
            for shard in self.links:
                self._answer_waiting(shard)

    def _new_link(self, shard: Shard) -> Link:
        table = self._table(shard)
        replica = Replica(table, shard[1], self.everybody[table.job])
        link = self.links[shard] = Link(self.rank, shard, replica, self.outbox)
        return link

    def _begin_epoch(self, shard: Shard) -> None:
        """Nobody waits any more: who did, asks again in this epoch."""
        self.waiting[shard] = {}
        self.intakes.pop(shard, None)
        link = self.links[shard]
        if link.head:
            self.intakes[shard] = Intake(link, self._workers(shard))

    def _table(self, shard: Shard) -> Table:
        return self.group.tables[shard[0]]

    def _workers(self, shard: Shard) -> tuple[int, ...]:
        """The living workers whose clocks count for this shard."""
        return self.view.workers[self._table(shard).job]

    # Workers ask.

    def _push(self, source: int, push: Push) -> None:
        intake = self.intakes.get(push.shard)
        if intake is None:
            self._refuse(source, push, self._not_here(push.shard, "push"))
            return
        try:
            arrival = self._arrival(push)
        except KeyError:
            unknown = Unknown(self.view.epoch, push.shard, push.signature, 0, push.sequence)
            self.outbox.send(source, unknown)
            return
        self.counts["pushes"] += 1
        self.counts["rows pushed"] += len(push.values)
        if intake.take(arrival):
            self._answer_waiting(push.shard)

    def _arrival(self, push: Push) -> Arrival:
        """What it means, or why it cannot be applied. Raises KeyError for unknown keys."""
        replica = self.links[push.shard].replica
        name, job = replica.table.name, replica.table.job
        if push.sender not in self.everybody[job]:
            reason = f"rank {push.sender} is no worker of job {job!r}, to which {name!r} belongs"
            return Arrival(push, None, NO_ROWS, reason)
        try:
            keys, rows = replica.resolve(push)
        except ValueError as error:
            return Arrival(push, None, NO_ROWS, str(error))
        count = push.end - push.begin if keys is None else len(keys)
        shape, dtype = (count, replica.table.width), np.dtype(replica.table.dtype)
        if push.values.shape != shape or push.values.dtype != dtype:
            reason = (
                f"table {name!r}: expected values of shape {shape} and type {dtype}, got "
                f"{push.values.shape} and {push.values.dtype}"
            )
            return Arrival(push, None, NO_ROWS, reason)
        return Arrival(push, keys, rows)

    def _pull(self, source: int, pull: Pull) -> None:
        link = self.links.get(pull.shard)
        if link is None:
            self._refuse(source, pull, self._not_here(pull.shard, "pull"))
        elif link.settled:
            self._serve(pull)
        else:
            self.waiting[pull.shard][pull.sender, pull.request] = pull

    def _serve(self, pull: Pull) -> None:
        """Answer a pull, now or later, or say why not."""
        try:
            _, rows = self.links[pull.shard].replica.resolve(pull)
        except KeyError:
            unknown = Unknown(self.view.epoch, pull.shard, pull.signature, pull.request, 0)
            self.outbox.send(pull.sender, unknown)
        except ValueError as error:
            self._refuse(pull.sender, pull, str(error))
        else:
            if self._ready(pull):
                self._answer(pull, rows)
            else:
                self.counts["pulls that waited"] += 1
                self.waiting[pull.shard][pull.sender, pull.request] = pull

    def _ready(self, pull: Pull) -> bool:
        """Whether enough workers have reached the clock that it waits for."""
        if pull.after < 0:
            return True
        workers, replica = self._workers(pull.shard), self.links[pull.shard].replica
        clocks = replica.clocks.clocks(pull.begin, pull.end, workers)
        return ready(clocks, pull.after, replica.table.consistency.needed(len(workers)))

    def _answer(self, pull: Pull, rows: Rows) -> None:
        replica = self.links[pull.shard].replica
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        out = with_room((count, replica.table.width), replica.table.dtype)
        values = replica.store.read(rows, out)
        clock = replica.clocks.least(pull.begin, pull.end, self._workers(pull.shard))
        self.counts["pulls"] += 1
        self.counts["rows pulled"] += len(values)
        answer = Pulled(self.view.epoch, pull.shard, pull.request, clock, values)
        self.outbox.send(pull.sender, answer)

    def _answer_waiting(self, shard: Shard) -> None:
        """Some of those that wait may be served now."""
        waiting, self.waiting[shard] = self.waiting[shard], {}
        for key, pull in waiting.items():
            if self._ready(pull):
                self._serve(pull)
            else:
                self.waiting[shard][key] = pull

    def _not_here(self, shard: Shard, what: str) -> str:
        chain = self.view.chains.get(shard)
        if chain is None:
            return f"there is no shard {shard}: the group has {len(self.view.chains)} shards"
        whom = f"its head, {chain[:1]}" if what == "push" else f"one of {chain}"
        return (
            f"server {self.rank} does not serve a {what} of shard {shard} in epoch "
            f"{self.view.epoch}: ask {whom}"
        )

    def _refuse(self, dest: int, about: Push | Pull, reason: str) -> None:
        request = about.request if isinstance(about, Pull) else 0
        sequence = about.sequence if isinstance(about, Push) else 0
        refusal = Refused(self.view.epoch, about.shard, request, sequence, reason)
        self.outbox.send(dest, refusal)

    # The chain.

    def _forward(self, source: int, entry: Forward) -> None:
        link = self.links.get(entry.shard)
        if link is not None and not link.head and link.forward(entry):
            self.counts["forwards"] += 1
            self._answer_waiting(entry.shard)

    def _forwarded(self, source: int, message: Forwarded) -> None:
        link = self.links.get(message.shard)
        if link is not None and link.head:
            link.confirm(message.index)

    def _snapshot(self, source: int, message: Snapshot) -> None:
        link = self.links.get(message.shard)
        if link is not None and not link.head and link.snapshot(message):
            self.counts["snapshots"] += 1
            self._answer_waiting(message.shard)
