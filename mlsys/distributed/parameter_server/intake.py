"""What the head of a chain takes in: each sender's pushes once, in order, alone or summed by clock.

Everything here belongs to one epoch. A new head begins with what its replica says was applied; the
senders send the rest again, because nobody told them it was safe.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from mlsys.distributed.parameter_server.aggregation import Rounds, total
from mlsys.distributed.parameter_server.chain import Done, Link
from mlsys.distributed.parameter_server.messages import Array, Keys, Push, Rows
from mlsys.distributed.parameter_server.replica import REFUSED, in_order

FORGOTTEN = "it was refused by a server that has died since, and the reason with it"


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A push and the keys and rows it means; or the reason why it cannot be applied."""

    push: Push
    keys: Keys | None
    rows: Rows
    reason: str = ""


class Intake:
    """The pushes for one shard in one epoch. workers: those alive whose clocks count."""

    def __init__(self, link: Link, workers: Collection[int]) -> None:
        self.link, self.replica, self.workers = link, link.replica, workers
        self.rule = link.replica.table.consistency
        self.taken = dict(self.replica.applied)  # of each sender: all up to this have come
        self.held: dict[int, dict[int, Arrival | None]] = {
            sender: dict.fromkeys(ahead) for sender, ahead in self.replica.ahead.items()
        }
        self.rounds = Rounds()
        self.refused: dict[tuple[int, int], str] = {}
        self._admit()

    def _admit(self) -> None:
        """Workers that joined late begin at the clock that all others have reached."""
        new = [worker for worker in self.workers if worker not in self.replica.applied]
        others = [worker for worker in self.workers if worker in self.replica.applied]
        if new and others:
            begin, end = self.replica.begin, self.replica.end
            clock = self.replica.clocks.least(begin, end, others)
            self._log_nothing([(worker, 0, clock, begin, end) for worker in new])

    def part_with(self, workers: Collection[int]) -> None:
        """Of the workers only these are left: sums that waited for the others are due."""
        self.workers = workers
        self._close_rounds()

    def take(self, arrival: Arrival) -> bool:
        """A push came. Returns whether anything was applied.

        One of a worker that is out, taken for dead perhaps, has no answer: sums are closed without
        it, and to call it done would be to lose it.
        """
        push, before = arrival.push, self.replica.index
        sender, sequence = push.sender, push.sequence
        if sender in self.replica.clocks.workers and sender not in self.workers:
            return False
        taken, held = self.taken.get(sender, 0), self.held.setdefault(sender, {})
        if sequence <= taken or self.replica.has(sender, sequence):
            self._again(push)
            return False
        self.taken[sender], due = in_order(taken, held, sequence, arrival)
        for each in due:
            if each is not None:
                self._accept(each)
        self._close_rounds()
        return self.replica.index > before

    def _again(self, push: Push) -> None:
        """It came before: say again what was said, unless it still waits."""
        key = push.sender, push.sequence
        if self.replica.has(*key):
            reason = self.refused.get(key, FORGOTTEN) if key in self.replica.refused else ""
            self.link.owe(*key, reason)

    def _accept(self, arrival: Arrival) -> None:
        """The next push of its sender."""
        push = arrival.push
        if arrival.reason:
            self._refuse(push, arrival.reason)
        elif not self.rule.aggregate or push.clock < 0:
            self._log([push], arrival.keys, arrival.rows, push.values)
        elif self._closed(push):
            self._late(push)
        else:
            try:
                self.rounds.add(push, arrival.keys)
            except ValueError as error:
                self._refuse(push, str(error))

    def _closed(self, push: Push) -> bool:
        """Whether enough others were there for its clock, so that its sum has been applied."""
        return max(self.replica.clocks.clocks(push.begin, push.end)) >= push.clock

    def _late(self, push: Push) -> None:
        """A backup worker is late: it is told so far so good, and its gradient is left out."""
        own = self.replica.clocks.least(push.begin, push.end, [push.sender])
        if own >= push.clock:
            reason = (
                f"worker {push.sender} has pushed clock {push.clock} for keys {push.begin} to "
                f"{push.end - 1} before, and it has been summed: push once for each clock"
            )
            self._refuse(push, reason)
        else:
            self._log_nothing([_row(push)])

    def _close_rounds(self) -> None:
        """Apply the sums of all clocks that enough workers have reached."""
        clocks, needed = self.replica.clocks, self.rule.needed(len(self.workers))
        for (_, begin, end), parts in self.rounds.due(clocks, self.workers, needed):
            pushes = [push for push, _ in parts]
            if any(keys is not None for _, keys in parts):  # then all must name theirs
                span = np.arange(begin, end)
                parts = [(push, span if keys is None else keys) for push, keys in parts]
            keys, values = total([(keys, push.values) for push, keys in parts])
            rows: Rows = slice(begin - self.replica.begin, end - self.replica.begin)
            if keys is not None:
                rows = self.replica.store.rows(keys)
            self._log(pushes, keys, rows, values)

    def _log(self, pushes: list[Push], keys: Keys | None, rows: Rows, values: Array) -> None:
        begin, end = pushes[0].begin, pushes[0].end
        part = (begin, end) != (self.replica.begin, self.replica.end)
        if keys is None and part and self.link.next is not None:
            keys = np.arange(begin, end)
        self.link.log([_row(push) for push in pushes], keys, rows, values)

    def _log_nothing(self, done: list[Done], reason: str = "") -> None:
        """An entry that moves clocks and sequences alone."""
        table = self.replica.table
        values = np.zeros((0, table.width), table.dtype)
        self.link.log(done, np.zeros(0, np.int64), slice(0, 0), values, reason)

    def _refuse(self, push: Push, reason: str) -> None:
        """Use the sequence number up, that later pushes may come, and tell the sender why."""
        self.refused[push.sender, push.sequence] = reason
        self._log_nothing([(push.sender, push.sequence, REFUSED, 0, 0)], reason)


def _row(push: Push) -> Done:
    return push.sender, push.sequence, push.clock, push.begin, push.end
