"""Links at work: when a message that leaves now arrives, and what each link has carried.

A link serves messages in the order in which they were sent: the next one starts when the last has
left. That is exact on the first link of a route; further on, a message that was sent earlier and
comes over a longer way keeps its place, which a real switch would give to whoever is there first.
"""

from __future__ import annotations

from mlsys.distributed.cluster.run import LinkTraffic
from mlsys.distributed.cluster.topology import Topology


class Link:
    """One direction of a cable. ``free``: when all that was sent so far has left it."""

    __slots__ = ("alpha", "beta", "busy", "free", "messages", "name", "nbytes")

    def __init__(self, name: str, alpha: float, beta: float) -> None:
        self.name, self.alpha, self.beta = name, alpha, beta
        self.free = self.busy = 0.0
        self.nbytes = self.messages = 0


class Network:
    """The links of a topology, with a clock on each."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._links = {name: Link(name, *cost) for name, cost in topology.links.items()}
        self._routes: dict[tuple[int, int], list[Link]] = {}
        self._last: dict[tuple[int, int], float] = {}  # arrival of the last message of each pair

    def transmit(
        self,
        source: int,
        dest: int,
        nbytes: int,
        now: float,
        delay: float = 0.0,
        ordered: bool = True,
    ) -> tuple[float, float, float]:
        """When a message starts, has left its sender's port, and has arrived.

        delay: seconds that are added to its way; not ordered: it may overtake earlier ones.
        """
        pair = (source, dest)
        head = tail = now  # of its first byte, and of its last
        start = left = -1.0
        for link in self._routes[pair] if pair in self._routes else self._route(pair):
            if link.free > head:
                head = link.free
            seconds = nbytes * link.beta
            link.free = end = head + seconds
            link.busy += seconds
            link.nbytes += nbytes
            link.messages += 1
            if left < 0:
                start, left = head, end
            head += link.alpha
            tail = max(tail, end) + link.alpha
        tail += delay
        if ordered:
            tail = max(tail, self._last.get(pair, 0.0))
            self._last[pair] = tail
        return (start, left, tail) if left >= 0 else (now, now, tail)

    def latency(self, source: int, dest: int) -> float:
        """Seconds for an empty message that meets nobody."""
        return sum(link.alpha for link in self._route((source, dest)))

    def traffic(self) -> list[LinkTraffic]:
        """What each link has carried, those that carried nothing left out."""
        return [
            LinkTraffic(link.name, link.nbytes, link.messages, link.busy)
            for link in self._links.values()
            if link.messages
        ]

    def _route(self, pair: tuple[int, int]) -> list[Link]:
        names = [] if pair[0] == pair[1] else self._topology.route(*pair)
        self._routes[pair] = route = [self._links[name] for name in names]
        return route
