"""The pushes of one clock, kept until enough workers have pushed it, then added up as one.

Workers that wait for each other anyway lose nothing by it, and each replica applies one sum instead
of n pushes. The sum is taken in the order of ranks: a run is repeated bit for bit, whatever the
network does, and equals serial SGD over the same batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mlsys.distributed.parameter_server.clocks import RangeClocks
from mlsys.distributed.parameter_server.messages import Array, Keys, Push

Round = tuple[int, int, int]  # clock, begin, end
Part = tuple[Push, Keys | None]  # with the keys that it means


def total(parts: Sequence[tuple[Keys | None, Array]]) -> tuple[Keys | None, Array]:
    """The union of the keys and the sums of their values, added in the order of ``parts``.

    keys: sorted (n,), or None, if None for all parts, for the same range. values: (n, width).
    """
    first, values = parts[0]
    if all(_same(keys, first) for keys, _ in parts):
        sums = values.copy()
        for _, more in parts[1:]:
            sums += more
        return first, sums
    named = [(keys, more) for keys, more in parts if keys is not None]
    union = np.unique(np.concatenate([keys for keys, _ in named]))
    sums = np.zeros((len(union), values.shape[1]), values.dtype)
    for keys, more in named:
        sums[np.searchsorted(union, keys)] += more
    return union, sums


def _same(keys: Keys | None, others: Keys | None) -> bool:
    if keys is None or others is None:
        return keys is others
    return keys is others or np.array_equal(keys, others)


@dataclass(slots=True)
class Rounds:
    """What has been pushed for clocks that too few workers have reached."""

    open: dict[Round, list[Part]] = field(default_factory=dict)

    def add(self, push: Push, keys: Keys | None) -> None:
        """Keep a push. Raises ValueError if others spoke for a range that only overlaps its own."""
        for _, begin, end in self.open:
            same = (begin, end) == (push.begin, push.end)
            if not same and max(begin, push.begin) < min(end, push.end):
                raise ValueError(
                    f"worker {push.sender} pushes clock {push.clock} for keys {push.begin} to "
                    f"{push.end - 1}, others push for {begin} to {end - 1}: pushes that are summed "
                    f"must speak for the same ranges"
                )
        self.open.setdefault((push.clock, push.begin, push.end), []).append((push, keys))

    def due(
        self, clocks: RangeClocks, workers: Collection[int], needed: int
    ) -> Iterator[tuple[Round, list[Part]]]:
        """Take out the rounds that ``needed`` of the workers have reached, the earliest first."""
        for key in sorted(self.open):
            clock, begin, end = key
            here = self._reached(key).intersection(workers)
            others = [worker for worker in workers if worker not in here]
            if len(here) + clocks.reached(begin, end, clock, others) >= needed:
                parts = self.open.pop(key)
                yield key, sorted(parts, key=lambda part: (part[0].sender, part[0].sequence))

    def _reached(self, key: Round) -> set[int]:
        """Who has pushed this clock or a later one for the same range."""
        return {
            push.sender
            for (clock, *span), parts in self.open.items()
            if clock >= key[0] and tuple(span) == key[1:]
            for push, _ in parts
        }
