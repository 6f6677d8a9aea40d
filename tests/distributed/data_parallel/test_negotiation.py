"""Negotiation: all ranks are told the same, in the same order, once everybody has everything."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import Communicator, SimulatedCluster, flat
from mlsys.distributed.data_parallel.buckets import Spec
from mlsys.distributed.data_parallel.negotiation import (
    Announcing,
    ByBits,
    Coordinator,
    Mismatch,
    check_same,
)
from mlsys.distributed.data_parallel.progress import Progress

seeds = st.integers(0, 2**32 - 1)
eager = st.sampled_from([0.0, np.inf])


@given(st.integers(1, 5), st.integers(1, 6), seeds)
def test_the_coordinator_completes_a_tensor_with_its_last_announcement(
    ranks: int, tensors: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    used = rng.random((ranks, tensors)) < 0.5
    said = [(rank, tensor) for rank in range(ranks) for tensor in range(tensors)]
    table, heard = Coordinator(ranks, tensors), np.zeros((ranks, tensors), bool)
    complete: list[int] = []
    for rank, tensor in rng.permutation(said).tolist():
        table.hear(rank, tensor, bool(used[rank, tensor]))
        heard[rank, tensor] = True
        new = table.complete()
        assert new == ([tensor] if heard[:, tensor].all() else [])
        assert table.unused(new) == {t for t in new if not used[:, t].any()}
        complete += new
    assert sorted(complete) == list(range(tensors))


Told = list[tuple[float, list[int], list[int]]]


def negotiate(comm: Communicator, kind: str, used: Any, seed: int) -> tuple[Told, list[float]]:
    """Announce in an order and at times of this rank's own; what was told when, and said when."""
    tensors = used.shape[1]
    progress, told, said = Progress(), Told(), [0.0] * tensors

    def go(which: list[int], unused: set[int]) -> None:
        told.append((comm.now(), list(which), sorted(unused)))

    talks: Announcing | ByBits
    if kind == "bits":
        buckets = [list(part) for part in np.array_split(range(tensors), -(-tensors // 2))]
        talks = ByBits(comm, progress, [list(map(int, bucket)) for bucket in buckets], go)
    else:
        talks = Announcing(comm, progress, tensors, go)
    rng = np.random.default_rng([seed, comm.rank])
    for tensor in rng.permutation(tensors).tolist():
        comm.compute(float(rng.random()))
        progress.poll()
        said[tensor] = comm.now()
        talks.announce(tensor, bool(used[comm.rank, tensor]))
    progress.wait()
    talks.close()
    return told, said


@pytest.mark.parametrize("kind", ["bits", "rank 0"])
@given(st.integers(1, 6), st.integers(1, 7), seeds, eager)
def test_all_are_told_the_same_and_not_before_all_are_ready(
    kind: str, ranks: int, tensors: int, seed: int, eager: float
) -> None:
    used = np.random.default_rng(seed).random((ranks, tensors)) < 0.4
    run = SimulatedCluster(flat(ranks), eager=eager).run(negotiate, kind, used, seed)
    order = [(which, unused) for _, which, unused in run.values[0][0]]
    assert sorted(tensor for which, _ in order for tensor in which) == list(range(tensors))
    for which, unused in order:
        assert unused == [tensor for tensor in sorted(which) if not used[:, tensor].any()]
    for told, _ in run.values:
        assert [(which, unused) for _, which, unused in told] == order
        for when, which, _ in told:
            for tensor in which:
                assert when >= max(said[tensor] for _, said in run.values)


@given(st.integers(2, 9), seeds)
def test_bits_need_no_more_rounds_than_there_are_buckets(ranks: int, seed: int) -> None:
    """Each rank's cycles: at least one, at most one a bucket; each of ⌈log2 ranks⌉ messages."""
    tensors, rounds = 8, int(np.ceil(np.log2(ranks)))
    used = np.ones((ranks, tensors), bool)
    run = SimulatedCluster(flat(ranks)).run(negotiate, "bits", used, seed)
    assert run.traffic is not None
    for messages in run.traffic.sent_messages:
        assert messages % rounds == 0 and 1 <= messages / rounds <= tensors / 2 + 1
    assert (run.traffic.sent_bytes == 2 * run.traffic.sent_messages).all()  # 4 + 8 bits: 2 bytes


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        (
            [Spec("w", (2,), "f4"), Spec("b", (1,), "f8")],
            r"rank 1 has b: float64 \(1,\), rank 0 ha",
        ),
        ([Spec("w", (2,), "f4")], r"rank 1 has no more, rank 0 has b: float32 \(1,\)"),
        ([Spec("w", (3,), "f4"), Spec("b", (1,), "f4")], r"rank 1 has w: float32 \(3,\), rank 0"),
    ],
)
def test_different_models_are_refused_on_every_rank(theirs: list[Spec], message: str) -> None:
    mine = [Spec("w", (2,), "f4"), Spec("b", (1,), "f4")]

    def program(comm: Communicator) -> str:
        with pytest.raises(Mismatch) as caught:
            check_same(comm, theirs if comm.rank == 1 else mine)
        return str(caught.value)

    said = SimulatedCluster(3).run(program).values
    assert said == said[:1] * 3
    assert re.search(message, said[0])
