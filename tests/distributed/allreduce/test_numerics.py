"""Sums in floating point: how far orders differ, and sums that no order changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce import (
    ALGORITHMS,
    additions,
    error_bound,
    reproducible_allreduce,
)
from mlsys.distributed.cluster import SimulatedCluster


def spread(terms, size, rng):
    """The rows, in any order, over so many ranks."""
    owner = rng.integers(0, size, len(terms))
    order = rng.permutation(len(terms))
    return [terms[order][owner[order] == rank] for rank in range(size)]


@pytest.mark.parametrize("name", ALGORITHMS)
@given(size=st.integers(1, 17), seed=st.integers(0, 999), dtype=st.sampled_from(["f2", "f4"]))
def test_errors_stay_within_the_bound(ranks, name, size, seed, dtype):
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=20).astype(dtype) for _ in range(size)]
    exact = np.sum([array.astype("f8") for array in inputs], axis=0)
    room = error_bound(name, size, dtype) * np.sum(np.abs(inputs), axis=0, dtype="f8")
    for value in ranks.run(ALGORITHMS[name].run, inputs).values:
        assert (np.abs(value - exact) <= room + 1e-12).all()


def test_every_algorithm_has_bits_of_its_own(ranks):
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=1000).astype("f4") for _ in range(8)]
    sums = {name: ranks.run(ALGORITHMS[name].run, inputs).values[0] for name in ALGORITHMS}
    bits = {value.tobytes() for value in sums.values()}
    assert len(bits) >= 3  # the naive chain, the ring's, and trees
    for value in sums.values():
        np.testing.assert_allclose(value, sums["naive"], rtol=1e-4, atol=1e-5)


def test_in_half_precision_a_long_chain_loses_what_a_tree_keeps(ranks):
    rng = np.random.default_rng(2)
    inputs = [rng.uniform(0, 1, 256).astype("f2") for _ in range(64)]
    exact = np.sum([array.astype("f8") for array in inputs], axis=0)

    def error(name):
        value = ranks.run(ALGORITHMS[name].run, inputs).values[0]
        return np.sqrt(np.mean(np.square((value - exact) / exact)))

    assert error("ring") > 2 * error("halving")
    assert additions("ring", 64) == 63
    assert additions("halving", 64) == 6
    assert error_bound("ring", 4096, "f2") == math.inf


@given(
    rows=st.integers(0, 40),
    scale=st.integers(-300, 300),
    seed=st.integers(0, 999),
    dtype=st.sampled_from(["f2", "f4", "f8"]),
)
def test_a_reproducible_sum_knows_no_order_and_no_number_of_ranks(rows, scale, seed, dtype):
    rng = np.random.default_rng(seed)
    top = {"f2": 4, "f4": 30, "f8": 300}[dtype]
    terms = rng.normal(size=(rows, 3)) * 10.0 ** rng.integers(-4, 1, (rows, 3))
    terms = (terms * 10.0 ** (scale * top // 300 - (dtype != "f8"))).astype(dtype)
    bits = set()
    for size, algorithm in ((1, "auto"), (3, "ring"), (4, "halving"), (7, "naive")):
        parts = spread(terms, size, rng)
        run = SimulatedCluster(size).run(
            lambda comm, parts=parts, algorithm=algorithm: reproducible_allreduce(
                comm, parts[comm.rank], algorithm
            )
        )
        bits |= {value.tobytes() for value in run.values}
    assert len(bits) == 1
    exact = np.array([math.fsum(column) for column in terms.T.astype("f8")])
    value = np.frombuffer(bits.pop(), dtype).astype("f8")
    grid = rows**2 * 2.0**-60 * np.abs(terms).max(initial=0).astype("f8")
    rounding = np.finfo(dtype).eps * np.abs(exact) + float(np.finfo(dtype).smallest_subnormal)
    assert (np.abs(value - exact) <= grid + rounding).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_on_every_rank(bad):
    def program(comm):
        with pytest.raises(ValueError, match="expected finite numbers"):
            reproducible_allreduce(comm, np.array([[1.0, bad if comm.rank == 1 else 0.0]]))

    SimulatedCluster(3).run(program)
