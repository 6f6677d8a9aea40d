"""The trace: what happened, where, from when to when.

Every simulator and every real run of this project tells its story as spans on lanes. The clock
is handed in, so the same lines record a program on this machine and a cluster that exists only
in virtual time. Saved as Chrome trace events, a trace opens in Perfetto (ui.perfetto.dev).
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlsys.foundations.measurement.timing import Clock

MICROSECONDS = 1e6  # Chrome's trace events count in these


@dataclass(frozen=True)
class Span:
    """Something that ran on one lane from ``start`` to ``end`` (seconds)."""

    name: str
    lane: str
    start: float
    end: float
    args: dict[str, Any] = field(default_factory=dict)  # whatever a reader may want to know

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError(
                f"span {self.name!r} on {self.lane!r}: expected finite seconds, "
                f"got {self.start} to {self.end}"
            )
        if self.end < self.start:
            raise ValueError(
                f"span {self.name!r} on {self.lane!r} ends at {self.end} s, before "
                f"it starts at {self.start} s; swap them or use one clock"
            )

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.end - self.start


class Trace:
    """Spans in the order they were added. ``clock`` gives seconds: real by default, or virtual.

    >>> trace = Trace()
    >>> span = trace.add("forward", "worker 0", 0.0, 2.0, batch=7)
    >>> span = trace.add("send", "network", 1.0, 3.0)
    >>> trace.lanes, trace.makespan, trace.utilisation("network")
    (['worker 0', 'network'], 3.0, 0.6666666666666666)
    >>> trace.overlap("worker 0", "network")
    1.0
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self.spans: list[Span] = []

    def add(self, name: str, lane: str, start: float, end: float, **args: object) -> Span:
        """Record what is known to have happened, and return it."""
        span = Span(name, lane, float(start), float(end), args)
        self.spans.append(span)
        return span

    @contextmanager
    def span(self, name: str, lane: str = "main", **args: object) -> Iterator[None]:
        """Record the block: ``with trace.span("forward", lane="worker 0"): ...``"""
        start = self.clock()
        try:
            yield
        finally:
            self.add(name, lane, start, self.clock(), **args)

    @property
    def lanes(self) -> list[str]:
        """Lanes in order of first appearance."""
        return list(dict.fromkeys(span.lane for span in self.spans))

    @property
    def start(self) -> float:
        """When the first span starts."""
        return min((span.start for span in self.spans), default=0.0)

    @property
    def end(self) -> float:
        """When the last span ends."""
        return max((span.end for span in self.spans), default=0.0)

    @property
    def makespan(self) -> float:
        """Seconds from the first start to the last end."""
        return self.end - self.start

    def busy(self, lane: str) -> float:
        """Seconds in which something ran on the lane; nested spans count once."""
        return sum(end - start for start, end in self._busy_times(lane))

    def utilisation(self, lane: str) -> float:
        """Share of the makespan in which the lane was busy."""
        return self.busy(lane) / self.makespan if self.makespan else 0.0

    def overlap(self, lane: str, other: str) -> float:
        """Seconds in which both lanes were busy: communication hidden behind computation, say."""
        mine, theirs, shared = self._busy_times(lane), self._busy_times(other), 0.0
        while mine and theirs:
            (start, end), (first, last) = mine[-1], theirs[-1]
            shared += max(0.0, min(end, last) - max(start, first))
            (mine if start > first else theirs).pop()  # nothing earlier can reach it
        return shared

    def _busy_times(self, lane: str) -> list[tuple[float, float]]:
        if lane not in self.lanes:
            raise ValueError(f"no lane {lane!r}; this trace has {self.lanes}")
        return union((span.start, span.end) for span in self.spans if span.lane == lane)

    def to_chrome(self) -> dict[str, Any]:
        """The trace as Chrome trace events: one thread per lane, one complete event per span."""
        events: list[dict[str, Any]] = []
        lanes: dict[str, list[Span]] = {}
        for span in self.spans:
            lanes.setdefault(span.lane, []).append(span)
        rows = [(lane, n, row) for lane in lanes for n, row in enumerate(nested_rows(lanes[lane]))]
        origin = self.start
        for thread, (lane, n, row) in enumerate(rows, start=1):
            events.append(_thread_name(lane if n == 0 else f"{lane} ({n + 1})", thread))
            events += [_complete_event(span, thread, origin) for span in row]
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ``to_chrome`` as JSON. The file appears whole or not at all."""
        try:
            text = json.dumps(self.to_chrome(), default=_plain, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"trace: a span's args cannot be written as JSON ({error}); "
                f"pass finite numbers, strings, lists and dicts"
            ) from error
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)


def union(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Disjoint intervals, in order, that cover the same points.

    >>> union([(3, 4), (0, 2), (1, 3), (6, 7)])
    [(0, 4), (6, 7)]
    """
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def nested_rows(spans: list[Span]) -> list[list[Span]]:
    """Split a lane into rows in which any two spans are apart or one inside the other.

    Viewers draw a thread as a stack of calls, and drop a span that only half overlaps another.
    """
    rows: list[list[Span]] = []
    around: list[list[float]] = []  # per row, the ends of the spans still open, outermost first
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        for ends in around:
            while ends and ends[-1] <= span.start:
                ends.pop()
        free = (n for n, ends in enumerate(around) if not ends or span.end <= ends[-1])
        row = next(free, len(rows))
        if row == len(rows):
            rows.append([])
            around.append([])
        rows[row].append(span)
        around[row].append(span.end)
    return rows


def _thread_name(name: str, thread: int) -> dict[str, Any]:
    return {"ph": "M", "name": "thread_name", "pid": 1, "tid": thread, "args": {"name": name}}


def _complete_event(span: Span, thread: int, origin: float) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": span.name,
        "cat": span.lane,
        "pid": 1,
        "tid": thread,
        "ts": (span.start - origin) * MICROSECONDS,  # from the trace's own start
        "dur": span.seconds * MICROSECONDS,
        "args": span.args,
    }


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")
