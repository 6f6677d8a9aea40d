"""What the server counts, in the format that Prometheus reads.

Counters and histograms only, never an average: rates and percentiles over any time can be had from
them later. A request costs some microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = [1e-3 * 2**n for n in range(15)]  # from 1 ms to 16 s
SIZES = [2**n for n in range(13)]
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        about = ["model", "version"]
        self._requests = Counter(
            "serving_requests", "Requests answered", [*about, "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "serving_seconds", "Until the answer", about, buckets=SECONDS, registry=self.registry
        )
        self._batches = Histogram(
            "serving_batch_size", "Requests", ["model"], buckets=SIZES, registry=self.registry
        )
        self._of: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._under_way = Gauge("serving_under_way", "Requests inside", registry=self.registry)

    def begun(self) -> None:
        """A request has come."""
        self._under_way.inc()

    def answered(self, model: str, version: str, status: int, seconds: float) -> None:
        """It has been answered."""
        self._under_way.dec()
        key = model, version, status
        if key not in self._of:  # looking labels up takes longer than counting
            counter = self._requests.labels(model, version, str(status))
            self._of[key] = counter, self._seconds.labels(model, version)
        counter, histogram = self._of[key]
        counter.inc()
        histogram.observe(seconds)

    def batch(self, model: str, size: int) -> None:
        """A batch of so many has gone to a worker."""
        self._batches.labels(model).observe(size)

    def text(self) -> bytes:
        """What ``GET /metrics`` answers."""
        return generate_latest(self.registry)

    def read(self, name: str) -> Sequence[tuple[dict[str, str], float]]:
        """The samples of this name, with their labels."""
        return [
            (dict(sample.labels), sample.value)
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == name
        ]
