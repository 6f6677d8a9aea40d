"""Gossip against its matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import Communicator, SimulatedCluster
from mlsys.distributed.data_parallel.gossip import gossip, ring_mixing, spectral_gap


def rounds(comm: Communicator, rows: Any, count: int) -> Any:
    mine = rows[comm.Get_rank()].copy()
    for _ in range(count):
        gossip(comm, mine)
    return mine


@given(st.integers(1, 9), st.integers(0, 4), st.integers(0, 2**32))
def test_a_round_multiplies_by_the_mixing_matrix(ranks: int, count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(ranks, 3))
    run = SimulatedCluster(ranks, eager=0).run(rounds, rows, count)
    expected = np.linalg.matrix_power(ring_mixing(ranks), count) @ rows
    np.testing.assert_allclose(run.values, expected, rtol=1e-9, atol=1e-12)
    assert (run.traffic.sent_bytes == 2 * count * rows[0].nbytes).all()


@given(st.integers(2, 12), st.integers(0, 2**32))
def test_disagreement_shrinks_by_the_gap(ranks: int, seed: int) -> None:
    mixing = ring_mixing(ranks)
    x = np.random.default_rng(seed).normal(size=ranks)
    before, after = x - x.mean(), mixing @ x - x.mean()
    assert np.linalg.norm(after) <= (1 - spectral_gap(mixing)) * np.linalg.norm(before) + 1e-12
    np.testing.assert_allclose(mixing.sum(0), 1)


@pytest.mark.parametrize("ranks", [5, 8, 33, 200])
def test_the_gap_of_a_ring_is_known(ranks: int) -> None:
    known = 2 / 3 * (1 - np.cos(2 * np.pi / ranks))
    assert spectral_gap(ring_mixing(ranks)) == pytest.approx(known)
    if ranks > 30:
        assert known == pytest.approx(4 * np.pi**2 / (3 * ranks**2), rel=0.01)
