"""The plan was made for other traffic. How is that noticed, and what is to be done about it?

The **envelope** of traffic is the most requests in any window of each length (a subject of network
calculus: Cruz, 1991). Short windows show bursts, long ones the rate. A plan has proved itself on
traffic with a known envelope; as long as what comes stays below it at every length, the queues stay
as short as they were. When it does not, replicas are added at once, before a queue has told. They
are taken away only after a while without change, as many as the last half minute did without.
Queues are not looked at: arrivals are enough, and come first. After InferLine (SoCC 2020), which
scales to the highest rate among the windows that exceed; here it is to the worst ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mlsys.serving.pipelines.estimator import Changes, service_time
from mlsys.serving.pipelines.graph import Array, Integers, Traffic
from mlsys.serving.pipelines.profiles import Catalogue, Plan, replicas_needed


def windows(shortest: float, longest: float = 60.0) -> Array:
    """Lengths in seconds: the shortest, and twice as long each time, up to the longest.

    >>> windows(0.5, 3.0).tolist()
    [0.5, 1.0, 2.0]
    """
    if not 0 < shortest <= longest:
        raise ValueError(f"expected 0 < shortest <= longest, got {shortest}, {longest}")
    return np.asarray(shortest * 2.0 ** np.arange(int(np.log2(longest / shortest) + 1e-9) + 1))


def envelope(arrivals: Array, lengths: Array, since: float = -np.inf) -> Integers:
    """The most arrivals in any window of each length; of one that ends after ``since``.

    arrivals: (n,), seconds, in order. lengths: (m,). Returns (m,) counts. A window (t - w, t]
    leaves out its beginning. The fullest one ends with an arrival, so only those are tried:
    n searches for each length.

    >>> envelope(np.array([0.0, 1.0, 1.5, 4.0]), np.array([1.0, 2.0])).tolist()
    [2, 3]
    """
    first = int(np.searchsorted(arrivals, since, "right"))
    ends = arrivals[first:]
    if not ends.size:
        return np.zeros(len(lengths), np.int64)
    upto = np.searchsorted(arrivals, ends, "right")
    before = np.searchsorted(arrivals, ends[None, :] - lengths[:, None], "right")
    return np.asarray((upto - before).max(axis=1))


def growth(live: Integers, planned: Integers) -> float:
    """How many times as much comes as was planned for, at the length where it is worst.

    live, planned: two envelopes, (m,), of the same lengths. If every window holds at most f times
    as many requests, f times the replicas keep the bound on how long one waits.

    >>> growth(np.array([3, 10]), np.array([2, 10]))
    1.5
    """
    return float((live / planned).max())


@dataclass
class Tuner:
    """Replicas for each stage, from arrivals alone.

    planned: the traffic that the plan has proved itself on. calm: seconds without a change before
    replicas are taken away; memory: seconds of traffic that those which stay must be enough for.
    shortest: window, in seconds; 0: as long as a request takes if nobody waits.
    """

    catalogue: Catalogue
    plan: Plan
    planned: Traffic
    calm: float = 15.0
    memory: float = 30.0
    shortest: float = 0.0
    replicas: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        shortest = self.shortest or service_time(self.planned.graph, self.catalogue, self.plan)
        longest = min(self.memory, self.planned.arrivals[-1] - self.planned.arrivals[0])
        self.lengths = windows(shortest, longest)
        self.limit = envelope(self.planned.arrivals, self.lengths)
        self.replicas = self.needed(1.0)
        self._seen, self._changed = 0.0, max(0.0, self.memory - self.calm)  # first see that much

    def needed(self, times: float) -> dict[str, int]:
        """Replicas of each stage for so many times the traffic that the plan was made for."""
        return {
            stage: replicas_needed(times * setting.replicas, 1.0)
            for stage, setting in self.plan.items()
        }

    def look(self, now: float, arrivals: Array) -> bool:
        """Decide anew, given all arrivals up to now. Returns whether ``replicas`` has changed."""
        recent = arrivals[np.searchsorted(arrivals, self._seen - self.lengths[-1]) :]
        fresh = self.needed(growth(envelope(recent, self.lengths, self._seen), self.limit))
        new = {stage: max(count, fresh[stage]) for stage, count in self.replicas.items()}
        if new == self.replicas and now - self._changed >= self.calm:
            last = arrivals[np.searchsorted(arrivals, now - self.memory, "right") :]
            new = self.needed(growth(envelope(last, self.lengths), self.limit))
        changed = new != self.replicas
        self._seen, self._changed = now, now if changed else self._changed
        self.replicas = new
        return changed


@dataclass(frozen=True)
class Followed:
    """What a tuner did: of each stage the replicas it ordered, and from when they worked."""

    ordered: dict[str, list[tuple[float, int]]]
    working: dict[str, list[tuple[float, int]]]


def follow(tuner: Tuner, arrivals: Array, every: float = 1.0, startup: float = 5.0) -> Followed:
    """Let a tuner look at traffic every so many seconds. A new replica needs ``startup`` seconds.

    It is paid for from its order on. One that is taken away goes at once, first those that have
    not begun to work.
    """
    ordered = {stage: [(0.0, count)] for stage, count in tuner.replicas.items()}
    for now in np.arange(every, arrivals[-1] + every, every):
        if tuner.look(float(now), arrivals[: np.searchsorted(arrivals, now, "right")]):
            for stage, count in tuner.replicas.items():
                if count != ordered[stage][-1][1]:
                    ordered[stage].append((float(now), count))
    return Followed(ordered, {stage: delayed(steps, startup) for stage, steps in ordered.items()})


def delayed(ordered: Changes, startup: float) -> list[tuple[float, int]]:
    """How many work, from when on: the fewest that were ordered within the last ``startup`` s.

    >>> delayed([(0.0, 2), (10.0, 5), (12.0, 3)], startup=5.0)
    [(0.0, 2), (15.0, 3)]
    """
    moments = sorted({0.0, *(t for t, _ in ordered), *(t + startup for t, _ in ordered[1:])})
    found: list[tuple[float, int]] = []
    for now in moments:
        old = [count for t, count in ordered if t <= max(now - startup, ordered[0][0])][-1]
        count = min([old, *(count for t, count in ordered if now - startup < t <= now)])
        if not found or found[-1][1] != count:
            found.append((now, count))
    return found


def replica_seconds(steps: Sequence[tuple[float, int]], end: float) -> float:
    """Of the replicas that were there from each moment to the next one, the last until ``end``.

    >>> replica_seconds([(0.0, 2), (10.0, 5)], end=12.0)
    30.0
    """
    times = np.array([*(t for t, _ in steps), end])
    return float(np.array([count for _, count in steps]) @ np.diff(times))
