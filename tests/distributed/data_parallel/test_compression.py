"""Compression: sums, bytes on the wire, and what error feedback is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import Communicator, Run, SimulatedCluster
from mlsys.distributed.data_parallel.compression import (
    LARGEST_HALF,
    Compressor,
    Half,
    TopK,
    Uncompressed,
    half_scale,
    slopes_that_defeat_top_1,
    top_k,
)

ranks_and_sizes = st.tuples(st.integers(1, 6), st.integers(1, 30))
seeds = st.integers(0, 2**32)


def gradients(ranks: int, size: int, seed: int, dtype: Any = np.float32) -> Any:
    return np.random.default_rng(seed).normal(size=(ranks, size)).astype(dtype)


def averaged(comm: Communicator, compressor: Compressor, rows: Any, times: int = 1) -> Any:
    """What the rank's gradient becomes, each time."""
    results = []
    for _ in range(times):
        flat = rows[comm.Get_rank()].copy()
        compressor.average(comm, "w", flat)
        results.append(flat)
    return results, getattr(compressor, "memory", {}).get("w")


def run(make: Any, rows: Any, times: int = 1) -> Run:
    cluster = SimulatedCluster(len(rows))
    return cluster.run(lambda comm: averaged(comm, make(), rows, times))


# ------------------------------------------------------------ sums


@given(ranks_and_sizes, seeds, st.sampled_from([np.float32, np.float64]))
def test_uncompressed_is_the_mean(shape: Any, seed: int, dtype: Any) -> None:
    rows = gradients(*shape, seed, dtype)
    for results, _ in run(Uncompressed, rows).values:
        np.testing.assert_allclose(results[0], rows.mean(0), rtol=1e-4, atol=1e-5)


@given(ranks_and_sizes, seeds, st.floats(-30, 30))
def test_half_is_the_mean_to_three_digits_at_any_magnitude(
    shape: Any, seed: int, power: float
) -> None:
    """Each of at most 2P roundings errs by 2^-11 of the largest partial sum."""
    rows = gradients(*shape, seed) * np.float32(10.0**power)
    allowed = 2 * shape[0] * 2.0**-11 * np.abs(rows).sum(0).max()
    first = run(Half, rows).values[0][0][0]
    for results, _ in run(Half, rows).values:
        np.testing.assert_allclose(results[0], rows.mean(0, np.float64), rtol=0, atol=allowed)
        assert results[0].tobytes() == first.tobytes()


@pytest.mark.parametrize("ranks", [1, 2, 64, 300])
def test_half_never_overflows_where_a_plain_cast_does(ranks: int) -> None:
    values = [LARGEST_HALF, 1e30, 3e-12, float(np.float32(2.0**-120))]
    for value in values:
        scaled = np.float16(value * half_scale(value, ranks))
        total = np.float16(0)
        for _ in range(ranks):
            total += scaled  # the longest chain of roundings
        assert np.isfinite(total)
        assert scaled > 0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_reaches_every_rank(bad: float) -> None:
    rows = gradients(3, 5, 0)
    rows[1, 2] = bad
    for make in (Uncompressed, Half, lambda: TopK(0.2)):
        for results, _ in run(make, rows).values:
            assert not np.isfinite(results[0][2])


@given(ranks_and_sizes, seeds, st.floats(0.01, 1))
def test_top_k_adds_each_ranks_largest_entries(shape: Any, seed: int, fraction: float) -> None:
    """NumPy's sort is the oracle; random gradients have no ties."""
    rows = gradients(*shape, seed, np.float64)
    k = TopK(fraction).count(shape[1])
    kept = np.where(np.abs(rows) >= np.sort(np.abs(rows))[:, [-k]], rows, 0)
    for rank, (results, memory) in enumerate(run(lambda: TopK(fraction), rows).values):
        np.testing.assert_allclose(results[0], kept.mean(0), rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(memory, (rows - kept)[rank])


@given(ranks_and_sizes, seeds, st.floats(0.01, 0.5), st.integers(1, 8))
def test_error_feedback_loses_nothing(shape: Any, seed: int, fraction: float, times: int) -> None:
    """All that was ever sent, and what the memories hold, is all that was ever computed."""
    rows = gradients(*shape, seed, np.float64)
    values = run(lambda: TopK(fraction), rows, times).values
    sent = sum(values[0][0]) + np.mean([memory for _, memory in values], 0)
    np.testing.assert_allclose(sent, times * rows.mean(0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [0, 4])
def test_top_k_says_what_k_may_be(k: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 3"):
        top_k(np.zeros(3), k)
    with pytest.raises(ValueError, match="fraction"):
        TopK(0.0)


# ------------------------------------------------------------ bytes


@given(st.integers(2, 6), st.integers(1, 5), seeds)
def test_bytes_on_the_wire_are_those_of_what_is_sent(ranks: int, chunk: int, seed: int) -> None:
    size = ranks * chunk
    rows = gradients(ranks, size, seed)
    ring = 2 * (ranks - 1)  # a rank's messages, each of a P-th of the numbers

    plain = run(Uncompressed, rows).traffic
    assert plain.sent_bytes.tolist() == [ring * 4 * chunk] * ranks

    half = run(Half, rows).traffic
    agreement = half.sent_bytes - ring * 2 * chunk  # one number to and fro, log2 P times
    assert (agreement > 0).all() and (agreement <= 4 * (np.log2(ranks) + 1)).all()

    sparse = run(lambda: TopK(0.25), rows).traffic
    entries = 8 * int(np.ceil(size / 4))  # a place and a value each
    assert sparse.sent_bytes.tolist() == [(ranks - 1) * entries] * ranks


def test_top_k_saves_bytes_only_while_its_share_is_below_one_in_ranks() -> None:
    rows = gradients(8, 64, 0)
    plain = run(Uncompressed, rows).traffic.sent_bytes.sum()
    equal = run(lambda: TopK(1 / 8), rows).traffic.sent_bytes.sum()
    assert plain == equal


# ------------------------------------------------------------ convergence


def descend(comm: Communicator, compressor: Compressor, lr: float, steps: int) -> Any:
    gradient, loss = slopes_that_defeat_top_1()
    x, losses = np.ones(3), []
    for _ in range(steps):
        step = lr * gradient(x, comm.Get_rank())
        compressor.average(comm, "x", step)
        x -= step
        losses.append(loss(x))
    return losses


def losses_of(fraction: float, error_feedback: bool, lr: float = 0.02, steps: int = 300) -> Any:
    program = lambda comm: descend(comm, TopK(fraction, error_feedback), lr, steps)  # noqa: E731
    return SimulatedCluster(3).run(program).values[0]


def test_error_feedback_converges_where_plain_top_k_diverges() -> None:
    """Plain top-1 walks the closed form of Beznosikov et al.; with a memory it reaches 0."""
    plain, fed_back, full = losses_of(0.3, False), losses_of(0.3, True), losses_of(1.0, False)
    _, loss = slopes_that_defeat_top_1()
    growth = 1 + 11 * 0.02 / 6
    expected = [loss(growth**t * np.ones(3)) for t in range(1, 301)]
    np.testing.assert_allclose(plain, expected, rtol=1e-9)
    assert fed_back[-1] < 1e-6 * fed_back[0]
    assert full[-1] < 1e-2 * full[0]


def test_plain_top_k_stalls_where_large_entries_cancel() -> None:
    """Two ranks disagree about x0 for ever; x1, on which they agree, is never sent."""

    def program(comm: Communicator, error_feedback: bool) -> Any:
        compressor = TopK(0.5, error_feedback)
        sign, x = 1 - 2 * comm.Get_rank(), np.array([0.0, 1.0])
        for _ in range(400):
            step = 0.1 * np.array([x[0] + 10 * sign, x[1]])  # of ((x0 + 10 sign)² + x1²) / 2
            compressor.average(comm, "x", step)
            x -= step
        return x

    stalled = SimulatedCluster(2).run(program, False).values[0]
    moved = SimulatedCluster(2).run(program, True).values[0]
    assert stalled.tolist() == [0.0, 1.0]
    assert abs(moved[1]) < 0.3
