"""Recursive doubling: its rounds, its passengers, its time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import doubling_allreduce, doubling_cost


@pytest.mark.parametrize("bits", range(5))
def test_rounds_and_bytes_for_a_power_of_two(ranks, bits):
    run = ranks.run(doubling_allreduce, ranks.inputs(1 << bits, 10))
    assert run.traffic.rounds == bits == doubling_cost(1 << bits, 0, 1, 0)
    assert (run.traffic.sent_bytes == bits * 80).all()


@given(size=st.integers(1, 33), n=st.integers(1, 2000))
def test_time_is_exact_where_messages_wait_for_their_receive(ranks, size, n):
    want = doubling_cost(size, 8 * n, ranks.alpha, ranks.beta)
    took = ranks.seconds(doubling_allreduce, size, n, eager=0)
    assert took == pytest.approx(want, rel=1e-9)
    if size & (size - 1) == 0:
        assert ranks.seconds(doubling_allreduce, size, n) == pytest.approx(want, rel=1e-9)


@given(size=st.integers(1, 33), n=st.integers(0, 2000))
def test_eager_messages_cost_at_most_half_as_much_again(ranks, size, n):
    want = doubling_cost(size, 8 * n, ranks.alpha, ranks.beta)
    assert ranks.seconds(doubling_allreduce, size, n) <= want * 1.5


def test_a_passenger_sends_and_receives_once(ranks):
    run = ranks.run(doubling_allreduce, ranks.inputs(6, 5))
    assert run.traffic.sent_messages.tolist() == [3, 3, 2, 2, 1, 1]


def test_both_sides_add_in_the_same_order(ranks):
    """Subtraction tells operands apart, and yet all ranks hold the same."""
    inputs = [np.array([10.0**rank]) for rank in range(8)]
    run = ranks.run(doubling_allreduce, inputs, np.subtract)
    assert len({value[0] for value in run.values}) == 1
