"""Graphs against closed forms, SciPy's sparse matrices and an edge-by-edge version."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.datasets.graphs import (
    attachment,
    block_model,
    community_features,
    compressed,
    resolve,
    resolve_one_by_one,
    triangle,
)

seeds = st.integers(0, 2**32 - 1)


@given(n=st.integers(1, 40), m=st.integers(0, 200), seed=seeds)
def test_compressed_rows_are_scipys(n, m, seed):
    edges = np.random.default_rng(seed).integers(0, n, (m, 2))
    ones = scipy.sparse.coo_array((np.ones(m), edges.T), shape=(n, n)).toarray() > 0
    oracle = scipy.sparse.csr_array((ones | ones.T) & ~np.eye(n, dtype=bool))
    graph = compressed(edges, n)
    assert len(graph) == n
    np.testing.assert_array_equal(graph.indptr, oracle.indptr)
    np.testing.assert_array_equal(graph.indices, oracle.indices)
    np.testing.assert_array_equal(graph.degree, np.diff(oracle.indptr))
    for node in range(n):
        np.testing.assert_array_equal(
            graph.neighbours(node), np.flatnonzero(oracle.toarray()[node])
        )


@given(st.lists(st.integers(0, 2**60), min_size=1, max_size=20))
def test_a_number_finds_its_pair_however_large(numbers):
    i, j = triangle(np.array(numbers))
    for number, row, column in zip(numbers, i.tolist(), j.tolist(), strict=True):
        assert 0 <= column < row
        assert row * (row - 1) // 2 + column == number


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_with_certainty_each_pair_is_drawn_once(sizes):
    k, n = len(sizes), sum(sizes)
    edges, community = block_model(sizes, np.ones((k, k)), np.random.default_rng(0))
    assert len(edges) == n * (n - 1) // 2
    assert len({frozenset(edge) for edge in edges.tolist()}) == len(edges)
    np.testing.assert_array_equal(np.bincount(community), sizes)


@given(sizes=st.lists(st.integers(1, 30), min_size=2, max_size=4), seed=seeds)
def test_edges_stay_where_the_matrix_allows_them(sizes, seed):
    edges, community = block_model(sizes, 0.4 * np.eye(len(sizes)), np.random.default_rng(seed))
    ends = community[edges]
    assert (ends[:, 0] == ends[:, 1]).all()
    assert len(np.unique(np.sort(edges, axis=1), axis=0)) == len(edges)


def test_each_pair_of_communities_has_its_expected_edges():
    sizes, p = [4000, 2500, 900], np.array([[2, 0.5, 0.1], [0.5, 4, 1], [0.1, 1, 9]]) * 1e-3
    edges, community = block_model(sizes, p, np.random.default_rng(1))
    ends = np.sort(community[edges], axis=1)
    for a in range(3):
        for b in range(a, 3):
            pairs = sizes[a] * (sizes[a] - 1) / 2 if a == b else sizes[a] * sizes[b]
            mean, sigma = pairs * p[a, b], np.sqrt(pairs * p[a, b] * (1 - p[a, b]))
            assert abs((ends == (a, b)).all(axis=1).sum() - mean) < 6 * sigma


def test_pairs_of_one_community_are_equally_likely():
    rng = np.random.default_rng(2)
    seen = np.zeros((6, 6))
    for _ in range(3000):
        edges, _ = block_model([6], np.array([[0.3]]), rng)
        np.add.at(seen, (edges.min(axis=1), edges.max(axis=1)), 1)
    counts = seen[np.triu_indices(6, 1)]
    assert (np.abs(counts - 900) < 6 * np.sqrt(3000 * 0.3 * 0.7)).all()


@pytest.mark.parametrize("p", [[[0.1]], [[0.1, 0.2], [0.3, 0.1]], [[0.1, 1.2], [1.2, 0.1]]])
def test_a_matrix_that_does_not_fit_is_refused(p):
    with pytest.raises(ValueError, match="symmetric matrix of 2 rows"):
        block_model([3, 4], np.array(p), np.random.default_rng(0))


@given(m=st.integers(1, 400), degree=st.integers(1, 6), seed=seeds)
def test_all_chains_at_once_lead_where_they_lead_one_by_one(m, degree, seed):
    copied = np.random.default_rng(seed).integers(0, 2 * np.arange(m) + 1)
    np.testing.assert_array_equal(resolve(copied, degree), resolve_one_by_one(copied, degree))


@given(nodes=st.integers(1, 200), degree=st.integers(1, 5), seed=seeds)
def test_each_new_node_brings_its_edges_to_itself_or_older_ones(nodes, degree, seed):
    edges = attachment(nodes, degree, np.random.default_rng(seed))
    np.testing.assert_array_equal(edges[:, 0], np.repeat(np.arange(nodes), degree))
    assert ((edges[:, 1] >= 0) & (edges[:, 1] <= edges[:, 0])).all()


def test_degrees_follow_the_limit_law_and_its_exponent():
    n, d = 200_000, 3
    edges = attachment(n, d, np.random.default_rng(3))
    degree = np.bincount(edges.ravel(), minlength=n)
    for k in range(d, 12):  # Bollobás, Riordan, Spencer and Tusnády, 2001
        share = 2 * d * (d + 1) / (k * (k + 1) * (k + 2))
        assert abs((degree == k).mean() - share) < 0.005 + 6 * np.sqrt(share / n)
    least = 30
    tail = degree[degree >= least]
    exponent = 1 + len(tail) / np.log(tail / (least - 0.5)).sum()  # maximum likelihood
    assert abs(exponent - 3) < 0.1 + 6 * 2 / np.sqrt(len(tail))


@pytest.mark.parametrize(("nodes", "degree"), [(0, 1), (5, 0)])
def test_growth_needs_a_node_and_an_edge(nodes, degree):
    with pytest.raises(ValueError, match="at least one node"):
        attachment(nodes, degree, np.random.default_rng(0))


def test_features_stand_around_the_mean_of_their_community():
    community = np.repeat([0, 1, 2], 20_000)
    rng = np.random.default_rng(4)
    x = community_features(community, 16, 3.0, rng)
    means = np.random.default_rng(4).normal(0, 3 / 4, (3, 16))
    for c in range(3):
        assert (np.abs(x[community == c].mean(axis=0) - means[c]) < 6 / np.sqrt(20_000)).all()
    np.testing.assert_allclose((x - means[community]).std(axis=0), 1, atol=6 / np.sqrt(60_000))


def test_one_seed_makes_one_graph():
    for make in (
        lambda rng: attachment(300, 3, rng),
        lambda rng: block_model([50, 60], np.full((2, 2), 0.1), rng)[0],
    ):
        first, again, other = (make(np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert first.shape != other.shape or (first != other).any()
