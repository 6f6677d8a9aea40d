"""Rows and columns: machines with several ranks, and tori."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import (
    grid_of,
    hierarchical_allreduce,
    hierarchical_cost,
    ring_allreduce,
    torus_allreduce,
    torus_cost,
)
from mlsys.distributed.cluster import ProgramFailed, SimulatedCluster, torus, two_level

BOTH = pytest.mark.parametrize("collective", [hierarchical_allreduce, torus_allreduce])


def timed(topology, collective, columns, n):
    """Seconds from a common start, the grid made before it."""

    def program(comm):
        ours = grid_of(comm, columns)
        comm.compute(1000.0 - comm.now())
        collective(ours, np.ones(n))

    return SimulatedCluster(topology).run(program).seconds - 1000.0


@BOTH
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    n=st.integers(0, 50),
    op=st.sampled_from([np.add, np.maximum]),
    eager=st.sampled_from([0, np.inf]),
)
def test_every_rank_ends_with_the_op_of_all(ranks, collective, rows, columns, n, op, eager):
    inputs = ranks.inputs(rows * columns, n)
    run = ranks.run(lambda comm, a: collective(grid_of(comm, columns), a, op), inputs, eager=eager)
    for value in run.values:
        np.testing.assert_array_equal(value, op.reduce(inputs))


@pytest.mark.parametrize("columns", [0, 4, 7])
def test_rows_must_be_full(ranks, columns):
    with pytest.raises(ProgramFailed, match=f"a divisor of the number of ranks, 6, got {columns}"):
        ranks.run(lambda comm, a: grid_of(comm, columns), ranks.inputs(6, 3))


@given(
    nodes=st.integers(1, 4),
    per_node=st.integers(1, 4),
    n=st.integers(0, 100),
    alpha=st.sampled_from([1e-4, 1e-2]),
)
def test_machines_take_as_long_as_they_say(nodes, per_node, n, alpha):
    inside, between, n = (1e-5, 1e-8), (alpha, 1e-6), n * 12 * nodes * per_node
    topology = two_level(nodes, per_node, inside, between)
    want = hierarchical_cost(nodes, per_node, 8 * n, inside, between)
    took = timed(topology, hierarchical_allreduce, per_node, n)
    assert took == pytest.approx(want, rel=1e-9)


@given(side=st.integers(1, 5), n=st.integers(0, 20))
def test_a_square_torus_takes_as_long_as_it_says(ranks, side, n):
    n *= 2 * side * side
    topology = torus(side, side, ranks.alpha, ranks.beta)
    want = torus_cost(side, side, 8 * n, ranks.alpha, ranks.beta)
    assert timed(topology, torus_allreduce, side, n) == pytest.approx(want, rel=1e-9)


def test_crosswise_halves_the_wire_time_of_a_torus(ranks):
    topology = torus(4, 4, 0.0, ranks.beta)
    crosswise = timed(topology, torus_allreduce, 4, 320)
    assert timed(topology, hierarchical_allreduce, 4, 320) == pytest.approx(2 * crosswise)


def test_the_bytes_between_machines_fall_by_the_ranks_of_one(ranks):
    def on_a_cable(collective):
        run = ranks.run(collective, ranks.inputs(16, 160), topology=two_level(4, 4))
        return {link.name: link.nbytes for link in run.traffic.links}["up 0"]

    split = on_a_cable(lambda comm, a: grid_of(comm, 4))
    crossed = on_a_cable(lambda comm, a: hierarchical_allreduce(grid_of(comm, 4), a)) - split
    assert crossed == 2 * 3 * 160 * 8 // 4  # 2 (M-1)/M n
    assert on_a_cable(ring_allreduce) == 2 * 15 * 160 * 8 // 16  # one rank of each sends further
