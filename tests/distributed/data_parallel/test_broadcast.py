"""All ranks begin with the root's state, whatever they had."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import Communicator, ProgramFailed, SimulatedCluster
from mlsys.distributed.data_parallel.broadcast import (
    broadcast_arrays,
    broadcast_object,
    broadcast_state,
    same_bits,
)
from mlsys.distributed.data_parallel.optimizer import DistributedOptimizer
from mlsys.foundations.nn import CNN, MLP, TransformerLM
from mlsys.foundations.training import SGD, AdamW


@given(st.integers(1, 9), st.data())
def test_an_object_reaches_every_rank_in_the_rounds_of_a_tree(ranks: int, data: Any) -> None:
    root = data.draw(st.integers(0, ranks - 1))
    run = SimulatedCluster(ranks).run(lambda comm: broadcast_object(comm, [comm.rank], root))
    assert run.values == [[root]] * ranks
    assert run.traffic is not None
    assert run.traffic.rounds <= int(np.ceil(np.log2(ranks)))
    assert run.traffic.sent_messages.sum() == ranks - 1


def test_arrays_of_several_kinds_travel_in_one_broadcast_a_dtype() -> None:
    def program(comm: Communicator, copies: int) -> list[Any]:
        arrays = [np.full((2, k), comm.rank, np.float32) for k in range(copies)]
        arrays += [np.array(comm.rank), np.full(3, comm.rank)]
        broadcast_arrays(comm, arrays, root=1)
        return arrays

    few, many = (SimulatedCluster(4).run(program, copies) for copies in (1, 9))
    for arrays in many.values:
        assert all((array == 1).all() for array in arrays)
    assert few.traffic is not None and many.traffic is not None
    assert few.traffic.sent_messages.sum() == many.traffic.sent_messages.sum()


def models(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "cnn": CNN(10, (2, 4), rng=rng),  # has buffers
        "tied": TransformerLM(7, 4, 8, 2, 1, rng=rng),
    }


@pytest.mark.parametrize("name", ["cnn", "tied"])
@pytest.mark.parametrize("root", [0, 2])
def test_parameters_buffers_and_optimiser_state_are_the_root_s(name: str, root: int) -> None:
    def state(rank: int) -> tuple[Any, AdamW]:
        model = models(rank)[name]
        optimizer = AdamW(model.named_parameters())
        for p in model.parameters():
            p.grad = np.full_like(p.data, rank + 1.0)
        for _ in range(rank + 1):
            optimizer.step()
        for _, buffer in model.named_buffers():
            buffer[...] = rank
        return model, optimizer

    def program(comm: Communicator) -> Any:
        model, optimizer = state(comm.rank)
        before = same_bits(comm, list(model.state_dict().values()))
        wrapped = DistributedOptimizer(comm, optimizer)
        broadcast_state(comm, model, wrapped, root)
        after = same_bits(comm, list(model.state_dict().values()))
        return before, after, model.state_dict(), optimizer.state_dict(), optimizer.count

    model, optimizer = state(root)
    for before, after, arrays, slots, count in SimulatedCluster(3).run(program).values:
        assert (before, after, count) == (False, True, root + 1)
        for mine, theirs in ((arrays, model.state_dict()), (slots, optimizer.state_dict())):
            assert mine.keys() == theirs.keys()
            for key in mine:
                np.testing.assert_array_equal(mine[key], theirs[key])


def test_models_that_differ_are_refused() -> None:
    def program(comm: Communicator) -> None:
        model = MLP([2, 3 + comm.rank, 2], rng=np.random.default_rng(0))
        broadcast_state(comm, model, SGD(model.named_parameters(), 0.1))

    with pytest.raises(ProgramFailed, match=r"rank 1 has 1.weight: float32 \(4, 2\), rank 0 has"):
        SimulatedCluster(2).run(program)


def test_one_bit_on_one_rank_is_noticed() -> None:
    def program(comm: Communicator, culprit: int) -> bool:
        array = np.zeros(100)
        if comm.rank == culprit:
            array[57] = -0.0
        return same_bits(comm, [array, np.ones((3, 2)).T])

    assert SimulatedCluster(5).run(program, -1).values == [True] * 5
    for culprit in range(5):
        assert SimulatedCluster(5).run(program, culprit).values == [False] * 5
