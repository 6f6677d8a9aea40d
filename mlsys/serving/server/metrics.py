"""What the server counts, in the format that Prometheus reads.

Counters and histograms only, never an average: rates and percentiles over any time can be had from
them later. Counting is a search among the buckets and two additions; what takes longer waits until
somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

SECONDS = [1e-3 * 2**n for n in range(15)]  # from 1 ms to 16 s
SIZES = [float(2**n) for n in range(13)]
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counts:
    """How many values lie up to each bound and above the one before, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.sum = bounds, 0.0
        self.counts = [0] * (len(bounds) + 1)  # the last: above all bounds

    def add(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """As Prometheus has it: up to each bound, all that lie below included."""
        names = [*map(str, self.bounds), "+Inf"]
        return [*zip(names, map(float, accumulate(self.counts)), strict=True)]


class Metrics(Collector):
    """Of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._inside = 0
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._seconds = defaultdict[tuple[str, str], Counts](lambda: Counts(SECONDS))
        self._sizes = defaultdict[str, Counts](lambda: Counts(SIZES))

    def begun(self) -> None:
        """A request has come."""
        self._inside += 1

    def answered(self, model: str, version: str, status: int, seconds: float) -> None:
        """It has been answered."""
        self._inside -= 1
        self._requests[model, version, status] += 1
        self._seconds[model, version].add(seconds)

    def batch(self, model: str, size: int) -> None:
        """A batch of so many has gone to a worker."""
        self._sizes[model].add(size)

    def text(self) -> bytes:
        """What ``GET /metrics`` answers."""
        return generate_latest(self.registry)

    def read(self, name: str) -> Sequence[tuple[dict[str, str], float]]:
        """The samples of this name, with their labels."""
        return [
            (dict(sample.labels), sample.value)
            for metric in self.collect()
            for sample in metric.samples
            if sample.name == name
        ]

    def collect(self) -> Iterator[Metric]:
        """Everything, when it is asked for."""
        about = ["model", "version"]
        requests = CounterMetricFamily(
            "serving_requests", "Requests answered", labels=[*about, "status"]
        )
        for (model, version, status), count in self._requests.items():
            requests.add_metric([model, version, str(status)], count)
        yield requests
        answers = [([*labels], counts) for labels, counts in self._seconds.items()]
        yield _histogram("serving_seconds", "Until the answer", about, answers)
        batches = [([model], counts) for model, counts in self._sizes.items()]
        yield _histogram("serving_batch_size", "Requests", ["model"], batches)
        yield GaugeMetricFamily("serving_under_way", "Requests inside", self._inside)


def _histogram(
    name: str, what: str, labels: Sequence[str], of: Iterable[tuple[list[str], Counts]]
) -> Metric:
    family = HistogramMetricFamily(name, what, labels=labels)
    for values, counts in of:
        family.add_metric(values, counts.cumulative(), counts.sum)
    return family
