"""Consistent hashing: which servers hold a shard, so that a change of servers moves few shards.

Servers and shards are hashed onto the same circle, and a shard belongs to the first server after
it (Karger and others, 1997). A server that comes takes shards only for itself, one that goes leaves
only its own: of S servers, a share of 1/S moves. Each server stands at many points, its virtual
nodes: with v of them the standard deviation of a server's share is about 1/sqrt(v) of the mean, so
that 64 points keep most servers within an eighth of it (`spread`). Cost: one search among S v
points.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from bisect import bisect
from collections.abc import Iterable


def place(name: str) -> int:
    """The point of a name on the circle, 0 to 2^64 - 1; the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


@functools.lru_cache(maxsize=4096)
def _points(node: int, virtual: int) -> tuple[tuple[int, int], ...]:
    """Where a node stands. Remembered, for in a simulation all ranks make the same ring."""
    return tuple((place(f"node {node}, point {v}"), node) for v in range(virtual))


class Ring:
    """Nodes on a circle, each at ``virtual`` points. Raises ValueError if there is nobody."""

    def __init__(self, nodes: Iterable[int], virtual: int = 64) -> None:
        self.nodes = tuple(sorted({*nodes}))
        if not self.nodes or virtual < 1:
            raise ValueError(
                f"expected one node or more, at one point or more each, "
                f"got {len(self.nodes)} nodes and {virtual} points"
            )
        points = itertools.chain.from_iterable(_points(node, virtual) for node in self.nodes)
        self._places, self._owners = zip(*sorted(points))

    def owner(self, name: str) -> int:
        """The first node after this name."""
        return self.chain(name, 1)[0]

    def chain(self, name: str, count: int) -> tuple[int, ...]:
        """The first ``count`` different nodes after this name.

        Raises ValueError if there are not so many.
        """
        if not 0 <= count <= len(self.nodes):
            raise ValueError(f"expected 0 to {len(self.nodes)} nodes, got {count}")
        found: dict[int, None] = {}
        start = bisect(self._places, place(name))
        for step in range(len(self._owners)):
            if len(found) == count:
                break
            found.setdefault(self._owners[(start + step) % len(self._owners)])
        return tuple(found)


def spread(nodes: int, virtual: int) -> float:
    """The standard deviation of a node's part of the circle, over the mean part.

    S v points at random leave S v gaps. The sum of v of them has a beta distribution, with the
    parameters v and (S - 1) v.

    >>> round(spread(20, 64), 3), round(spread(20, 1), 3)
    (0.122, 0.951)
    """
    return math.sqrt((nodes - 1) / (nodes * virtual + 1))
