"""Transfers that are resumed: the sums and messages of the blocking ones, in any interleaving."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster import Communicator, SimulatedCluster, flat
from mlsys.distributed.data_parallel.progress import Driver, Progress, agreement, ring_transfer

eager = st.sampled_from([0.0, np.inf])


def parts(comm: Communicator, count: int, length: int) -> list[Any]:
    rng = np.random.default_rng([comm.rank, 7])
    return [rng.normal(size=length).astype(np.float32) for _ in range(count)]


def resumed(comm: Communicator, count: int, length: int, polls: int) -> list[Any]:
    progress, arrays = Progress(), parts(comm, count, length)
    rng = np.random.default_rng(comm.rank)
    for tag, array in enumerate(arrays):
        progress.start(ring_transfer(comm, array, tag))
        for _ in range(polls):
            comm.compute(float(rng.random()))
            progress.poll()
    progress.wait()
    return arrays


def blocking(comm: Communicator, count: int, length: int) -> list[Any]:
    arrays = parts(comm, count, length)
    for array in arrays:
        ring_allreduce(comm, array)
    return arrays


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 9), st.integers(0, 5), eager)
def test_rings_that_overlap_give_the_bits_of_blocking_ones(
    ranks: int, count: int, length: int, polls: int, eager: float
) -> None:
    cluster = SimulatedCluster(flat(ranks), eager=eager)
    one, other = cluster.run(resumed, count, length, polls), cluster.run(blocking, count, length)
    for mine, theirs in zip(one.values, other.values, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert one.traffic is not None and other.traffic is not None
    np.testing.assert_array_equal(one.traffic.sent_bytes, other.traffic.sent_bytes)
    np.testing.assert_array_equal(one.traffic.sent_messages, other.traffic.sent_messages)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1), eager)
def test_agreement_is_and_in_as_many_rounds_as_a_barrier(
    ranks: int, seed: int, eager: float
) -> None:
    bits = np.random.default_rng(seed).integers(0, 256, (ranks, 3), np.uint8) | 0x11

    def program(comm: Communicator) -> Any:
        mine, progress = bits[comm.rank].copy(), Progress()
        progress.start(agreement(comm, mine))
        progress.wait()
        return mine

    run = SimulatedCluster(flat(ranks), eager=eager).run(program)
    for mine in run.values:
        np.testing.assert_array_equal(mine, np.bitwise_and.reduce(bits))
    assert run.traffic is not None
    assert run.traffic.rounds == int(np.ceil(np.log2(ranks)))


def test_a_driver_polls_until_its_block_ends() -> None:
    seen: list[int] = []
    with Driver(lambda: seen.append(1), every=1e-4):
        while len(seen) < 3:
            time.sleep(1e-3)
    count = len(seen)
    time.sleep(5e-3)
    assert len(seen) == count


def test_what_goes_wrong_in_a_driver_is_raised_where_its_block_ends() -> None:
    asked = []

    def poll() -> None:
        asked.append(1)
        raise ValueError("the cable is out")

    with pytest.raises(ValueError, match="the cable is out"), Driver(poll, every=1e-4):
        while not asked:
            time.sleep(1e-3)
