"""Chain replication of one shard: a log written at the head, and passed on from each to the next.

Whatever a server has applied, the one before it in the chain had applied earlier. So when the last
says it has entry i, all have it, and the head may tell the workers: these pushes survive as long as
one of us does. n replicas cost n - 1 messages one way and one back, whichever of them is asked to
read. van Renesse and Schneider, OSDI 2004; with sums as entries, Li et al., OSDI 2014, section 4.3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlsys.distributed.parameter_server.messages import (
    Array,
    Forward,
    Forwarded,
    Keys,
    Outbox,
    Pushed,
    Refused,
    Rows,
    Shard,
    Snapshot,
    Synced,
    View,
)
from mlsys.distributed.parameter_server.replica import Replica

SCHEDULER = 0
Done = tuple[int, int, int, int, int]  # a push: sender, sequence, clock, begin, end
Told = tuple[int, int, str]  # sender, sequence, and why it was refused, "" if it was not


class Link:
    """The place of server ``rank`` in the chain of one shard.

    settled: the replica's log is a beginning of the head's. A newcomer's is none until it has
    loaded a snapshot.
    """

    def __init__(self, rank: int, shard: Shard, replica: Replica, outbox: Outbox) -> None:
        self.rank, self.shard, self.replica, self.outbox = rank, shard, replica, outbox
        self.epoch, self.synced, self.settled = -1, 0, False
        self.chain: tuple[int, ...] = (rank,)
        self.held: dict[int, Forward] = {}  # came before those they follow
        self.pending: deque[Forward] = deque()  # at the head: not yet known to be everywhere
        self.owed: deque[tuple[int, Told]] = deque()  # index: when all have it, who is told
        self.confirmed = self.base = 0  # all have this; must have, to follow by entries alone
        self.seen = -1  # index when the last tick came

    @property
    def head(self) -> bool:
        """Whether this server decides what comes into the log."""
        return self.chain[0] == self.rank

    @property
    def whole(self) -> bool:
        """At the head: whether the whole chain is known to have the beginning of this epoch."""
        return self.confirmed >= self.base

    @property
    def next(self) -> int | None:
        """Who comes after this server; None: it is the last."""
        place = self.chain.index(self.rank) + 1
        return self.chain[place] if place < len(self.chain) else None

    def start(self, view: View) -> None:
        """Take a place in the first view, where all have the same first values."""
        self.epoch, self.chain = view.epoch, view.chains[self.shard]
        self.synced, self.settled = len(self.chain), True

    def adopt(self, view: View) -> None:
        """Take one's place in a new view. What the old epoch left unfinished is forgotten."""
        followed = self.head and self.whole and self.settled
        self.epoch, self.chain = view.epoch, view.chains[self.shard]
        self.synced, self.seen = view.synced[self.shard], -1
        self.settled = self.chain.index(self.rank) < self.synced
        self.held.clear()
        self.owed.clear()
        if followed and self.head and self.synced == len(self.chain):
            self._follow_up()
            return
        self.pending.clear()
        self.base, self.confirmed = self.replica.index, -1
        if self.head:
            self._offer_snapshot()

    def _follow_up(self) -> None:
        """The rest of the chain may lack only what is pending: send it under the new epoch."""
        if self.next is None:
            self.confirm(self.replica.index)
        self.pending = deque(replace(entry, epoch=self.epoch) for entry in self.pending)
        for entry in self.pending:
            self._pass_on(entry)

    def _offer_snapshot(self) -> None:
        if self.next is None:
            self.confirm(self.replica.index)
        else:
            index, state = self.replica.index, self.replica.state()
            self.outbox.send(self.next, Snapshot(self.epoch, self.shard, index, state))

    # At the head.

    def log(
        self, done: Sequence[Done], keys: Keys | None, rows: Rows, values: Array, reason: str = ""
    ) -> None:
        """Apply a sum of pushes, and see to it that all others do; then their senders are told.

        reason: why the pushes are refused, if they are. A refusal too must be known to all first:
        else the next head would wait for ever for a push that its sender has given up.
        """
        self.replica.apply(done, rows, values)
        index = self.replica.index
        told = [(sender, sequence, reason) for sender, sequence, *_ in done if sequence]
        self.owed.extend((index, each) for each in told)
        if self.next is None:
            self.confirm(index)
            return
        table = np.array(done, np.int64).reshape(-1, 5)
        entry = Forward(self.epoch, self.shard, index, table, keys, values)
        self.pending.append(entry)
        self._pass_on(entry)

    def owe(self, sender: int, sequence: int, reason: str = "") -> None:
        """A push that is in the log came again: tell its sender, at once or when all have it."""
        self.owed.append((self.replica.index, (sender, sequence, reason)))
        self.confirm(self.confirmed)

    def confirm(self, index: int) -> None:
        """All of the chain have applied everything up to ``index``."""
        self.confirmed = max(self.confirmed, index)
        while self.pending and self.pending[0].index <= self.confirmed:
            self.pending.popleft()
        while self.owed and self.owed[0][0] <= self.confirmed:
            self._tell(*self.owed.popleft()[1])
        if self.whole and self.synced < len(self.chain):
            self.synced = len(self.chain)
            self.outbox.send(SCHEDULER, Synced(self.epoch, self.shard))

    def _tell(self, sender: int, sequence: int, reason: str) -> None:
        if reason:
            self.outbox.send(sender, Refused(self.epoch, self.shard, 0, sequence, reason))
        else:
            self.outbox.send(sender, Pushed(self.epoch, self.shard, sequence))

    def tick(self, synced: int) -> None:
        """Send again what had no answer since the last tick. synced: as the scheduler knows it."""
        if not self.head:
            return
        if self.whole:
            self.synced = min(self.synced, synced)
            self.confirm(self.confirmed)
            for entry in self.pending:
                if entry.index <= self.seen:
                    self._pass_on(entry)
        elif self.seen >= 0:
            self._offer_snapshot()
        self.seen = self.replica.index

    # At the others.

    def forward(self, entry: Forward) -> bool:
        """An entry came: apply it when its turn comes, and pass it on. Whether any was applied."""
        before = self.replica.index
        if not self.settled or entry.index > before + 1:
            self.held.setdefault(entry.index, entry)
            return False
        if entry.index <= before:
            self._pass_on(entry)
            return False
        self.held[entry.index] = entry
        self._catch_up()
        return True

    def snapshot(self, message: Snapshot) -> bool:
        """A state came: load it if it knows more, and pass it on. Whether it was loaded."""
        new = not self.settled or message.index > self.replica.index
        if new:
            self.replica.load(message.index, message.state)
            self.settled = True
        self._pass_on(message)
        self.held = {index: each for index, each in self.held.items() if index > message.index}
        self._catch_up()
        return new

    def _catch_up(self) -> None:
        """Apply what was held back and is due."""
        while entry := self.held.pop(self.replica.index + 1, None):
            replica = self.replica
            every = slice(0, replica.end - replica.begin)
            rows = every if entry.keys is None else replica.store.rows(entry.keys)
            replica.apply(entry.done.tolist(), rows, entry.values)
            self._pass_on(entry)

    def _pass_on(self, message: Forward | Snapshot) -> None:
        """To the next, or, from the last, word to the head."""
        if self.next is not None:
            self.outbox.send(self.next, message)
        else:
            word = Forwarded(self.epoch, self.shard, self.replica.index)
            self.outbox.send(self.chain[0], word)
