"""One shard on one server: its rows, whose pushes are in them, and how far each worker has come.

A replica changes only by entries of its shard's log, applied in the order of their index; so two
replicas of the same index are equal, bit for bit. Which entries there are, the head of the chain
decides (intake.py), and chain.py brings them to all. Li et al., OSDI 2014, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, TypeVar

import numpy as np

from mlsys.distributed.parameter_server.clocks import RangeClocks
from mlsys.distributed.parameter_server.group import Table
from mlsys.distributed.parameter_server.keys import KeyCache, check_keys
from mlsys.distributed.parameter_server.messages import Array, Keys, Pull, Push, Rows
from mlsys.distributed.parameter_server.store import Dense, Sparse

T = TypeVar("T")
REFUSED = -2  # as the clock of a push that changes nothing, and uses its number up


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    """Exactly once and in order: what becomes due when the item of a sequence number arrives.

    applied: all up to this number have been due already. held: what came too early; changed here.
    Returns the new ``applied`` and the items due now. One that came before changes nothing.

    >>> held = {}
    >>> in_order(0, held, 2, "b"), in_order(0, held, 1, "a"), in_order(2, held, 1, "a")
    ((0, []), (2, ['a', 'b']), (2, []))
    """
    if sequence > applied:
        held.setdefault(sequence, item)
    due = []
    while applied + 1 in held:
        applied += 1
        due.append(held.pop(applied))
    return applied, due


def ready(clocks: Sequence[int], after: int, needed: int) -> bool:
    """Whether a pull may be answered: ``needed`` of the workers' clocks have reached ``after``.

    >>> ready([3, 2, 4], after=3, needed=2), ready([3, 2, 4], 3, 3), ready([-1, -1], -1, 2)
    (True, False, True)
    """
    return after < 0 or sum(clock >= after for clock in clocks) >= needed


class Replica:
    """Keys ``begin`` to ``end`` - 1 of a table. workers: all that may ever push to it."""

    def __init__(self, table: Table, number: int, workers: Sequence[int]) -> None:
        self.table = table
        self.begin, self.end = table.bounds(number)
        kind = Sparse if table.sparse else Dense
        self.store = kind(
            self.begin,
            self.end,
            table.width,
            table.dtype,
            table.initial,
            table.update.state_names,
        )
        self.clocks = RangeClocks(self.begin, self.end, workers)
        self.cache = KeyCache()
        self.index = 0  # entries applied
        self.applied: dict[int, int] = {}  # of each worker admitted: all its pushes up to this
        self.ahead: dict[int, dict[int, None]] = {}  # and these, beyond a gap
        self.refused: set[tuple[int, int]] = set()  # of those, the ones that were not done

    def resolve(self, message: Push | Pull) -> tuple[Keys | None, Rows]:
        """The keys that a message means (None: all from begin to end), and their rows.

        Raises KeyError if their signature is not known here, ValueError with what is wrong else.
        """
        begin, end, keys = message.begin, message.end, message.keys
        if not self.begin <= begin < end <= self.end:
            raise ValueError(
                f"this shard of table {self.table.name!r} has the keys {self.begin} to "
                f"{self.end - 1}, and keys {begin} to {end - 1} were named: split a range at "
                f"Table.bounds"
            )
        if keys is None and message.signature:
            return self._remembered(message.signature, begin, end)
        if keys is None:
            if self.table.sparse:
                raise ValueError(f"table {self.table.name!r} is sparse: name the keys you mean")
            return None, slice(begin - self.begin, end - self.begin)
        check_keys(keys, begin, end)
        rows = self.store.rows(keys)
        if message.signature:
            self.cache.put(message.signature, keys, rows)
        return keys, rows

    def _remembered(self, signature: int, begin: int, end: int) -> tuple[Keys, Rows]:
        found = self.cache.get(signature)
        if found is None:
            raise KeyError(signature)
        keys, rows = found
        if len(keys) and not begin <= keys[0] <= keys[-1] < end:
            raise ValueError(f"the keys sent before reach beyond the range {begin} to {end - 1}")
        return keys, rows

    def has(self, sender: int, sequence: int) -> bool:
        """Whether this push has been applied, or refused."""
        return sequence <= self.applied.get(sender, 0) or sequence in self.ahead.get(sender, ())

    def apply(self, done: Iterable[Sequence[int]], rows: Rows, values: Array) -> None:
        """The next entry of the log: the sum of the pushes ``done``, each as in `Forward`."""
        if len(values):
            self.store.apply(self.table.update, rows, values)
        for sender, sequence, clock, begin, end in done:
            self.applied.setdefault(sender, 0)
            if sequence:
                held = self.ahead.setdefault(sender, {})
                self.applied[sender], _ = in_order(self.applied[sender], held, sequence, None)
            if clock == REFUSED:
                self.refused.add((sender, sequence))
            elif clock >= 0:
                self.clocks.set(begin, end, sender, clock)
        self.index += 1

    def state(self) -> dict[str, Any]:
        """A copy of everything, for `load` of another."""
        ahead = [(sender, each) for sender, held in self.ahead.items() for each in held]
        state = {
            "rows": self.store.state(),
            "clocks": self.clocks.state(),
            "applied": np.array([*self.applied.items()], np.int64).reshape(-1, 2),
            "ahead": np.array(ahead, np.int64).reshape(-1, 2),
            "refused": np.array([*self.refused], np.int64).reshape(-1, 2),
        }
        return deepcopy(state)

    def load(self, index: int, state: dict[str, Any]) -> None:
        """Become a copy of the replica that had this state."""
        state = deepcopy(state)
        self.store.load(state["rows"])
        self.clocks = RangeClocks.from_state(state["clocks"])
        self.index, self.cache = index, KeyCache()
        self.applied = dict(state["applied"].tolist())
        self.ahead = {}
        for sender, sequence in state["ahead"].tolist():
            self.ahead.setdefault(sender, {})[sequence] = None
        self.refused = {(sender, sequence) for sender, sequence in state["refused"].tolist()}
