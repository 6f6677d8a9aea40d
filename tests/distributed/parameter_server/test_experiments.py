"""Bytes by the formula, a pause no longer than noticing, shares and hot keys by the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from mlsys.distributed.parameter_server.columns import Plan
from mlsys.distributed.parameter_server.experiments import (
    COUNTS,
    bytes_a_row,
    count,
    fit_clicks,
    hot_keys,
    left_out,
    shares,
)
from mlsys.distributed.parameter_server.filters import KKT
from mlsys.distributed.parameter_server.load import shard_load
from mlsys.distributed.parameter_server.staleness import L1, click_parts
from mlsys.foundations.datasets.zipf import Zipf


@pytest.mark.parametrize(
    ("width", "dtype", "size"), [(1, "<f8", 8), (1, "<f4", 4), (16, "<f4", 64)]
)
def test_keys_are_16_bytes_a_row_until_they_are_remembered(
    width: int, dtype: str, size: int
) -> None:
    """A pull's and a push's; headers and 8 bytes for the signature are a hundredth."""
    assert bytes_a_row(width, dtype, remembered=False) == pytest.approx(2 * size + 16, rel=0.01)
    assert bytes_a_row(width, dtype, remembered=True) == pytest.approx(2 * size, rel=0.01)


def test_the_kkt_filter_leaves_out_nineteen_rows_of_twenty() -> None:
    every, some = fit_clicks(), fit_clicks(KKT(L1, 2.0))
    plan = Plan(click_parts(1, 1)[1], 10)
    assert left_out(every.rows, some.rows, plan) > 0.95
    assert abs(some.objective / every.objective - 1) < 1e-4
    assert some.kept <= every.kept < 0.01 * plan.bounds[-1]
    row = 16  # bytes: two float64
    saved = every.worker_bytes - some.worker_bytes
    named_anew = 8 * some.rows  # what the filter lets through is another list each time
    assert row * (every.rows - some.rows) - named_anew <= saved <= row * (every.rows - some.rows)
    assert every.server_bytes == pytest.approx(some.server_bytes, rel=0.01)


def test_only_filtered_passes_count() -> None:
    plan = Plan((0, 5, 10), passes=10, refresh=5)
    assert left_out(100, 100, plan) == 0
    assert left_out(100, 20, plan) == pytest.approx(1)


def test_packing_helps_workers_that_filter_more_than_servers() -> None:
    plain, packed, both = fit_clicks(), fit_clicks(level=6), fit_clicks(KKT(L1, 2.0), level=6)
    assert packed.objective == plain.objective
    assert 1.3 < plain.server_bytes / packed.server_bytes < 3
    assert 3 < plain.worker_bytes / both.worker_bytes < 6


@pytest.mark.parametrize("detection", [0.001, 0.01, 0.3])
def test_a_death_costs_its_noticing_and_two_iterations_at_most(detection: float) -> None:
    found = count(detection=detection)
    assert len(found.ends) == COUNTS and found.usual < 0.003
    assert detection < found.pause < detection + 2 * found.usual
    assert (found.numbers == 4 * COUNTS).all()


def test_nobody_dies_without_a_spare() -> None:
    found = count(spares=0)
    assert found.pause < 1.01 * found.usual
    assert (found.numbers == 4 * COUNTS).all()


def test_shares_even_out_and_little_moves() -> None:
    one, few, many = (shares(virtual, servers=10, shards=4_000) for virtual in (1, 16, 256))
    assert one.fullest > 2 > few.fullest > many.fullest >= 1
    assert one.spread > few.spread > many.spread
    assert 0.05 < many.moved < 0.15


def test_copies_relieve_the_server_that_has_the_hottest_keys() -> None:
    servers = 64
    hottest = shard_load(Zipf(10**6, 1.05).probability, 1024).max()
    alone, helped = hot_keys(servers), hot_keys(servers, bound=0.5)
    assert alone.copies == 0 and alone.busiest >= servers * hottest > 30
    assert 1 <= helped.busiest < 3 and 0 < helped.copies < 512
    assert helped.busiest < hot_keys(servers, mixed=True).busiest < alone.busiest / 3
    assert hot_keys(servers, bound=np.inf) == alone
