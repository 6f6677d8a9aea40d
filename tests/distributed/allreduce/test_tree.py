"""The binomial tree: right for any root and number of ranks, and as dear as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import (
    broadcast,
    broadcast_cost,
    reduce,
    tree_allreduce,
    tree_cost,
)

SIZES = st.integers(1, 33)
EAGER = st.sampled_from([0, np.inf])


@given(size=SIZES, n=st.integers(0, 20), root=st.integers(0, 32), eager=EAGER)
def test_broadcast_copies_the_roots_array(ranks, size, n, root, eager):
    inputs = ranks.inputs(size, n)
    run = ranks.run(broadcast, inputs, root % size, eager=eager)
    for value in run.values:
        np.testing.assert_array_equal(value, inputs[root % size])
    assert run.traffic.sent_messages.sum() == size - 1


@given(size=SIZES, n=st.integers(0, 20), root=st.integers(0, 32), eager=EAGER)
def test_reduce_adds_up_at_the_root(ranks, size, n, root, eager):
    inputs = ranks.inputs(size, n)
    run = ranks.run(reduce, inputs, np.add, root % size, eager=eager)
    np.testing.assert_array_equal(run.values[root % size], sum(inputs))
    assert run.traffic.sent_messages.sum() == size - 1


def test_reduce_adds_neighbours_first_and_the_lower_on_the_left(ranks):
    """Subtraction tells the order: ((0-1)-(2-3))-((4-5)-(6-7))."""
    inputs = [np.array([10.0**rank]) for rank in range(8)]
    x = [array[0] for array in inputs]
    want = ((x[0] - x[1]) - (x[2] - x[3])) - ((x[4] - x[5]) - (x[6] - x[7]))
    assert ranks.run(reduce, inputs, np.subtract).values[0] == want


@given(size=SIZES, n=st.integers(0, 2000), eager=EAGER)
def test_all_take_as_long_as_they_say(ranks, size, n, eager):
    one_way = broadcast_cost(size, 8 * n, ranks.alpha, ranks.beta)
    both = tree_cost(size, 8 * n, ranks.alpha, ranks.beta)
    for collective, want in ((broadcast, one_way), (reduce, one_way), (tree_allreduce, both)):
        assert ranks.seconds(collective, size, n, eager=eager) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("bits", range(5))
def test_rounds_and_bytes_of_a_full_tree(ranks, bits):
    size, n = 1 << bits, 12
    run = ranks.run(tree_allreduce, ranks.inputs(size, n))
    assert run.traffic.rounds == 2 * bits == tree_cost(size, 0, 1, 0)
    assert run.traffic.sent_bytes[0] == run.traffic.received_bytes[0] == bits * n * 8
