"""Routes: they connect, they are as short as geometry allows, and they name links that exist."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.topology import Topology, fat_tree, flat, ring, torus, two_level

sizes = st.integers(1, 6)


def walk(topology: Topology, a: int, b: int) -> list[str]:
    """The route, every link of which must exist."""
    names = topology.route(a, b)
    assert all(name in topology.links for name in names)
    assert len(set(names)) == len(names), "no link twice"
    return names


def pairs(topology: Topology) -> list[tuple[int, int]]:
    ranks = range(topology.ranks)
    return [(a, b) for a in ranks for b in ranks if a != b]


@given(sizes)
def test_a_flat_switch_is_two_ports_away(ranks):
    topology = flat(ranks)
    for a, b in pairs(topology):
        assert walk(topology, a, b) == [f"out {a}", f"in {b}"]


@given(sizes)
def test_a_ring_goes_the_shorter_way_round(ranks):
    topology = ring(ranks)
    for a, b in pairs(topology):
        place = a
        for name in walk(topology, a, b):
            at, way = name.split()
            assert int(at) == place
            place = (place + {"right": 1, "left": -1}[way]) % ranks
        assert place == b
        assert len(topology.route(a, b)) == min((a - b) % ranks, (b - a) % ranks)


@given(sizes, sizes)
def test_a_torus_goes_the_shorter_way_round_in_both_directions(rows, columns):
    topology = torus(rows, columns)
    assert topology.ranks == rows * columns
    move = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}
    for a, b in pairs(topology):
        row, column = divmod(a, columns)
        for name in walk(topology, a, b):
            at, way = name.split()
            assert int(at) == row * columns + column
            row, column = (row + move[way][0]) % rows, (column + move[way][1]) % columns
        assert (row, column) == divmod(b, columns)
        apart = [abs(x - y) for x, y in zip(divmod(a, columns), divmod(b, columns), strict=True)]
        shortest = min(apart[0], rows - apart[0]) + min(apart[1], columns - apart[1])
        assert len(topology.route(a, b)) == shortest


@given(sizes, sizes)
def test_two_levels_share_one_cable_out_of_each_node(nodes, per_node):
    topology = two_level(nodes, per_node)
    for a, b in pairs(topology):
        start, stop = a // per_node, b // per_node
        middle = [f"up {start}", f"down {stop}"] if start != stop else []
        assert walk(topology, a, b) == [f"out {a}", *middle, f"in {b}"]


@given(sizes, sizes, sizes)
def test_a_fat_tree_goes_up_to_one_spine_and_down(leaves, per_leaf, spines):
    topology = fat_tree(leaves, per_leaf, spines)
    spine_of = {}
    for a, b in pairs(topology):
        names = walk(topology, a, b)
        assert names[0] == f"out {a}" and names[-1] == f"in {b}"
        if a // per_leaf == b // per_leaf:
            assert len(names) == 2
            continue
        up, down = names[1].split(), names[2].split()
        assert up[:2] == ["leaf", str(a // per_leaf)] and down[-1] == str(b // per_leaf)
        assert up[-1] == down[1], "the spine that it goes up to is the one it comes down from"
        assert spine_of.setdefault(b, up[-1]) == up[-1], "who sends does not choose the spine"


@given(sizes, sizes)
def test_what_a_message_costs_is_the_same_for_all_pairs_of_a_kind(leaves, per_leaf):
    topology = fat_tree(leaves, per_leaf, 2, alpha=8.0, beta=0.5)
    for a, b in pairs(topology):
        costs = [topology.links[name] for name in topology.route(a, b)]
        far = a // per_leaf != b // per_leaf
        assert sum(alpha for alpha, _ in costs) == (8.0 if far else 4.0)
        assert max(beta for _, beta in costs) == 0.5


def effective_bandwidth(topology: Topology, partners: list[int]) -> float:
    """The mean share of its own port that a pair has on its most crowded link."""
    routes = [topology.route(a, b) for a, b in enumerate(partners) if a != b]
    load = Counter(name for route in routes for name in route)
    return float(np.mean([1 / max(load[name] for name in route) for route in routes]))


def test_static_routes_leave_less_than_the_full_bisection_bandwidth():
    rng = np.random.default_rng(0)
    for k, low, high in ((8, 0.65, 0.85), (16, 0.6, 0.8), (32, 0.6, 0.7)):
        tree, ranks = fat_tree(k, k, k), k * k
        random = [effective_bandwidth(tree, rng.permutation(ranks).tolist()) for _ in range(5)]
        assert low < np.mean(random) < high
        here = np.arange(ranks)
        for regular in ((here + k // 2) % ranks, (here + 1) % ranks, here ^ k):
            assert effective_bandwidth(tree, regular.tolist()) == 1.0


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: flat(0), "ranks"),
        (lambda: ring(0), "ranks"),
        (lambda: torus(-2, -2), "rows"),
        (lambda: torus(2, 0), "columns"),
        (lambda: two_level(0, 4), "nodes"),
        (lambda: two_level(2, -1), "per_node"),
        (lambda: fat_tree(2, 2, 0), "spines"),
        (lambda: fat_tree(2, 0, 2), "per_leaf"),
        (lambda: fat_tree(0, 2, 2), "leaves"),
        (lambda: flat(2, alpha=-1e-6), "link out 0"),
        (lambda: flat(2, beta=float("nan")), "link out 0"),
        (lambda: ring(2, alpha=float("inf")), "link 0 right"),
    ],
)
def test_what_makes_no_sense_is_refused(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        make()
