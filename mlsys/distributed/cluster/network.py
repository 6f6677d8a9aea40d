"""Links at work: when a message that is sent now arrives, and what each link has carried.

A message holds all links of its route from its beginning to its end, as a telephone call does; it
starts as soon as all of them are free, and whoever is sent first goes first. So a port sends one
message at a time, the model in which collective operations are analysed (Chan and others, 2007).
Real switches let the parts of messages take turns, and a long cable can hold many of them.
"""

from __future__ import annotations

from mlsys.distributed.cluster.run import LinkTraffic
from mlsys.distributed.cluster.topology import Topology


class Link:
    """One direction of a cable. ``free``: when all that was sent so far has left it."""

    __slots__ = ("alpha", "beta", "free", "name")

    def __init__(self, name: str, alpha: float, beta: float) -> None:
        self.name, self.alpha, self.beta = name, alpha, beta
        self.free = 0.0


class Path:
    """The links from one rank to another, and what has been sent over them."""

    __slots__ = ("alpha", "arrival", "beta", "links", "messages", "nbytes")

    def __init__(self, links: list[Link]) -> None:
        self.links = links
        self.alpha = sum(link.alpha for link in links)
        self.beta = max((link.beta for link in links), default=0.0)
        self.arrival = 0.0  # of the last message
        self.nbytes = self.messages = 0


class Network:
    """The links of a topology, with a clock on each."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._links = {name: Link(name, *cost) for name, cost in topology.links.items()}
        self._paths: dict[tuple[int, int], Path] = {}

    def transmit(
        self,
        source: int,
        dest: int,
        nbytes: int,
        now: float,
        delay: float = 0.0,
        ordered: bool = True,
    ) -> tuple[float, float, float]:
        """When a message starts, has left the links, and has arrived.

        delay: seconds that are added to its way; not ordered: it may overtake earlier ones.
        """
        try:
            path = self._paths[source, dest]
        except KeyError:
            path = self.path(source, dest)
        path.nbytes += nbytes
        path.messages += 1
        start = now
        for link in path.links:
            if link.free > start:
                start = link.free
        left = start + path.alpha + nbytes * path.beta
        for link in path.links:
            link.free = left
        arrival = left + delay
        if ordered:
            if path.arrival > arrival:
                arrival = path.arrival
            path.arrival = arrival
        return start, left, arrival

    def announce(self, source: int, dest: int, now: float) -> float:
        """When the receiver hears that a message waits for it: no message's place is taken."""
        path = self._paths.get((source, dest)) or self.path(source, dest)
        path.arrival = max(path.arrival, now + path.alpha)
        return path.arrival

    def path(self, source: int, dest: int) -> Path:
        """The way from one rank to another."""
        names = [] if source == dest else self._topology.route(source, dest)
        path = Path([self._links[name] for name in names])
        return self._paths.setdefault((source, dest), path)

    def traffic(self) -> list[LinkTraffic]:
        """What each link has carried, those that carried nothing left out."""
        carried = {name: LinkTraffic(name) for name in self._links}
        for path in self._paths.values():
            busy = path.messages * path.alpha + path.nbytes * path.beta
            for link in path.links:
                carried[link.name].add(path.nbytes, path.messages, busy)
        return [each for each in carried.values() if each.messages]
