"""Every allreduce, by name: the same sum, the same bits on all ranks, and errors that name them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import ALGORITHMS, CANDIDATES, allreduce, choose, crossover
from mlsys.distributed.cluster import (
    ClusterError,
    Deadlock,
    Faults,
    ProgramFailed,
    RankFailed,
    SimulatedCluster,
)

EVERY = pytest.mark.parametrize("name", ALGORITHMS)
ODD = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 6e-8, 1.0, 3.1, -2.7, 6e4]


@EVERY
@given(
    size=st.integers(1, 17),
    n=st.integers(0, 50),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u1"]),
    op=st.sampled_from([np.add, np.maximum, np.minimum]),
    eager=st.sampled_from([0, 64, np.inf]),
)
def test_every_rank_ends_with_the_op_of_all(ranks, name, size, n, seed, dtype, op, eager):
    rng, inputs = np.random.default_rng(seed), ranks.inputs(size, n, seed, dtype)
    late = rng.exponential(1e-2, size)
    run = ranks.run(ALGORITHMS[name].run, inputs, op, late=late, eager=eager, buffer=200)
    want = op.reduce(np.stack(inputs), axis=0, dtype=dtype)  # integers overflow as NumPy's do
    for value in run.values:
        assert value.dtype == inputs[0].dtype
        np.testing.assert_array_equal(value, want)


@EVERY
@given(size=st.integers(1, 17), n=st.integers(1, 20), seed=st.integers(0, 99))
@pytest.mark.parametrize("op", [np.add, np.maximum])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_all_ranks_hold_the_same_bits(ranks, name, op, size, n, seed):
    rng = np.random.default_rng(seed)
    inputs = [rng.choice(ODD, n).astype("f2") for _ in range(size)]
    run = ranks.run(ALGORITHMS[name].run, inputs, op)
    assert len({value.tobytes() for value in run.values}) == 1


@EVERY
def test_an_array_of_any_shape_is_changed_in_place(ranks, name):
    inputs = [array.reshape(2, 3, 4) for array in ranks.inputs(5, 24)]
    for value in ranks.run(ALGORITHMS[name].run, inputs).values:
        np.testing.assert_array_equal(value, sum(inputs))
    with pytest.raises(ProgramFailed, match="contiguous"):
        ranks.run(lambda comm, array: allreduce(comm, array[:, ::2], np.add, name), inputs)


@EVERY
@given(size=st.integers(2, 9), n=st.integers(0, 40), seed=st.integers(0, 99))
def test_arrays_of_different_lengths_are_refused(ranks, name, size, n, seed):
    rng = np.random.default_rng(seed)
    lengths = n + rng.integers(0, 3, size)
    lengths[rng.integers(size)] = n + 3
    lengths[(np.argmax(lengths) + 1) % size] = n
    inputs = [np.zeros(length) for length in lengths]
    with pytest.raises(ProgramFailed, match=r"rank \d expected at most .* and rank \d sent"):
        ranks.run(ALGORITHMS[name].run, inputs)


@EVERY
def test_arrays_of_different_dtypes_are_refused(ranks, name):
    inputs = ranks.inputs(4, 8)
    inputs[2] = inputs[2].astype("f4")
    with pytest.raises(ProgramFailed, match=r"rank \d expected .* and rank \d sent .* × float"):
        ranks.run(ALGORITHMS[name].run, inputs)


@EVERY
def test_a_rank_that_never_calls_is_named(name):
    def program(comm):
        if comm.rank != 2:
            ALGORITHMS[name].run(comm, np.ones(8), np.add)

    with pytest.raises(Deadlock, match=r"rank 2, for which rank \d waits, has returned"):
        SimulatedCluster(4).run(program)


@EVERY
def test_a_dead_rank_ends_the_call_of_every_other(ranks, name):
    with pytest.raises(ClusterError) as caught:
        ranks.run(
            ALGORITHMS[name].run,
            ranks.inputs(5, 2000),
            late=[1.0] * 5,
            faults=Faults(crash={3: 0.5}),
        )
    errors = caught.value.errors
    assert sorted(errors) == [0, 1, 2, 4]
    assert all(isinstance(error, RankFailed) for error in errors.values())
    assert any(error.ranks == (3,) for error in errors.values())


@given(
    size=st.integers(1, 64),
    nbytes=st.floats(0, 1e9),
    alpha=st.floats(1e-7, 1e-3),
    beta=st.floats(1e-12, 1e-7),
)
def test_the_choice_is_the_cheapest(size, nbytes, alpha, beta):
    prices = {name: ALGORITHMS[name].cost(size, nbytes, alpha, beta) for name in CANDIDATES}
    assert prices[choose(size, nbytes, alpha, beta)] == min(prices.values())


@given(
    size=st.integers(2, 64),
    alpha=st.floats(1e-6, 1e-3),
    beta=st.floats(1e-11, 1e-8),
    pair=st.permutations(CANDIDATES),
)
def test_prices_cross_where_they_are_said_to(size, alpha, beta, pair):
    first, second, _ = pair
    at = crossover(first, second, size, alpha, beta)
    one, other = (ALGORITHMS[name].cost for name in (first, second))

    def lead(nbytes):
        return round(one(size, nbytes, alpha, beta) / other(size, nbytes, alpha, beta) - 1, 9)

    if at < math.inf:
        assert lead(at) == 0
    else:  # then it is always the same one that leads, or neither
        signs = {np.sign(lead(nbytes)) for nbytes in (1.0, 1e3, 1e6, 1e9, 1e12)} - {0.0}
        assert len(signs) <= 1


def test_auto_takes_the_choice_and_a_name_takes_that_one(ranks):
    def messages(n, *arguments):
        return ranks.run(allreduce, ranks.inputs(8, n), np.add, *arguments).traffic.sent_messages[0]

    assert messages(4) == 3  # doubling
    assert messages(40_000) == 6  # halving
    assert messages(4, "ring") == 14
    with pytest.raises(ProgramFailed, match="expected auto, naive, tree"):
        messages(4, "rign")
