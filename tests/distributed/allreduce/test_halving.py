"""Halving and doubling: the ring's bytes in the tree's rounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import bandwidth_bound, halving_allreduce, halving_cost


@pytest.mark.parametrize("bits", range(6))
def test_rounds_and_bytes_for_a_power_of_two(ranks, bits):
    size, n = 1 << bits, 64
    run = ranks.run(halving_allreduce, ranks.inputs(size, n))
    assert run.traffic.rounds == 2 * bits == halving_cost(size, 0, 1, 0)
    assert (run.traffic.sent_bytes == bandwidth_bound(size, n * 8, 1.0)).all()


@given(size=st.integers(1, 33), n=st.integers(1, 60))
def test_time_is_exact_where_messages_wait_for_their_receive(ranks, size, n):
    n *= 32  # equal chunks in the core
    want = halving_cost(size, 8 * n, ranks.alpha, ranks.beta)
    took = ranks.seconds(halving_allreduce, size, n, eager=0)
    assert took == pytest.approx(want, rel=1e-9)
    eagerly = ranks.seconds(halving_allreduce, size, n)
    assert eagerly <= want * 1.5
    if size & (size - 1) == 0:
        assert eagerly == pytest.approx(want, rel=1e-9)
