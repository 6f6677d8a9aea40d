"""One rank talks to all: scatter, gather, all-to-all, and the naive allreduce."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import (
    alltoall,
    alltoall_cost,
    chunks,
    gather,
    naive_allreduce,
    naive_cost,
    scatter,
    scatter_cost,
)
from mlsys.distributed.cluster import ProgramFailed

SIZES = st.integers(1, 17)
EAGER = st.sampled_from([0, np.inf])


@given(size=SIZES, n=st.integers(0, 50), root=st.integers(0, 16), eager=EAGER)
def test_scatter_moves_one_chunk_to_each_rank_and_touches_nothing_else(ranks, size, n, root, eager):
    inputs = ranks.inputs(size, n)
    run = ranks.run(scatter, inputs, root % size, eager=eager)
    for rank, part in enumerate(chunks(n, size)):
        want = inputs[rank].copy()
        want[part] = inputs[root % size][part]
        np.testing.assert_array_equal(run.values[rank], want)


@given(size=SIZES, n=st.integers(0, 50), root=st.integers(0, 16), eager=EAGER)
def test_gather_undoes_scatter(ranks, size, n, root, eager):
    inputs, root = ranks.inputs(size, n), root % size

    def there_and_back(comm, array):
        scatter(comm, array, root)
        if comm.rank == root:
            array[:] = np.where(owner == root, array, 99)
        gather(comm, array, root)

    owner = np.concatenate([np.full(p.stop - p.start, r) for r, p in enumerate(chunks(n, size))])
    run = ranks.run(there_and_back, inputs, eager=eager)
    np.testing.assert_array_equal(run.values[root], inputs[root])


@given(size=SIZES, width=st.integers(0, 4), eager=EAGER)
def test_alltoall_transposes(ranks, size, width, eager):
    inputs = [array.reshape(size, width) for array in ranks.inputs(size, size * width)]
    run = ranks.run(alltoall, inputs, eager=eager)
    np.testing.assert_array_equal(np.stack(run.values), np.stack(inputs).swapaxes(0, 1))


def test_alltoall_needs_a_row_per_rank(ranks):
    with pytest.raises(ProgramFailed, match=r"one row for each of 3 ranks, got \(2, 2\)"):
        ranks.run(alltoall, [np.zeros((2, 2))] * 3)


@given(size=SIZES, n=st.integers(0, 300))
def test_all_take_as_long_as_they_say(ranks, size, n):
    n *= size
    for run, cost in (
        (scatter, scatter_cost),
        (gather, scatter_cost),
        (naive_allreduce, naive_cost),
    ):
        want = cost(size, 8 * n, ranks.alpha, ranks.beta)
        assert ranks.seconds(run, size, n) == pytest.approx(want, rel=1e-9)
    rows = [array.reshape(size, -1) for array in ranks.inputs(size, n)]
    want = alltoall_cost(size, 8 * n, ranks.alpha, ranks.beta)
    assert ranks.run(alltoall, rows).seconds == pytest.approx(want, rel=1e-9)


@given(size=st.integers(2, 17), n=st.integers(0, 50))
def test_the_naive_allreduce_drowns_rank_0(ranks, size, n):
    run = ranks.run(naive_allreduce, ranks.inputs(size, n))
    assert run.traffic.rounds == 2  # and yet 2 (P - 1) messages pass one port
    assert run.traffic.sent_bytes.tolist() == [(size - 1) * n * 8] + [n * 8] * (size - 1)
