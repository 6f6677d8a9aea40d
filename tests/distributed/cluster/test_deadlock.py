"""Circles in who waits for whom, and a text that names them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.deadlock import MOST, Waiting, circle_of, explain

graphs = st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 12), max_size=3), max_size=10)


def has_circle(graph: dict[int, list[int]]) -> bool:
    """Whether somebody is reached from itself, by powers of the relation."""
    reached = {a: set(graph[a]) for a in graph}
    for _ in graph:
        for a in graph:
            reached[a] |= {c for b in reached[a] if b in graph for c in graph[b]}
    return any(a in reached[a] for a in graph)


@given(graphs)
def test_a_circle_is_found_exactly_when_there_is_one(graph):
    circle = circle_of([Waiting(rank, "", peers) for rank, peers in graph.items()])
    assert bool(circle) == has_circle(graph)
    if circle:
        assert circle[0] == circle[-1]
        assert len(set(circle)) == len(circle) - 1
        assert all(b in graph[a] for a, b in itertools.pairwise(circle))


def test_a_thousand_ranks_are_no_trouble():
    ring = [Waiting(rank, "", [(rank + 1) % 1000]) for rank in range(1000)]
    assert len(circle_of(ring)) == 1001
    assert circle_of(ring[1:]) == []


def test_a_text_names_ranks_reasons_lines_and_the_circle():
    text = explain(
        [Waiting(3, "for a word", [5], "talk.py:7, in ask"), Waiting(5, "for an answer", [3, 6])],
        {6: "has returned"},
    )
    lines = [line.strip() for line in text.splitlines()]
    assert lines == [
        "deadlock: every rank that is left waits, and no message is on its way",
        "rank 3 waits for a word, at talk.py:7, in ask",
        "rank 5 waits for an answer",
        "rank 6, for which rank 5 waits, has returned",
        "a circle: rank 3, which waits for rank 5, which waits for rank 3",
    ]


@pytest.mark.parametrize("ranks", [MOST, MOST + 1, 50])
def test_of_many_ranks_only_some_are_listed(ranks):
    text = explain([Waiting(rank, "long", []) for rank in range(ranks)], {})
    assert text.count("waits long") == MOST
    assert (f"and {ranks - MOST} more" in text) == (ranks > MOST)
