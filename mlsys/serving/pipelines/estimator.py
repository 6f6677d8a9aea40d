"""How long will requests take under a plan? Each stage after the other, one step for each batch.

A stage has one queue for all its replicas; one that is idle takes whoever is there, up to the
batch of the plan. Work flows forward only, so what happens at a stage does not depend on those
behind it: all of its visits can be played before the next stage begins. That needs no queue of
events, and no step for a request that waits, only one for each batch: about a microsecond. (The
event queue of the chapter on simulation gives the same times; a test holds the two together.)
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.measurement.percentiles import nearest_rank
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.graph import Array, Graph, Traffic
from mlsys.serving.pipelines.profiles import Catalogue, Plan

Changes = Sequence[tuple[float, int]]  # from that second on, so many replicas; in order


@dataclass(frozen=True)
class Estimate:
    """What became of n requests.

    latency: (n,), seconds from arrival until the last visit is done. batches: of each stage.
    """

    latency: Array
    batches: dict[str, int]

    def tail(self, percent: float = 99.0) -> float:
        """The latency that so many percent of all requests do not exceed."""
        return nearest_rank(self.latency, percent)

    def missed(self, seconds: float) -> float:
        """The share of requests that took longer."""
        return float(np.mean(self.latency > seconds))


def estimate(
    traffic: Traffic,
    catalogue: Catalogue,
    plan: Plan,
    changes: Mapping[str, Changes] | None = None,
) -> Estimate:
    """Play a plan against traffic. The same traffic gives the same latencies, to the bit.

    changes: of the number of replicas of a stage, while it runs.
    """
    finished: dict[str, Array] = {}
    batches: dict[str, int] = {}
    done = traffic.arrivals.copy()
    for stage in traffic.graph.stages:
        edges = traffic.graph.into[stage]
        parts = [finished[edge.source][traffic.parent[edge]] for edge in edges]
        came = np.concatenate(parts) if edges else traffic.arrivals
        order = np.argsort(came, kind="stable")
        setting = plan[stage]
        curve = catalogue[stage][setting.hardware].curve
        steps = (changes or {}).get(stage, ())
        ended, batches[stage] = served(came[order], curve, setting.batch, setting.replicas, steps)
        finished[stage] = np.empty_like(came)
        finished[stage][order] = ended
        np.maximum.at(done, traffic.request[stage], finished[stage])
    return Estimate(done - traffic.arrivals, batches)


def served(
    arrivals: Array, curve: Linear, batch: int, replicas: int, changes: Changes = ()
) -> tuple[Array, int]:
    """When each visit of one stage is done, shape (n,), and in how many batches.

    arrivals: (n,), in order. Whoever comes at the same moment may go together. A replica that is
    taken away ends what it has begun; the one that is idle or will be first goes.
    """
    if batch < 1 or replicas < 1:
        raise ValueError(f"expected a batch and replicas of at least 1, got {batch}, {replicas}")
    seconds = [curve.seconds(size) for size in range(batch + 1)]
    times, finished, begun = arrivals.tolist(), np.empty(arrivals.size), 0
    free = [-np.inf] * replicas  # a heap: when each replica is idle again
    coming, first = list(reversed(changes)), 0
    while first < len(times):
        start = max(free[0], times[first])
        if coming and coming[-1][0] <= start:
            _resize(free, *coming.pop())
            continue
        last = min(bisect_right(times, start, first), first + batch)
        end = start + seconds[last - first]
        heapq.heapreplace(free, end)
        finished[first:last] = end
        first, begun = last, begun + 1
    return finished, begun


def _resize(free: list[float], now: float, replicas: int) -> None:
    if replicas < 1:
        raise ValueError(f"expected at least 1 replica from {now} s on, got {replicas}")
    while len(free) < replicas:
        heapq.heappush(free, now)
    while len(free) > replicas:
        heapq.heappop(free)


def service_time(graph: Graph, catalogue: Catalogue, plan: Plan) -> float:
    """Seconds of the longest way through full batches, if nobody ever waits.

    No plan is faster than with batches of 1: what that takes is the least that can be promised.
    """
    longest: dict[str, float] = {}
    for stage in graph.stages:
        before = max((longest[edge.source] for edge in graph.into[stage]), default=0.0)
        setting = plan[stage]
        longest[stage] = before + catalogue[stage][setting.hardware].curve.seconds(setting.batch)
    return max(longest.values())
