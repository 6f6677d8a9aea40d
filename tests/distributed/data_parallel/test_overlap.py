"""What a step costs on the virtual clock: fusion, overlap, and how often one must look."""

import numpy as np
import pytest

from mlsys.distributed.allreduce.ring import ring_cost
from mlsys.distributed.cluster import SimulatedCluster, flat
from mlsys.distributed.data_parallel.buckets import CAP
from mlsys.distributed.data_parallel.overlap import (
    blocking_step,
    hidden_fraction,
    overlapped_steps,
)
from mlsys.distributed.data_parallel.scaling import BETWEEN
from mlsys.foundations.measurement.trace import Trace

LAYER = 1 << 16  # bytes of a gradient
SIZE = LAYER // 4
ALPHA, BETA = 5e-6, 1e-9


def fused_and_not(ranks: int, count: int, size: int) -> tuple[float, float]:
    """Seconds of an exchange of ``count`` gradients, one by one and in buckets."""
    cluster, work = SimulatedCluster(flat(ranks, *BETWEEN)), [0.0] * count
    one_by_one = cluster.run(blocking_step, [size] * count, work, 0).values[0]
    return one_by_one, cluster.run(blocking_step, [size] * count, work, CAP).values[0]


@pytest.mark.parametrize("ranks", [4, 8])
def test_a_hundred_tensors_of_4_KiB_are_five_times_faster_together(ranks: int) -> None:
    apart, fused = fused_and_not(ranks, 100, 1024)
    assert apart > 5 * fused
    assert apart == pytest.approx(100 * ring_cost(ranks, 4096, *BETWEEN), rel=1e-9)
    assert fused == pytest.approx(ring_cost(ranks, 409600, *BETWEEN), rel=1e-9)


def test_fusion_gains_little_for_large_tensors() -> None:
    apart, fused = fused_and_not(2, 4, 1 << 18)
    assert 1 <= apart / fused < 1.05


EXCHANGE = ring_cost(8, LAYER, ALPHA, BETA)


def settled(layers: int, cap: int, polls: int) -> tuple[float, float]:
    """Seconds of a settled step of 8 ranks, and the part of rank 0's sending that is hidden.

    Each layer has a fifth more work than its gradient has communication.
    """
    cluster = SimulatedCluster(flat(8, ALPHA, BETA), trace=True)
    run = cluster.run(overlapped_steps, [SIZE] * layers, [1.2 * EXCHANGE] * layers, cap, polls)
    start, end = run.values[0][-1]
    assert run.trace is not None
    return end - start, hidden_fraction(run.trace, 0, start, end)


def test_overlap_hides_most_of_the_communication_of_a_step() -> None:
    layers = 16
    work = [1.2 * EXCHANGE] * layers
    cluster = SimulatedCluster(flat(8, ALPHA, BETA))
    blocking = cluster.run(blocking_step, [SIZE] * layers, work).seconds
    seconds, hidden = settled(layers, LAYER, 12)
    assert blocking == pytest.approx(sum(work) + layers * EXCHANGE, rel=1e-9)
    assert hidden > 0.85
    assert sum(work) < seconds < sum(work) + 0.15 * layers * EXCHANGE


def test_who_looks_seldom_hides_little_and_one_bucket_hides_nothing() -> None:
    few, often, whole = settled(8, LAYER, 1), settled(8, LAYER, 16), settled(8, 8 * LAYER, 16)
    assert often[0] < min(few[0], whole[0])
    assert often[1] > few[1] + 0.3
    assert whole[1] == 0


def test_the_hidden_part_is_what_a_trace_shows() -> None:
    trace = Trace()
    trace.add("compute", "rank 0", 0.0, 4.0)
    trace.add("to 1", "rank 0 sends", 3.0, 5.0)
    trace.add("to 1", "rank 0 sends", 4.0, 6.0)  # overlaps the one before
    trace.add("to 2", "rank 1 sends", 0.0, 4.0)
    assert hidden_fraction(trace, 0, 0.0, 9.0) == pytest.approx(1 / 3)
    assert hidden_fraction(trace, 0, 0.0, 4.0) == 1.0
    assert hidden_fraction(trace, 0, 4.0, 9.0) == 0.0
    assert hidden_fraction(trace, 2, 0.0, 9.0) == 0.0
    assert np.isclose(hidden_fraction(trace, 0, 3.5, 5.0), 1 / 3)
