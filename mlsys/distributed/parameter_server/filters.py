"""What a worker need not send: filters, between the gradient and the wire.

A filter sees the keys and values of a push, and returns those that are worth their bytes. What it
leaves out now may count later (`SignificantlyModified` keeps it), or could not change anything
(`KKT`). Source: Li and others, OSDI 2014, sections 3.6 and 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlsys.distributed.parameter_server.messages import Array, Keys


class Filter(Protocol):
    """Chooses what is pushed."""

    def push(self, keys: Keys, values: Array, weights: Array | None = None) -> tuple[Keys, Array]:
        """The keys (sorted) and values that go, of keys (n,) and values (n, width).

        weights: what the worker has pulled for these keys, shape (n, width), where it is asked for.
        """


class SignificantlyModified:
    """Rows of which a number has changed by ``threshold`` or more; the others add up here.

    Nothing is lost: what has been sent and what is kept always make the sum of what was given.
    """

    def __init__(self, threshold: float) -> None:
        if not threshold >= 0:
            raise ValueError(f"threshold: expected a number >= 0, got {threshold}")
        self._threshold = threshold
        self._kept_keys = np.empty(0, np.int64)
        self._kept: Array | None = None

    def push(self, keys: Keys, values: Array, weights: Array | None = None) -> tuple[Keys, Array]:
        """See `Filter`; the keys may be others than those given, which have grown by now."""
        every, sums = self._added(keys, values)
        send = ~(np.abs(sums) < self._threshold).all(axis=1)  # so that nan is sent, and seen
        self._kept_keys, self._kept = every[~send], sums[~send]
        return every[send], sums[send]

    def kept(self) -> tuple[Keys, Array | None]:
        """Keys and values that have not been sent yet."""
        return self._kept_keys, self._kept

    def _added(self, keys: Keys, values: Array) -> tuple[Keys, Array]:
        if self._kept is None:
            return keys, values
        both = np.concatenate([self._kept_keys, keys])
        order = np.argsort(both, kind="stable")  # two sorted runs: it merges them
        both = both[order]
        first = np.flatnonzero(np.diff(both, prepend=-1))  # of equal keys
        rows = np.concatenate([self._kept, values])[order]
        return both[first], np.add.reduceat(rows, first)


@dataclass(frozen=True)
class KKT:
    """Leaves out what the proximal step of an l1 penalty would set to 0 again.

    A weight that is 0 stays 0 while its gradient is within [-l1, l1]: the condition of Karush, Kuhn
    and Tucker at the optimum. A worker knows only an old gradient, so it takes ``delta`` off: a
    larger delta sends more and errs less often. values must be gradients; ``weights`` is needed.
    """

    l1: float
    delta: float = 0.0

    def __post_init__(self) -> None:
        if not (self.l1 >= 0 and self.delta >= 0):
            raise ValueError(f"expected l1 >= 0 and delta >= 0, got {self.l1} and {self.delta}")

    def push(self, keys: Keys, values: Array, weights: Array | None = None) -> tuple[Keys, Array]:
        """See `Filter`. Raises ValueError without weights."""
        if weights is None:
            raise ValueError("KKT: expected the weights of these keys, as pulled; got none")
        quiet = (weights == 0) & (np.abs(values) <= self.l1 - self.delta)  # of nan: no
        send = ~quiet.all(axis=1)
        return keys[send], values[send]
