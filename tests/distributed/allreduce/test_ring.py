"""The ring: its schedule, its bytes, its rounds, its time."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import (
    allgather,
    bandwidth_bound,
    chunks,
    half_ring_cost,
    reduce_scatter,
    ring_allreduce,
    ring_cost,
    vector,
)

SIZES = st.integers(1, 17)
LENGTHS = st.integers(0, 50)


@given(n=LENGTHS, size=SIZES)
def test_chunks_cover_the_array_and_are_as_equal_as_can_be(n, size):
    parts = chunks(n, size)
    assert np.concatenate([np.arange(n)[part] for part in parts]).tolist() == list(range(n))
    lengths = sorted(part.stop - part.start for part in parts)
    assert lengths == sorted(len(part) for part in np.array_split(np.arange(n), size))


def test_a_collective_refuses_what_it_could_not_change_in_place():
    with pytest.raises(ValueError, match=r"ascontiguousarray"):
        vector(np.zeros((4, 4))[:, 1])
    array = np.zeros((2, 3))
    vector(array)[4] = 1
    assert array[1, 1] == 1


@given(size=SIZES, n=LENGTHS, seed=st.integers(0, 99), eager=st.sampled_from([0, np.inf]))
def test_reduce_scatter_leaves_rank_r_with_chunk_r_of_the_sum(ranks, size, n, seed, eager):
    inputs = ranks.inputs(size, n, seed)
    run = ranks.run(reduce_scatter, inputs, eager=eager)
    for part, value in zip(chunks(n, size), run.values, strict=True):
        np.testing.assert_array_equal(value[part], sum(inputs)[part])


@given(size=SIZES, n=LENGTHS, seed=st.integers(0, 99), eager=st.sampled_from([0, np.inf]))
def test_allgather_gives_everybody_chunk_r_of_rank_r(ranks, size, n, seed, eager):
    inputs = ranks.inputs(size, n, seed)
    run = ranks.run(allgather, inputs, eager=eager)
    pairs = zip(chunks(n, size), inputs, strict=True)
    want = np.concatenate([array[part] for part, array in pairs])
    for value in run.values:
        np.testing.assert_array_equal(value, want)


def test_the_first_step_sends_what_the_docstring_draws(ranks):
    inputs = [np.full(4, 10.0**rank) for rank in range(4)]  # a digit says who has added
    run = ranks.run(reduce_scatter, inputs)
    # Rank 0 sent chunk 3 first, and has chunk 1 as rank 2 and 3 had added it, then itself.
    assert run.values[0].tolist() == [1111.0, 1101.0, 1001.0, 1.0]


@given(size=SIZES, n=LENGTHS)
def test_each_rank_sends_all_chunks_but_two_once_more(ranks, size, n):
    run = ranks.run(ring_allreduce, ranks.inputs(size, n))
    lengths = [part.stop - part.start for part in chunks(n, size)]
    for rank in range(size):
        kept = lengths[rank] + lengths[(rank + 1) % size]
        assert run.traffic.sent_bytes[rank] == 8 * (2 * n - kept) * (size > 1)
    assert run.traffic.rounds == 2 * (size - 1) == ring_cost(size, 0, 1, 0)
    assert (run.traffic.sent_messages == 2 * (size - 1)).all()


@given(size=SIZES, n=LENGTHS)
def test_time_is_that_of_the_longest_chunk(ranks, size, n):
    longest = size * -(-n // size) * 8
    want = ring_cost(size, longest, ranks.alpha, ranks.beta)
    assert ranks.seconds(ring_allreduce, size, n) == pytest.approx(want, rel=1e-9)
    half = half_ring_cost(size, longest, ranks.alpha, ranks.beta)
    assert ranks.seconds(reduce_scatter, size, n) == pytest.approx(half, rel=1e-9)
    assert ranks.seconds(allgather, size, n, eager=0) == pytest.approx(half, rel=1e-9)


def test_the_bandwidth_term_does_not_grow_with_the_ranks(ranks):
    """Patarasuk and Yuan (2009): the bytes of the best, 2 (P-1)/P n, at every number of ranks."""
    n = 32 * 27 * 5
    for size in (2, 3, 5, 8, 16, 27, 32):
        run = ranks.run(ring_allreduce, ranks.inputs(size, n))
        wire = run.seconds - 2 * (size - 1) * ranks.alpha
        assert (run.traffic.sent_bytes == 2 * (size - 1) * n * 8 // size).all()
        assert wire == pytest.approx(bandwidth_bound(size, 8 * n, ranks.beta), rel=1e-9)
        assert wire < 2 * 8 * n * ranks.beta


@given(size=st.integers(1, 6), n=LENGTHS, segment=st.integers(1, 500))
def test_segments_change_rounds_and_nothing_else(ranks, size, n, segment):
    inputs = ranks.inputs(size, n)
    run = ranks.run(partial(ring_allreduce, segment=segment), inputs)
    for value in run.values:
        np.testing.assert_array_equal(value, sum(inputs))
    segments = max(1, -(-n // max(1, segment // 8)))
    assert run.traffic.sent_messages[0] == segments * 2 * (size - 1)
