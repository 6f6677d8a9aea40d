"""The programs to begin with do what they say, and measure what was built in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import SimulatedCluster, flat
from mlsys.distributed.cluster.examples import hello, ping_pong


@given(st.integers(1, 9))
def test_everybody_hears_the_rank_before(ranks: int) -> None:
    values = SimulatedCluster(ranks).run(hello).values
    assert values == [f"rank {r} heard rank {(r - 1) % ranks}" for r in range(ranks)]


@given(st.integers(2, 5), st.floats(1e-9, 1.0), st.floats(0, 1e-3), st.integers(0, 9999))
def test_ping_pong_measures_alpha_and_beta(ranks: int, alpha: float, beta: float, n: int) -> None:
    run = SimulatedCluster(flat(ranks, alpha, beta)).run(ping_pong, n, 3)
    assert run.values == pytest.approx([alpha + beta * n] * ranks)


def test_alone_there_is_nothing_to_measure() -> None:
    assert SimulatedCluster(1).run(ping_pong).values == [0.0]
