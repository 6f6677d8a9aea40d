"""Bounds that nobody beats, NCCL's bandwidths, and α and β from measured times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from mlsys.distributed.allreduce import (
    ALGORITHMS,
    algorithm_bandwidth,
    bandwidth_bound,
    bus_bandwidth,
    fit,
    latency_bound,
)
from mlsys.distributed.cluster import SimulatedCluster, flat


@pytest.mark.parametrize("name", ALGORITHMS)
@given(size=st.integers(1, 17), n=st.integers(0, 500))
def test_no_algorithm_beats_the_bounds(ranks, name, size, n):
    took = ranks.seconds(ALGORITHMS[name].run, size, n) * (1 + 1e-9)
    assert took >= bandwidth_bound(size, 8 * n, ranks.beta)
    assert took >= latency_bound(size, ranks.alpha)


def test_a_perfect_ring_shows_the_cables_bandwidth_on_the_bus(ranks):
    for size in (2, 8, 16):
        seconds = ranks.seconds(ALGORITHMS["ring"].run, size, 16_000)
        seconds -= 2 * (size - 1) * ranks.alpha
        assert bus_bandwidth(size, 128_000, seconds) == pytest.approx(1 / ranks.beta)
        assert algorithm_bandwidth(128_000, seconds) == pytest.approx(
            size / (2 * (size - 1)) / ranks.beta
        )


@given(alpha=st.floats(1e-7, 1e-2), beta=st.floats(1e-12, 1e-6))
def test_fit_finds_the_line_it_was_given(alpha, beta):
    sizes = np.array([1 << k for k in range(0, 27, 2)], float)
    assert fit(sizes, alpha + beta * sizes) == pytest.approx((alpha, beta), rel=1e-6)


@given(
    seconds=st.lists(st.floats(1e-6, 1.0), min_size=4, max_size=4),
    scale=st.floats(0.9, 1.1),
)
def test_no_line_has_a_smaller_relative_error(seconds, scale):
    sizes, t = np.array([0.0, 1e3, 1e5, 1e6]), np.array(seconds)
    alpha, beta = fit(sizes, t)

    def error(a, b):
        return np.square((a + b * sizes) / t - 1).sum()

    assert alpha >= 0
    assert beta >= 0
    for other in ((alpha * scale, beta), (alpha, beta * scale), (alpha * scale, beta / scale)):
        assert error(*other) >= error(alpha, beta) - 1e-9
    assert error(alpha, beta) <= error(*nnls(np.stack([1 / t, sizes / t], 1), np.ones(4))[0]) + 1e-9


def test_a_ping_pong_on_the_simulated_cluster_tells_its_alpha_and_beta():
    sizes = [0, 1000, 100_000]

    def program(comm):
        halves = []
        for nbytes in sizes:
            array, start = np.zeros(nbytes, np.uint8), comm.now()
            if comm.rank == 0:
                comm.Send(array, 1)
                comm.Recv(array, 1)
            else:
                comm.Recv(array, 0)
                comm.Send(array, 0)
            halves.append((comm.now() - start) / 2)
        return halves

    halves = SimulatedCluster(flat(2, alpha=3e-5, beta=2e-9)).run(program).values[0]
    assert fit(sizes, halves) == pytest.approx((3e-5, 2e-9), rel=1e-6)


def test_fit_needs_a_line():
    with pytest.raises(ValueError, match="two different sizes"):
        fit([8, 8], [1.0, 1.0])
    with pytest.raises(ValueError, match="times > 0"):
        fit([8, 16], [0.0, 1.0])
