"""The reducer: means over the ranks, whatever is ready when; messages and bytes as promised."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster import (
    Communicator,
    Deadlock,
    Faults,
    ProgramFailed,
    SimulatedCluster,
    flat,
)
from mlsys.distributed.data_parallel.buckets import Spec
from mlsys.distributed.data_parallel.reducer import Reducer

SHAPES: list[tuple[int, ...]] = [(3, 2), (1,), (), (8,), (0,), (2, 2, 2)]
TYPES = [np.float32, np.float64, np.float32, np.float32, np.float64, np.float32]
SPECS = [Spec(f"w{k}", shape, dtype) for k, (shape, dtype) in enumerate(zip(SHAPES, TYPES))]


def gradient(seed: int, rank: int, step: int, tensor: int, piece: int = 0) -> Any:
    rng = np.random.default_rng([seed, rank, step, tensor, piece])
    return rng.normal(size=SHAPES[tensor]).astype(TYPES[tensor])


def steps(comm: Communicator, seed: int, cap: int, average: bool, used: Any) -> list[Any]:
    """Some gradients, in an order and at times of this rank's own, some in two pieces."""
    reducer = Reducer(comm, SPECS, cap, average)
    rng = np.random.default_rng([seed, comm.rank])
    results = []
    for step in range(len(used)):
        for tensor in rng.permutation(len(SPECS)).tolist():
            if used[step, comm.rank, tensor]:
                comm.compute(float(rng.random()))
                reducer.add(tensor, gradient(seed, comm.rank, step, tensor, 1))
                reducer.ready(tensor, gradient(seed, comm.rank, step, tensor))
        averages = reducer.finish()
        results.append([None if mean is None else mean.copy() for mean in averages])
    return results


@given(
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 40, 1 << 20]),
    st.booleans(),
    st.sampled_from([0.0, np.inf]),
)
def test_every_rank_gets_the_mean_of_what_was_used(
    ranks: int, seed: int, cap: int, average: bool, eager: float
) -> None:
    used = np.random.default_rng(seed).random((3, ranks, len(SPECS))) < 0.6
    run = SimulatedCluster(flat(ranks), eager=eager).run(steps, seed, cap, average, used)
    for step in range(3):
        for tensor, shape in enumerate(SHAPES):
            pieces = [
                gradient(seed, rank, step, tensor) + gradient(seed, rank, step, tensor, 1)
                for rank in range(ranks)
                if used[step, rank, tensor]
            ]
            results = [value[step][tensor] for value in run.values]
            if not pieces:
                assert all(result is None for result in results)
                continue
            total = np.sum(np.asarray(pieces, np.float64), 0) / (ranks if average else 1)
            for result in results:
                assert result.shape == shape and result.dtype == TYPES[tensor]
                np.testing.assert_allclose(result, total, rtol=1e-5, atol=1e-6)
                np.testing.assert_array_equal(result, results[0])  # to the last bit


def timed(comm: Communicator, count: int, size: int, cap: int, settled: int) -> None:
    reducer = Reducer(comm, [Spec(str(k), (size,), np.float64) for k in range(count)], cap)
    for _ in range(1 + settled):
        for tensor in range(count):
            reducer.ready(tensor, np.ones(size))
        reducer.finish()


@given(st.integers(2, 6), st.integers(1, 5), st.integers(1, 3))
def test_a_settled_step_is_one_ring_a_bucket_and_a_few_bits(
    ranks: int, count: int, each: int
) -> None:
    size, rounds = ranks * 5, int(np.ceil(np.log2(ranks)))
    nbytes, buckets = 8 * size, -(-count // each)
    runs = [
        SimulatedCluster(ranks).run(timed, count, size, each * nbytes, settled)
        for settled in (0, 1)
    ]
    before, after = (run.traffic for run in runs)
    assert before is not None and after is not None
    messages = after.sent_messages - before.sent_messages - buckets * 2 * (ranks - 1)
    assert (messages % rounds == 0).all()
    assert (messages >= rounds).all() and (messages <= rounds * buckets).all()
    gradients = count * nbytes * 2 * (ranks - 1) // ranks
    told = messages * (-(-(buckets + count) // 8))
    np.testing.assert_array_equal(after.sent_bytes - before.sent_bytes, gradients + told)


def test_nothing_is_sent_until_a_gradient_is_ready() -> None:
    def program(comm: Communicator, adds: int) -> None:
        reducer = Reducer(comm, SPECS)
        for _ in range(adds):
            reducer.add(0, gradient(0, comm.rank, 0, 0))
            reducer.poll()

    none, some = (SimulatedCluster(3).run(program, adds).traffic for adds in (0, 5))
    assert none is not None and some is not None
    np.testing.assert_array_equal(none.sent_messages, some.sent_messages)


def test_a_bucket_that_nobody_has_used_is_not_sent() -> None:
    def program(comm: Communicator, used: int) -> None:
        reducer = Reducer(comm, [Spec(str(k), (500,), np.float64) for k in range(4)], cap=4000)
        for _ in range(2):
            for tensor in range(used):
                reducer.ready(tensor, np.ones(500))
            reducer.finish()

    sent = [SimulatedCluster(2).run(program, used).traffic for used in range(5)]
    nbytes = [int(traffic.sent_bytes[1]) // 4000 for traffic in sent if traffic]
    assert nbytes == [0, 2, 4, 6, 8]  # twice a gradient's bytes: two steps


def test_buckets_follow_the_order_that_the_first_step_of_rank_0_has_shown() -> None:
    def program(comm: Communicator) -> list[list[int]]:
        reducer = Reducer(comm, [Spec(str(k), (2,), np.float64) for k in range(4)], cap=32)
        order = [2, 0, 1, 3] if comm.rank == 0 else [3, 2, 1, 0]
        for tensor in order:
            reducer.ready(tensor, np.ones(2))
        reducer.finish()
        return [bucket.tensors for bucket in reducer.buckets]

    assert SimulatedCluster(3).run(program).values == [[[2, 0], [1, 3]]] * 3


class Exact:
    """A compression that compresses nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: list[Hashable] = []

    def average(self, comm: Communicator, name: Hashable, flat: Any) -> None:
        self.names.append(name)
        ring_allreduce(comm, flat)
        flat /= comm.size


@pytest.mark.parametrize("average", [True, False])
def test_a_compression_takes_the_ring_s_place_from_the_second_step_on(average: bool) -> None:
    def program(comm: Communicator, compressed: bool) -> Any:
        compression = Exact() if compressed else None
        reducer = Reducer(comm, SPECS[:1], average=average, compression=compression)
        means = []
        for step in range(3):
            reducer.ready(0, gradient(0, comm.rank, step, 0))
            mean = reducer.finish()[0]
            assert mean is not None
            means.append(mean.copy())
        return means, compression.names if compression else None

    plain, compressed = (SimulatedCluster(3).run(program, c).values for c in (False, True))
    for (mean, _), (other, names) in zip(plain, compressed, strict=True):
        np.testing.assert_allclose(mean, other, rtol=1e-6)
        assert names == [(0,), (0,)]


def test_a_gradient_that_is_ready_twice_is_refused() -> None:
    def program(comm: Communicator) -> None:
        reducer = Reducer(comm, SPECS)
        reducer.ready(3, np.ones(8))
        reducer.ready(3, np.ones(8))

    with pytest.raises(ProgramFailed, match="gradient of w3 was ready before in this step"):
        SimulatedCluster(1).run(program)


@pytest.mark.parametrize("settled", [0, 1])
def test_a_rank_that_never_finishes_is_a_deadlock_that_names_the_waiting(settled: int) -> None:
    def program(comm: Communicator) -> None:
        timed(comm, 3, 4, 0, settled - (comm.rank == 2))

    with pytest.raises(Deadlock, match=r"rank 0 waits[\s\S]*rank 1 waits"):
        SimulatedCluster(3).run(program)


def test_a_dead_rank_ends_the_wait_of_the_others() -> None:
    def program(comm: Communicator) -> None:
        reducer = Reducer(comm, SPECS)
        for _ in range(100):
            comm.compute(1.0)
            reducer.ready(0, gradient(0, comm.rank, 0, 0))
            reducer.finish()

    with pytest.raises(ProgramFailed, match="RankFailed") as caught:
        SimulatedCluster(3, faults=Faults(crash={1: 5.5})).run(program)
    assert set(caught.value.errors) == {0, 2}
