"""Visits are the solution of the traffic equations, and drawn ways agree with them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.pipelines.graph import Edge, Graph, routed, visits


@st.composite
def graphs(draw, factors=(0.25, 0.5, 1.0, 1.5, 2.0)):
    count = draw(st.integers(1, 5))
    names = tuple("abcde"[:count])
    pairs = list(itertools.combinations(names, 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Graph(names, tuple(Edge(*pair, draw(st.sampled_from(factors))) for pair in chosen))


@given(graphs())
def test_visits_solve_the_traffic_equations(graph):
    """v = entry + P' v, by a linear solver."""
    place = {stage: number for number, stage in enumerate(graph.stages)}
    p = np.zeros((len(place), len(place)))
    for edge in graph.edges:
        p[place[edge.source], place[edge.target]] = edge.factor
    entry = np.array([not graph.into[stage] for stage in graph.stages], float)
    expected = np.linalg.solve(np.eye(len(place)) - p.T, entry)
    np.testing.assert_allclose(list(visits(graph).values()), expected)


@given(graphs(factors=(1.0, 2.0, 3.0)), st.integers(0, 9))
def test_with_whole_factors_every_request_visits_as_often_as_visits_says(graph, seed):
    traffic = routed(graph, np.arange(7.0), np.random.default_rng(seed))
    for stage, often in visits(graph).items():
        np.testing.assert_array_equal(np.bincount(traffic.request[stage], minlength=7), often)


@given(graphs(), st.integers(0, 9))
def test_a_visit_belongs_to_the_request_of_the_visit_that_caused_it(graph, seed):
    traffic = routed(graph, np.arange(20.0), np.random.default_rng(seed))
    for stage in graph.stages:
        if edges := graph.into[stage]:
            parts = [traffic.request[edge.source][traffic.parent[edge]] for edge in edges]
            np.testing.assert_array_equal(traffic.request[stage], np.concatenate(parts))


def test_drawn_shares_are_near_the_factor():
    graph = Graph(("a", "b"), (Edge("a", "b", 1.3),))
    traffic = routed(graph, np.arange(20_000.0), np.random.default_rng(0))
    assert traffic.request["b"].size / 20_000 == pytest.approx(1.3, abs=0.02)
    assert set(np.bincount(traffic.request["b"])) == {1, 2}
    assert traffic.rate == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Graph(()), "one or more"),
        (lambda: Graph(("a", "a")), "different names"),
        (lambda: Graph(("a",), (Edge("a", "z"),)), "'z'"),
        (lambda: Graph(("a", "b"), (Edge("b", "a"),)), "leads back"),
        (lambda: Graph(("a", "b"), (Edge("a", "b", 0.0),)), "factor > 0"),
        (lambda: Graph(("a", "b"), (Edge("a", "b"), Edge("a", "b", 2.0))), "add their factors"),
        (lambda: routed(Graph(("a",)), np.array([1.0]), np.random.default_rng(0)), "two or more"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
