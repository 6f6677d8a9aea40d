"""Random schedules of servers, scheduler and workers: no acknowledged push is ever lost.

Why it should be so. (1) A head applies pushes in an order of its own and passes them down the chain
as entries 1, 2, 3, ...; who gets a gap waits, so the log of each server is a beginning of the log
of the one before it. (2) The head tells a worker only after the last of the chain has said, in the
same epoch, that it has the entry: then all have it. (3) The scheduler lets only those stay at the
front of the next chain that held the state in this one, in the same order, and counts a newcomer
only when the head has said, for this epoch, that the whole chain has its log. So whoever becomes
head has every acknowledged push, unless all that held the shard died between two such views.
(4) A server that was taken for dead, and lives, may go on in its old epoch: but it cannot
acknowledge, since those after it ignore old epochs; what they did before, they keep. (5) Snapshots
go down the chain like entries, never past a server, or (1) would break. (6) What a worker was not
told of it sends again after each view, with the same sequence number: `applied` is part of the
state, so it counts once. (7) Sums are decided by the head alone and forwarded as sums; who was in
them, or came too late for them, is in the entry. (8) Pulls wait for clocks of living workers only.

The tests drive the machines without any network, in random orders: messages lost, doubled and
overtaken, servers and workers dying half-way, live servers taken for dead, spares joining.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest

from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP, Backup, Consistency
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.keys import signature
from mlsys.distributed.parameter_server.messages import (
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
from mlsys.distributed.parameter_server.scheduler import Scheduler, first_view, wanted
from mlsys.distributed.parameter_server.server import Server

SIZE, SHARDS, WORKERS = 8, 2, 3
NEVER = 10**6  # a clock that none reaches
BASE = 5  # of the numbers that a row writes its history in


class Journal:
    """Column w of a row is the history of worker w's pushes to it: order and number count."""

    state_names: tuple[str, ...] = ()

    def apply(self, weights, state, gradient):
        changed = gradient != 0
        weights[changed] = weights[changed] * 1_000_003 + gradient[changed]


class Tally:
    """Column w has one digit for each of worker w's pushes: how often it was applied."""

    state_names: tuple[str, ...] = ()

    def apply(self, weights, state, gradient):
        weights += np.where(gradient > 0, BASE ** np.maximum(gradient - 1, 0), 0)


RULES = [ASP, SSP(1), BSP, Consistency(2, aggregate=True), Backup(1)]


@dataclass
class Worker:
    """Pulls all shards, then pushes to all, so many times; it waits for its pulls alone."""

    rank: int
    group: Group
    view: View
    rng: random.Random
    clocks: int
    parts: int = 1  # in which it pushes a shard, in an order of its own
    outbox: Outbox = field(default_factory=Outbox)
    stopped: bool = False
    clock: int = 0
    requests: int = 0
    open: dict = field(default_factory=dict)  # what has no answer: messages
    named: set = field(default_factory=set)  # (server, shard, signature) sent with keys
    pushed: dict = field(default_factory=lambda: defaultdict(dict))  # clock and keys
    acked: set = field(default_factory=set)
    mistaken: set = field(default_factory=set)  # pushes that must be refused
    refused: set = field(default_factory=set)

    def start(self):
        self._iterate()

    def _iterate(self):
        """The pulls of the next clock, or the end."""
        if self.clock == self.clocks:
            if not self.open:
                self.outbox.send(0, Leave(self.rank))
            return
        after = self.group.tables[0].consistency.after(self.clock)
        for shard in self.group.shards():
            begin, end = self.group.tables[0].bounds(shard[1])
            self.requests += 1
            keys = self._some_keys(begin, end)
            name = 0 if keys is None else signature(keys)
            pull = Pull(0, shard, self.rank, self.requests, after, begin, end, name, keys)
            self.open["pull", shard, self.requests] = pull
            self._say(pull)

    def _some_keys(self, begin, end):
        if self.rng.random() < 0.3 and not self.group.tables[0].sparse:
            return None
        keys = [key for key in range(begin, end) if self.rng.random() < 0.6]
        return np.array(keys, np.int64)

    def _push(self):
        """To every shard, with this clock; to the columns of this worker."""
        for shard in self.group.shards():
            if self.rng.random() < 0.1:
                self._push_by_mistake(shard)
            begin, end = self.group.tables[0].bounds(shard[1])
            cuts = [begin + (end - begin) * part // self.parts for part in range(self.parts + 1)]
            ranges = [*pairwise(cuts)]
            for begin, end in self.rng.sample(ranges, len(ranges)):
                self._push_range(shard, begin, end)

    def _push_range(self, shard, begin, end):
        sequence = len(self.pushed[shard]) + 1
        keys = self._some_keys(begin, end)
        count = end - begin if keys is None else len(keys)
        values = np.zeros((count, WORKERS), np.int64)
        values[:, self.rank - (SIZE - WORKERS)] = sequence
        name = 0 if keys is None else signature(keys)
        named = range(begin, end) if keys is None else keys.tolist()
        self.pushed[shard][sequence] = self.clock, named
        push = Push(0, shard, self.rank, sequence, self.clock, begin, end, name, keys, values)
        self.open["push", shard, sequence] = push
        self._say(push)

    def _push_by_mistake(self, shard):
        """A push of too few values; it must not hold up the others."""
        sequence = len(self.pushed[shard]) + 1
        self.pushed[shard][sequence] = NEVER, ()
        begin, end = self.group.tables[0].bounds(shard[1])
        values = np.zeros((1, WORKERS + 1), np.int64)
        push = Push(0, shard, self.rank, sequence, -1, begin, end, 0, np.array([begin]), values)
        self.mistaken.add((shard, sequence))
        self.open["push", shard, sequence] = push
        self._say(push)

    def _say(self, message):
        chain = self.view.chains[message.shard]
        dest = chain[0] if isinstance(message, Push) else self.rng.choice(chain)
        known = (dest, message.shard, message.signature)
        message = replace(message, epoch=self.view.epoch)
        if message.signature and known in self.named:
            message = replace(message, keys=None)
        self.named.add(known)
        self.outbox.send(dest, message)

    def handle(self, source, message):
        match message:
            case View() if message.epoch > self.view.epoch:
                self.view = message
                assert not message.lost
                self.again()
            case Pushed() | Refused():
                self.open.pop(("push", message.shard, message.sequence), None)
                answered = self.acked if isinstance(message, Pushed) else self.refused
                answered.add((message.shard, message.sequence))
                if not self.open and self.clock == self.clocks:
                    self._iterate()
            case Pulled():
                pull = self.open.pop(("pull", message.shard, message.request), None)
                if pull is not None and not any(kind == "pull" for kind, *_ in self.open):
                    self._push()
                    self.clock += 1
                    self._iterate()
            case Unknown():
                self.named.discard((source, message.shard, message.signature))
                kind = ("pull", message.shard, message.request)
                if not message.request:
                    kind = ("push", message.shard, message.sequence)
                if kind in self.open and message.epoch == self.view.epoch:
                    self._say(self.open[kind])
            case Tick():
                self.again()
            case Stop():
                self.stopped = True

    def again(self):
        for message in self.open.values():
            self._say(message)
        if self.clock == self.clocks and not self.open:
            self.outbox.send(0, Leave(self.rank))


class Network:
    """Carries messages in random order and checks the laws after each."""

    def __init__(self, seed, lossy, clocks=5):
        self.rng = rng = random.Random(seed)
        self.lossy = lossy
        rule = rng.choice(RULES)
        update = Tally() if rule.backup else Journal()
        sparse = rng.random() < 0.3
        table = Table("t", 8, WORKERS, "<i8", update, rule, SHARDS, sparse)
        servers = rng.randint(1, 4)
        parts = rng.choice([1, 1, 2])
        self.group = group = Group(
            (table,),
            servers=servers,
            spares=SIZE - 1 - WORKERS - servers,
            replicas=max(rng.randint(1, servers), rng.randint(1, servers)),
            tick=1.0 if lossy else None,
        )
        view = first_view(group, SIZE)
        self.scheduler = Scheduler(group, SIZE)
        self.machines = {0: self.scheduler}
        self.servers = [*group.server_ranks, *group.spare_ranks]
        for rank in self.servers:
            self.machines[rank] = Server(rank, group, SIZE)
        self.workers = {}
        for rank in group.worker_ranks(SIZE)[""]:
            worker = Worker(rank, group, view, random.Random(rng.random()), clocks, parts)
            self.machines[rank] = self.workers[rank] = worker
        self.lines: dict[tuple[int, int], deque[Message]] = defaultdict(deque)
        self.dead: set[int] = set()
        self.unheard: list[int] = []  # died, and the scheduler does not know
        self.asked: dict[tuple[int, int], Pull] = {}  # pulls, by sender and request
        self.acked: set[tuple[int, Shard, int]] = set()
        self.seen: dict = {}  # clocks, by replica
        for worker in self.workers.values():
            worker.start()
            self.collect(worker.rank)

    # What happens.

    def collect(self, rank):
        for dest, message in self.machines[rank].outbox.take():
            if isinstance(message, Pull):
                self.asked[message.sender, message.request] = message
            if isinstance(message, Pushed | Refused):
                self.acked.add((dest, message.shard, message.sequence))
                self.check_acked([(dest, message.shard, message.sequence)])
            if isinstance(message, Pulled):
                self.check_answer(rank, dest, message)
            if dest not in self.dead:
                self.lines[rank, dest].append(message)

    def deliver(self, calm=False):
        """One message of one line; in order, unless the network is lossy."""
        lines = [key for key, line in self.lines.items() if line]
        if not lines:
            return False
        source, dest = key = self.rng.choice(lines)
        line = self.lines[key]
        if self.lossy and not calm:
            place = self.rng.randrange(min(len(line), 4))
            message, luck = line[place], self.rng.random()
            if luck > 0.1:  # else it will come once more
                del line[place]
            if luck > 0.9:
                return True
        else:
            message = line.popleft()
        machine = self.machines[dest]
        if dest in self.dead or machine.stopped:
            return True
        before = self.scheduler.view.epoch
        machine.handle(source, message)
        self.collect(dest)
        self.after(dest, before)
        return True

    def after(self, rank, epoch):
        if isinstance(self.machines[rank], Server):
            self.check_clocks(rank)
        if self.scheduler.view.epoch != epoch:
            self.check_acked(self.acked)

    def tick(self):
        self.scheduler.tick(1.0)
        self.collect(0)

    def may_die(self, rank):
        """Whether each shard keeps a server that the scheduler knows to hold it."""
        out = {*self.dead, *self.unheard, *self.scheduler.gone, rank}
        view = self.scheduler.view
        if rank in self.workers:
            return len(set(self.workers) - out) > 0
        target = wanted(self.group, self.scheduler.servers)  # the chains, any moment now
        return all(
            {*chain[: view.synced[shard]]} - out and {*target[shard]} - out
            for shard, chain in view.chains.items()
        )

    def crash(self):
        """A machine dies; of what it said last, some is lost."""
        heads = [chain[0] for chain in self.scheduler.view.chains.values()]
        rank = self.rng.choice([*heads, *heads, *self.servers, *self.workers])
        if rank in self.dead or not self.may_die(rank) or self.machines[rank].stopped:
            return
        self.unheard.append(rank)
        if rank in self.servers and self.rng.random() < 0.3:
            return  # it lives, and is taken for dead
        self.dead.add(rank)
        for (source, dest), line in self.lines.items():
            if dest == rank:
                line.clear()
            elif source == rank:
                for _ in range(self.rng.randint(0, len(line))):
                    line.pop()

    def hear(self):
        """The scheduler learns of deaths."""
        before = self.scheduler.view.epoch
        self.scheduler.died(self.unheard)
        self.unheard = []
        self.collect(0)
        self.after(0, before)

    def come_and_go(self):
        rank = self.rng.choice(self.servers)
        machine = self.machines[rank]
        if rank in {*self.dead, *self.unheard} or machine.stopped:
            return
        if rank in self.scheduler.spares:
            machine.join()
        elif self.rng.random() < 0.5 and self.group.replicas < len(self.scheduler.servers):
            machine.leave()
        self.collect(rank)

    def run(self, steps=1500):
        rng = self.rng
        trouble = rng.choice([0.0, 0.004, 0.02])
        for _ in range(steps):
            luck = rng.random()
            if luck < trouble:
                self.crash()
            elif luck < 1.5 * trouble:
                self.come_and_go()
            elif luck < 0.1 + trouble and self.unheard:
                self.hear()
            elif luck > 0.99 and self.lossy:
                self.tick()
            elif not self.deliver() and not self.unheard:
                if not self.lossy:
                    break
                self.tick()
        self.calm_down()
        self.check_end()

    def calm_down(self):
        """From now on nothing is lost; everyone must come to an end."""
        self.hear()
        for _ in range(60):
            while self.deliver(calm=True):
                pass
            self.tick_if_lossy()
            if self.scheduler.stopped:
                while self.deliver(calm=True):
                    pass
                return
        raise AssertionError(f"it hangs: {self.waiting()}")

    def tick_if_lossy(self):
        if self.lossy:
            self.tick()

    def waiting(self):
        return {rank: list(worker.open) for rank, worker in self.workers.items()}

    # The laws.

    def replicas(self, shard, view=None):
        """The living replicas that count as holding a shard."""
        view = view or self.scheduler.view
        for rank in view.chains[shard][: view.synced[shard]]:
            if rank not in self.dead:
                yield self.machines[rank].links[shard].replica

    def check_acked(self, acked):
        """Every one of these pushes is in every replica that counts."""
        for sender, shard, sequence in acked:
            for replica in self.replicas(shard):
                assert replica.has(sender, sequence), (sender, shard, sequence)

    def check_clocks(self, rank):
        """No clock of a replica goes back."""
        for link in self.machines[rank].links.values():
            replica = link.replica
            if not link.settled:  # a newcomer, perhaps with what it knew when it was here before
                self.seen.pop(id(link), None)
                continue
            now = replica.clocks.clocks(replica.begin, replica.end)
            for before, after in zip(self.seen.get(id(link), now), now, strict=True):
                assert before <= after
            self.seen[id(link)] = now
            self.seen[id(link), "alive"] = link  # so that no other gets its id

    def check_answer(self, rank, dest, message):
        """It was read after enough workers had reached the clock, and holds their pushes."""
        pull = self.asked[dest, message.request]
        if pull.after < 0:
            return
        replica = self.machines[rank].links[message.shard].replica
        workers = self.machines[rank].view.workers[""]
        done = [worker for worker in workers if self.has_pushed(worker, replica, pull)]
        assert len(done) >= self.group.tables[0].consistency.needed(len(workers))

    def has_pushed(self, worker, replica, pull):
        """Whether all that the worker pushes up to the clock of a pull is in this replica."""
        pushed = self.workers[worker].pushed[pull.shard]
        upto = [sequence for sequence, (clock, _) in pushed.items() if clock <= pull.after]
        complete = len(upto) == (pull.after + 1) * self.workers[worker].parts
        return complete and all(replica.has(worker, sequence) for sequence in upto)

    def check_end(self):
        for rank, worker in self.workers.items():
            if rank not in self.dead:
                assert worker.stopped and worker.clock == worker.clocks and not worker.open
                assert len(worker.acked) == worker.clocks * worker.parts * SHARDS
                assert worker.refused == worker.mistaken
        self.check_acked(self.acked)
        for shard in self.group.shards():
            replicas = list(self.replicas(shard))
            last = max(replicas, key=lambda replica: replica.index)
            self.check_rows(shard, last)
            for replica in replicas:
                if replica.index == last.index:
                    assert contents(replica) == contents(last)

    def check_rows(self, shard, replica):
        """Each row has the pushes that named it, once each and in order, and no other."""
        keys = np.arange(replica.begin, replica.end)
        rows = replica.store.read(replica.store.rows(keys)).tolist()
        for worker in self.workers.values():
            column = worker.rank - (SIZE - WORKERS)
            count = replica.applied[worker.rank]
            for key, row in zip(keys.tolist(), rows, strict=True):
                named = [q for q, (_, which) in worker.pushed[shard].items() if key in which]
                history = [q for q in named if q <= count or replica.has(worker.rank, q)]
                if isinstance(self.group.tables[0].update, Tally):
                    digits = np.base_repr(row[column], BASE)[::-1]
                    there = {place + 1 for place, digit in enumerate(digits) if digit != "0"}
                    assert set(digits) <= {"0", "1"} and there <= set(history)
                else:
                    assert row[column] == written(history)


def written(history):
    """What a journal's number is after these."""
    number = 0
    for sequence in history:
        number = number * 1_000_003 + sequence
    return (number + 2**63) % 2**64 - 2**63


def contents(replica):
    """Everything in a replica, in a form that can be compared."""
    keys = np.arange(replica.begin, replica.end)
    rows = replica.store.read(replica.store.rows(keys)).tobytes()
    return rows, replica.clocks.ranges, sorted(replica.applied.items()), replica.index


@pytest.mark.parametrize("lossy", [False, True])
def test_no_acknowledged_push_is_lost_in_random_schedules(lossy: bool) -> None:
    for seed in range(100):
        Network(seed, lossy).run()


@pytest.mark.soak
@pytest.mark.parametrize("lossy", [False, True])
def test_no_acknowledged_push_is_lost_in_thousands_of_schedules(lossy: bool) -> None:
    for seed in range(1000, 6000):
        try:
            Network(seed, lossy).run()
        except Exception as error:
            raise AssertionError(f"schedule {seed}, lossy={lossy}") from error
