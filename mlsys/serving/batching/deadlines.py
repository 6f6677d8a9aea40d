"""Whose answer is still worth something? Earliest deadline first, in batches.

With deadlines a batch may be as large as its most urgent member can bear. If there is time for all
who wait, serving the earliest deadline first meets them all (Jackson, 1955). If there is not, it
does the worst: the most urgent one has hardly any time left, so batches are small, so everybody is
late. Then it pays to give up whoever forces a small batch (Nexus, SOSP 2019, calls it early drop).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlsys.serving.batching.policy import Decision, Request

Latency = Callable[[int], float]  # seconds for a batch of so many


def largest(latency: Latency, seconds: float, most: int) -> int:
    """The largest batch up to ``most`` that takes no longer; 0 if none. latency: never falling.

    >>> largest(lambda n: 1 + n / 2, seconds=3.2, most=100)
    4
    """
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if latency(middle) <= seconds:
            low = middle
        else:
            high = middle - 1
    return low


def best_batch(latency: Latency, slack: Sequence[float], most: int) -> tuple[int, int]:
    """Where to begin in a line, and how many to take, to answer most requests a second in time.

    slack: seconds that each has left, ascending, the first at least latency(1). A batch is of
    neighbours, at most ``most``, and takes no longer than its first one has left. latency: such
    that larger batches answer more a second. If two are equally good, the one that begins earlier.

    >>> best_batch(lambda n: 1 + n / 2, [1.5, 3.0, 3.0, 3.0], most=100)
    (1, 3)
    """
    best, rate = (0, 1), 0.0
    for first, seconds in enumerate(slack):
        left = min(most, len(slack) - first)
        size = largest(latency, seconds, left)
        if size and size / latency(size) > rate:
            best, rate = (first, size), size / latency(size)
        if size == left:
            break  # nobody hinders the rest
    return best


@dataclass
class EarliestDeadline:
    """Batches in the order of deadlines, each in time for all of its members.

    latency: what is known of the device: its true curve makes this policy an oracle, and
    `LatencyModel.predict` one that learns. Whoever cannot be in time any more is dropped. When more
    wait than the most urgent one can bear, it is passed over for a batch with a better rate.
    """

    latency: Latency
    most: int = 4096
    learn: Callable[[int, float], object] = lambda size, seconds: None

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """Drop the hopeless; then the batch that answers most requests a second."""
        soonest = now + self.latency(1)
        drop = tuple(request for request in waiting if request.deadline < soonest)
        alive = [request for request in waiting if request.deadline >= soonest]
        if not alive:
            return Decision(drop=drop)
        kind = min(alive, key=lambda request: request.deadline).kind
        line = sorted((r for r in alive if r.kind == kind), key=lambda request: request.deadline)
        slack = [request.deadline - now for request in line]
        first, size = best_batch(self.latency, slack, self.most)
        return Decision(tuple(line[first : first + size]), drop)

    def done(self, now: float, batch: Sequence[Request], seconds: float) -> None:
        """Tell whoever keeps ``latency``."""
        self.learn(len(batch), seconds)
