"""Consistent hashing: only what must move moves, everybody's hash is the same, shares even out."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.hashing import Ring, place, spread

NAMES = [f"shard {number}" for number in range(200)]
nodes = st.sets(st.integers(0, 1000), min_size=2, max_size=8)


@given(nodes, st.integers(1, 20))
def test_a_node_that_goes_leaves_only_its_own(members, virtual):
    gone = max(members)
    before, after = Ring(members, virtual), Ring(members - {gone}, virtual)
    for name in NAMES:
        if before.owner(name) != gone:
            assert after.owner(name) == before.owner(name)


@given(nodes, st.integers(1, 20), st.data())
def test_a_chain_without_a_node_is_the_same_chain_without_it(members, virtual, data):
    count = data.draw(st.integers(1, len(members) - 1))
    gone = data.draw(st.sampled_from(sorted(members)))
    longer = Ring(members, virtual)
    shorter = Ring(members - {gone}, virtual)
    for name in NAMES[:20]:
        chain = [node for node in longer.chain(name, len(members)) if node != gone]
        assert shorter.chain(name, count) == tuple(chain[:count])
        assert len({*chain}) == len(chain) == len(members) - 1


def test_shares_spread_as_gaps_between_random_points_do():
    """The mean square of 400 nodes' deviations, five standard deviations of it on either side."""
    for virtual in (4, 16, 64):
        deviations = []
        for first in range(0, 400, 10):
            ring = Ring(range(first, first + 10), virtual)
            owners = [ring.owner(f"key {key}") - first for key in range(1000)]
            deviations.append(np.mean((np.bincount(owners, minlength=10) / 100 - 1) ** 2))
        drawn = 9 / 1000  # what 1,000 keys at random would have on shares that are all alike
        assert np.mean(deviations) - drawn == pytest.approx(spread(10, virtual) ** 2, rel=0.45)


def test_the_spread_is_that_of_uniform_gaps():
    """4,000 circles: one node of each; the mean square has a deviation of 3 % or less."""
    rng = np.random.default_rng(0)
    for nodes, virtual in ((2, 1), (5, 3), (20, 8)):
        points = np.sort(rng.random((4000, nodes * virtual)), axis=1)
        gaps = np.diff(points, axis=1, append=points[:, :1] + 1)
        share = nodes * gaps[:, :virtual].sum(axis=1)  # gaps of a circle are exchangeable
        assert np.mean((share - 1) ** 2) == pytest.approx(spread(nodes, virtual) ** 2, rel=0.2)


@pytest.mark.multiprocess
def test_another_process_has_the_same_ring():
    code = "from mlsys.distributed.parameter_server.hashing import Ring; "
    code += f"print([Ring([1, 5, 9], 8).chain(name, 3) for name in {NAMES}])"
    there = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    here = Ring([9, 1, 5], 8)
    assert there == [str([here.chain(name, 3) for name in NAMES])] * 2


def test_a_chain_is_what_one_meets_on_the_way_round():
    """By the definition: all points, those after the name first, in order of their places."""
    points = [(place(f"node {node}, point {v}"), node) for node in (3, 4, 8) for v in (0, 1)]
    for name in NAMES[:50]:
        start = place(name)
        way = sorted(points, key=lambda each: (each[0] - start) % 2**64)
        assert Ring([3, 4, 8], 2).chain(name, 3) == tuple(dict.fromkeys(node for _, node in way))


@pytest.mark.parametrize(
    "make", [lambda: Ring([]), lambda: Ring([1], 0), lambda: Ring([1]).chain("a", 2)]
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
