"""Where does a request go? Stages, and edges that say how often one visit causes another.

One visit of an edge's source causes ``factor`` visits of its target on average: 0.3 where three
frames in ten show a car, 2.5 where a page has two or three pictures. Work flows forward only, so
the visits of a stage for each request are a sum over the edges into it: v = sum of factor × v of
the source. What is asked of a stage is its visits times the rate of requests, not that rate
(InferLine, SoCC 2020, calls v the scale factor).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Edge:
    """Each visit of ``source`` causes ``factor`` visits of ``target``, on average."""

    source: str
    target: str
    factor: float = 1.0


@dataclass(frozen=True)
class Graph:
    """Stages in an order in which work flows forward, and the edges between them.

    Every request enters at all stages without an edge into them, and is answered when the last of
    its visits is done.
    """

    stages: tuple[str, ...]
    edges: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        place = {stage: number for number, stage in enumerate(self.stages)}
        if not place or len(place) < len(self.stages):
            raise ValueError(f"stages: expected one or more different names, got {self.stages}")
        for edge in self.edges:
            if unknown := {edge.source, edge.target} - place.keys():
                raise ValueError(f"{edge}: {sorted(unknown)} is none of {self.stages}")
            if place[edge.source] >= place[edge.target]:
                raise ValueError(f"{edge} leads back: name stages in the order of the work")
            if not 0 < edge.factor < np.inf:
                raise ValueError(f"{edge}: expected a finite factor > 0; leave out what is 0")
        if len({(edge.source, edge.target) for edge in self.edges}) < len(self.edges):
            raise ValueError("two edges join the same stages: add their factors")

    @cached_property
    def into(self) -> dict[str, tuple[Edge, ...]]:
        """The edges into each stage."""
        return {
            stage: tuple(edge for edge in self.edges if edge.target == stage)
            for stage in self.stages
        }


def visits(graph: Graph) -> dict[str, float]:
    """How often a request visits each stage, on average. Cost: one product for each edge.

    A stage without an edge into it is visited once by every request; another, by each visit of
    an edge's source ``factor`` times, summed over the edges into it.

    >>> visits(Graph(("frame", "car"), (Edge("frame", "car", 0.3),)))
    {'frame': 1.0, 'car': 0.3}
    """
    found: dict[str, float] = {}
    for stage in graph.stages:  # sources come before targets
        edges = graph.into[stage]
        found[stage] = sum(edge.factor * found[edge.source] for edge in edges) if edges else 1.0
    return found


@dataclass(frozen=True)
class Traffic:
    """n requests, and where each goes: drawn once, so that all plans are judged by the same.

    arrivals: (n,), seconds, in order. request: for each stage, the number of the request whose
    visit it is. parent: for each edge, the number of the source's visit that caused the visit.
    The visits of a stage are numbered edge by edge, in the order of ``Graph.into``.
    """

    graph: Graph
    arrivals: Array
    request: dict[str, Integers]
    parent: dict[Edge, Integers]

    @property
    def rate(self) -> float:
        """Requests a second, from the first to the last."""
        return (self.arrivals.size - 1) / float(self.arrivals[-1] - self.arrivals[0])


def routed(graph: Graph, arrivals: Array, rng: np.random.Generator) -> Traffic:
    """Draw the ways of requests. A factor of 2.3 means two visits, or three with chance 0.3."""
    times = np.asarray(arrivals, np.float64)
    if times.ndim != 1 or times.size < 2 or (np.diff(times) < 0).any() or times[-1] <= times[0]:
        raise ValueError("arrivals: expected two or more times in order, not all equal")
    request: dict[str, Integers] = {}
    parent: dict[Edge, Integers] = {}
    for stage in graph.stages:
        for edge in graph.into[stage]:
            count = request[edge.source].size
            caused = int(edge.factor) + (rng.random(count) < edge.factor % 1)
            parent[edge] = np.repeat(np.arange(count), caused)
        parts = [request[edge.source][parent[edge]] for edge in graph.into[stage]]
        request[stage] = np.concatenate(parts) if parts else np.arange(times.size)
    return Traffic(graph, times, request, parent)
