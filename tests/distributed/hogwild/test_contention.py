"""Transfers of cache lines: two ways of counting, and what must come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.hogwild import plant
from mlsys.distributed.hogwild.contention import transfers, transfers_of_rows


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 8),
    st.integers(0, 40),
)
def test_one_sort_counts_what_a_dictionary_does(
    seed: int, nonzeros: int, workers: int, line: int, remembered: int
) -> None:
    keys = plant(40, 30, nonzeros, np.random.default_rng(seed)).keys.reshape(40, nonzeros)
    counted = transfers_of_rows(keys, workers, remembered=remembered, line=line)
    slowly = transfers(list(keys), workers, remembered=remembered, line=line)
    assert counted == pytest.approx(slowly)
    assert (workers > 1 and remembered > 0) or counted == 0
    assert counted <= transfers_of_rows(keys, workers, line=line)


def test_dense_steps_move_every_line_and_sparse_ones_few() -> None:
    dense = np.tile(np.arange(64), (500, 1))
    assert transfers_of_rows(dense, 2) == pytest.approx(8 * 499 / 500)
    sparse = plant(500, 100_000, 8, np.random.default_rng(0)).keys.reshape(500, 8)
    assert transfers_of_rows(sparse, 2) < 1.5
    assert transfers_of_rows(sparse, 2, remembered=50) < 0.5


def test_workers_with_weights_of_their_own_share_lines_nevertheless() -> None:
    keys = np.tile([[0], [1]], (50, 1))
    assert transfers_of_rows(keys, 2, line=1) == 0
    assert transfers_of_rows(keys, 2) == pytest.approx(0.99)
