"""The scheduler: who serves which shard, and who is alive. It sees no value of any table.

It hears of deaths, of those that come and go, and of chains that are complete again, and tells all
in one numbered `View`. A server counts as holding a shard only if it held it in the last view and
has lived since, or if the head of the chain said so: every acknowledged push is in each of these.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from mlsys.distributed.parameter_server.group import Group
from mlsys.distributed.parameter_server.hashing import Ring
from mlsys.distributed.parameter_server.messages import (
    Join,
    Leave,
    Message,
    Outbox,
    Pull,
    Push,
    Refused,
    Shard,
    Stop,
    Synced,
    Tick,
    View,
)

FAREWELLS = 8  # ticks at the end in which Stop is said again, when messages get lost


def wanted(group: Group, servers: Collection[int]) -> dict[Shard, tuple[int, ...]]:
    """Who should hold each shard: the next ``replicas`` servers on the ring; all, if fewer."""
    if not servers:
        return dict.fromkeys(group.shards(), ())
    ring = Ring(sorted(servers), group.virtual)
    count = min(group.replicas, len(servers))
    return {
        (table, shard): tuple(ring.chain(f"{group.tables[table].name}/{shard}", count))
        for table, shard in group.shards()
    }


def placement(
    chain: Sequence[int], synced: int, target: Collection[int], dead: Collection[int]
) -> tuple[tuple[int, ...], int]:
    """A shard's next chain, and how many of it, from the head on, hold its state.

    The living that hold it stay, in their order, until all of the target do; then only the target
    stays. The others of the target follow at the end. Empty when nobody who holds it lives.

    >>> placement((1, 2), 2, target=(2, 3), dead={1})
    ((2, 3), 1)
    >>> placement((2, 3), 2, target=(3, 4), dead={}), placement((2, 3, 4), 3, (3, 4), {})
    (((2, 3, 4), 2), ((3, 4), 2))
    """
    holders = [rank for rank in chain[:synced] if rank not in dead]
    if not holders:
        return (), 0
    if set(target) <= set(holders):
        holders = [rank for rank in holders if rank in target]
    coming = [rank for rank in (*chain[synced:], *target) if rank in target and rank not in holders]
    return (*holders, *dict.fromkeys(coming)), len(holders)


def first_view(group: Group, size: int) -> View:
    """The view that everyone begins with, in a cluster of ``size`` ranks."""
    chains = wanted(group, group.server_ranks)
    synced = {shard: len(chain) for shard, chain in chains.items()}
    workers = {
        job: tuple(rank for rank in ranks if rank < size - group.late)
        for job, ranks in group.worker_ranks(size).items()
    }
    if not any(workers.values()):
        raise ValueError(f"{group.late} workers come late: expected one at least from the start")
    return View(0, chains, synced, workers)


class Scheduler:
    """Rank 0 of a group in a cluster of ``size`` ranks. A machine like `Server`.

    stopped: all workers have left, or died, and everybody has been told.
    """

    def __init__(self, group: Group, size: int, view: View | None = None) -> None:
        self.group = group
        self.view = view or first_view(group, size)  # synced: as heads have said since
        self.outbox = Outbox()
        self.servers = set(group.server_ranks)  # on the ring
        self.spares = set(group.spare_ranks)
        self.leaving: set[int] = set()  # servers that still hold something
        self.gone: dict[int, str] = {}  # ranks that are out, and why; "" for those that left
        self.workers = {job: set(ranks) for job, ranks in self.view.workers.items()}
        self.everybody = group.worker_ranks(size)
        self.stopped, self.reason = False, ""
        self._target = wanted(group, self.servers)  # who should hold each shard
        self._ring = self.servers
        self._farewells = 0

    def handle(self, source: int, message: Message) -> None:
        """Do what a message asks; one that no scheduler should get is ignored."""
        if isinstance(message, Push | Pull):
            self.outbox.send(source, _refusal(self.view.epoch, message))
        elif isinstance(message, Join | Leave | Synced):
            if source in self.gone:
                self.outbox.send(source, Stop(self.gone[source]))
            elif isinstance(message, Synced):
                self._synced(message)
            elif isinstance(message, Join):
                self._join(source)
            else:
                self._leave(source)

    def died(self, ranks: Collection[int]) -> None:
        """These have failed, or seem to have: the others go on without them."""
        news = {rank for rank in ranks if rank not in self.gone}
        places = len(news & self.servers)
        served = bool(news & (self.servers | self.leaving))
        for rank in news:
            self._out(rank, f"rank {rank} was taken for dead, and others do its work")
        self._change_servers(add=sorted(self.spares)[:places])
        if news:
            self._go_on(served)

    def tick(self, seconds: float) -> None:
        """Time has passed: tell all so, and once more what they may have missed."""
        if not self._working():
            self._say_farewell()
            for rank in self._absent():
                self.outbox.send(rank, Tick(seconds))
            return
        for rank in self._audience():
            if self.view.epoch or self.gone:
                self.outbox.send(rank, self.view)
            self.outbox.send(rank, Tick(seconds))

    # Who comes and goes.

    def _join(self, rank: int) -> None:
        if rank in self.spares:
            self._change_servers(add=[rank])
            self._next_view()
        if not self._working():
            self._out(rank, "")
            self._go_on(served=False)
            return
        for job, ranks in self.everybody.items():
            if rank in ranks and rank not in self.workers[job]:
                self.workers[job].add(rank)
                self._next_view()

    def _leave(self, rank: int) -> None:
        if rank in self.servers:
            self._change_servers(remove=[rank])
            self.leaving.add(rank)
            self._next_view()
        elif rank not in self.leaving:
            worked = rank not in self.spares
            self._out(rank, "")
            if worked:
                self._go_on(served=False)

    def _out(self, rank: int, why: str) -> None:
        """A rank has no part in this any more."""
        if rank in self.servers:
            self._change_servers(remove=[rank])
        for ranks in (self.spares, self.leaving, *self.workers.values()):
            ranks.discard(rank)
        self.gone[rank] = why
        self.outbox.send(rank, Stop(why))

    def _change_servers(self, add: Collection[int] = (), remove: Collection[int] = ()) -> None:
        self.servers = (self.servers | {*add}) - {*remove}
        self.spares -= {*add}

    def _working(self) -> bool:
        return any(self.workers.values())

    def _absent(self) -> set[int]:
        """The workers that have not come yet."""
        return set().union(*self.everybody.values()).difference(self.gone, *self.workers.values())

    def _audience(self) -> list[int]:
        """Everybody but those that are out; of workers also those that have not come yet."""
        ranks = self.servers.union(self.spares, self.leaving, *self.everybody.values())
        return sorted(ranks - self.gone.keys())

    # What all are told.

    def _go_on(self, served: bool) -> None:
        """Somebody is out. A server among them begins an epoch, if anybody has still to work."""
        if not self._working():
            self._farewells = 0
            self._say_farewell()
        elif served:
            self._next_view()
        else:
            self._tell_servers()

    def _tell_servers(self) -> None:
        """Workers are out: nobody's place changes, only whose clocks are waited for.

        With n workers that is n messages for each server in all, where n epochs would be n * n.
        """
        self.view = replace(self.view, workers=self._living())
        for rank in sorted(self.servers | self.leaving):
            self.outbox.send(rank, self.view)

    def _living(self) -> dict[str, tuple[int, ...]]:
        return {job: tuple(sorted(ranks)) for job, ranks in self.workers.items()}

    def _next_view(self) -> None:
        """Tell all who does what from now on."""
        old, chains, synced = self.view, {}, {}
        self._choose()
        for shard, chain in old.chains.items():
            chains[shard], synced[shard] = placement(
                chain, old.synced[shard], self._target[shard], self.gone
            )
        lost = tuple(shard for shard, chain in chains.items() if not chain)
        self.view = View(old.epoch + 1, chains, synced, self._living(), lost)
        busy = {rank for chain in chains.values() for rank in chain}
        for rank in self.leaving - busy:
            self._out(rank, "")
        for rank in self._audience():
            self.outbox.send(rank, self.view)

    def _choose(self) -> None:
        """Who should hold each shard. Who wants to leave stays while there are too few others."""
        few = len(self.servers) < self.group.replicas
        ring = self.servers | self.leaving if few else self.servers
        if ring != self._ring:
            self._ring, self._target = ring, wanted(self.group, ring)

    def _synced(self, message: Synced) -> None:
        """A chain is complete. When all are, those go that were kept only until then."""
        if message.epoch != self.view.epoch:
            return
        synced = {**self.view.synced, message.shard: len(self.view.chains[message.shard])}
        self.view = replace(self.view, synced=synced)
        chains = self.view.chains
        if all(synced[shard] == len(chain) for shard, chain in chains.items()) and any(
            chain and set(chain) != set(self._target[shard]) for shard, chain in chains.items()
        ):
            self._next_view()

    def _say_farewell(self) -> None:
        """All work is done. Where messages get lost, say so a few times.

        Workers that have not come yet hear it when they ask, lest they should ask nobody.
        """
        absent, lossy = self._absent(), self.group.tick is not None
        left = {rank for rank, why in self.gone.items() if not why}
        news = set(self._audience()) - absent
        for rank in sorted(news | left if lossy and self._farewells else news):
            self.outbox.send(rank, Stop())
        self.gone.update(dict.fromkeys(news, ""))
        self._farewells += 1
        self.stopped = not absent and (not lossy or self._farewells > FAREWELLS)


def _refusal(epoch: int, message: Push | Pull) -> Refused:
    request = message.request if isinstance(message, Pull) else 0
    sequence = message.sequence if isinstance(message, Push) else 0
    reason = "rank 0 is the scheduler and holds no rows: ask the servers of View.chains"
    return Refused(epoch, message.shard, request, sequence, reason)
