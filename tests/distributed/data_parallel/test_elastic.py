"""Elastic training: whoever dies, and whenever, the weights are those of a run without a death."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster import Communicator, Faults, ProgramFailed, Run, SimulatedCluster
from mlsys.distributed.cluster.processes import ProcessCluster
from mlsys.distributed.data_parallel.elastic import State, Wanted, elastic, share
from mlsys.distributed.data_parallel.trainer import distributed
from mlsys.foundations.datasets import digits
from mlsys.foundations.nn import MLP, cross_entropy
from mlsys.foundations.training import AdamW, BatchCursor, Trainer

EXAMPLES, FEATURES, BATCH, EPOCHS, RATE = 23, 3, 6, 3, 0.05
STEP = 1.0  # seconds of work on the whole batch

_rng = np.random.default_rng(5)
INPUTS = _rng.normal(size=(EXAMPLES, FEATURES))
TARGETS = INPUTS @ np.array([1.0, -2.0, 0.5]) + _rng.normal(size=EXAMPLES)


class Arrays:
    """Arrays that survive."""

    def __init__(self, **arrays: Any) -> None:
        self.arrays = arrays

    def state_dict(self) -> Mapping[str, Any]:
        return self.arrays

    def load_state_dict(self, state: Any) -> None:
        for name, array in self.arrays.items():
            array[...] = state[name]


def gradient(weights: Any, batch: Any) -> Any:
    return INPUTS[batch].T @ (INPUTS[batch] @ weights - TARGETS[batch])


def alone() -> Any:
    """The oracle: one process, the whole batches."""
    weights, cursor = np.zeros(FEATURES), BatchCursor(EXAMPLES, BATCH, seed=1)
    while cursor.epoch < EPOCHS:
        batch = next(cursor)
        weights -= RATE * gradient(weights, batch) / len(batch)
    return weights


def program(
    world: Communicator, every: int = 2, wanted: Wanted | None = None, suicide: Any = ()
) -> Any:
    """Train; returns weights, how often each example was used, and the sizes seen at each step.

    suicide: pairs of a rank and the step in which it kills itself, really.
    """
    model = Arrays(weights=np.zeros(FEATURES), used=np.zeros(EXAMPLES), steps=np.zeros(1))
    cursor = BatchCursor(EXAMPLES, BATCH, seed=1)
    sizes: list[int] = []

    def train(comm: Communicator, state: State) -> None:
        weights, used, steps = model.arrays.values()
        while cursor.epoch < EPOCHS:
            batch = next(cursor)
            mine = share(batch, comm)
            if (world.Get_rank(), steps[0]) in suicide:
                os.kill(os.getpid(), signal.SIGKILL)
            comm.compute(STEP * len(mine) / BATCH)
            counts = np.bincount(mine, minlength=EXAMPLES)
            both = np.concatenate([gradient(weights, mine) / len(batch), counts])
            ring_allreduce(comm, both)
            weights -= RATE * both[:FEATURES]
            used += both[FEATURES:]
            steps += 1
            sizes.append(comm.Get_size())
            if steps[0] % every == 0:
                state.commit()

    elastic(world, State(model=model, cursor=cursor), train, wanted)
    return model.arrays["weights"].copy(), model.arrays["used"].copy(), sizes


def check(run: Run) -> None:
    living = [rank for rank in range(len(run.values)) if rank not in run.dead]
    for rank in living:
        weights, used, _ = run.values[rank]
        np.testing.assert_allclose(weights, alone(), rtol=1e-9)
        assert (used == EPOCHS).all(), f"rank {rank}: uses of each example: {used}"


@pytest.mark.parametrize("ranks", [1, 2, 5])
def test_without_a_death_it_is_training(ranks: int) -> None:
    run = SimulatedCluster(ranks).run(program)
    check(run)
    assert run.values[0][2] == [ranks] * len(run.values[0][2])


def moments(ranks: int) -> list[float]:
    """When something happens in a run in which nobody dies."""
    trace = SimulatedCluster(ranks, trace=True).run(program).trace
    assert trace is not None
    return sorted({span.start for span in trace.spans} | {span.end for span in trace.spans})


MOMENTS = {ranks: moments(ranks) for ranks in range(2, 7)}


def lifetimes(ranks: int) -> Any:
    """When ranks die; at least one lives."""
    times = st.sampled_from(MOMENTS[ranks]) | st.floats(0, 8)
    return st.dictionaries(st.integers(0, ranks - 1), times, max_size=ranks - 1)


@given(st.integers(2, 6).flatmap(lambda n: st.tuples(st.just(n), lifetimes(n))), st.data())
def test_any_deaths_at_any_moment_change_nothing(case: Any, data: Any) -> None:
    ranks, crash = case
    every = data.draw(st.integers(1, 4), "steps from commit to commit")
    detection = data.draw(st.sampled_from([0.0, 0.3]), "detection")
    eager = data.draw(st.sampled_from([0.0, 1e9]), "eager")
    spares = data.draw(st.integers(0, ranks - 1), "spares")
    cluster = SimulatedCluster(ranks, faults=Faults(crash=crash), detection=detection, eager=eager)
    check(cluster.run(program, every, lambda seconds: ranks - spares))


def die_at(rank: int, moments: list[float]) -> None:
    for moment in moments:
        faults = Faults(crash={rank: moment})
        check(SimulatedCluster(4, faults=faults).run(program, 2, lambda seconds: 3))


def test_the_rank_that_the_others_listen_to_dies_while_they_agree() -> None:
    """Agreement goes on before the first step and after the last, and is a few microseconds."""
    die_at(0, [at for at in MOMENTS[4] if at < 1e-3 or at > MOMENTS[4][-1] - 1e-3])


@pytest.mark.soak
@pytest.mark.parametrize("rank", range(4))
def test_a_death_at_every_moment_at_which_something_happens(rank: int) -> None:
    for shift in (-1e-9, 0.0, 1e-9):
        die_at(rank, [max(0.0, moment + shift) for moment in MOMENTS[4]])


def test_ranks_join_and_leave_at_the_next_commit() -> None:
    """A schedule asks for 3 ranks, from 1.5 s on for 5, from 2.5 s on for 2."""

    def wanted(seconds: float) -> int:
        return 3 if seconds < 1.5 else 5 if seconds < 2.5 else 2

    run = SimulatedCluster(5).run(program, 1, wanted)
    check(run)
    sizes = run.values[0][2]  # with 3 ranks and with 5 the longest share is a third of a batch
    assert sizes == [3] * 5 + [5] * 3 + [2] * 4
    assert run.values[4][2] == [5] * 3


def test_a_spare_takes_the_place_of_a_dead_rank() -> None:
    run = SimulatedCluster(4, faults=Faults(crash={1: 2.1})).run(program, 1, lambda seconds: 3)
    check(run)
    assert run.dead == (1,)
    assert run.values[0][2] == [3] * 12  # nothing is done twice when every step is committed
    assert len(run.values[3][2]) == 6  # the seventh step, at 2 s, was not over


def test_work_since_the_last_commit_is_done_again() -> None:
    run = SimulatedCluster(3, faults=Faults(crash={2: 3.5})).run(program, 4)
    check(run)
    steps = run.values[0][2]
    assert steps == [3] * 10 + [2] * 4  # 3.5 s is in step 11; the last commit was at step 8


@pytest.mark.multiprocess
def test_processes_that_are_killed_are_survived_by_the_same_program() -> None:
    """Rank 1 dies in step 5 and rank 0, to whom all listen, in step 9; rank 3 was a spare."""
    cluster = ProcessCluster(4, timeout=45.0)
    run = cluster.run(program, 2, lambda seconds: 3, [(1, 5), (0, 9)])
    check(run)
    assert sorted(run.dead) == [0, 1]
    sizes = run.values[2][2]  # of the commits: steps 4 and 8
    assert sizes[:5] == [3] * 5
    assert sizes[-4:] == [2] * 4


# ------------------------------------------------------------ a run of the training chapter


def digits_run() -> Trainer:
    data, rng = digits(), np.random.default_rng(0)
    x, y = data.x[:150], data.y[:150]
    model = MLP([64, 12, 10], rng=rng)
    optimizer = AdamW(model.named_parameters(), 1e-2)

    def loss(model: Any, chosen: Any) -> Any:
        return cross_entropy(model(x[chosen]), y[chosen])

    return Trainer(model, optimizer, BatchCursor(150, 40, seed=0), loss=loss)


def digits_program(world: Communicator, steps: int) -> Any:
    trainer = digits_run()

    def train(comm: Communicator, state: State) -> None:
        run = distributed(trainer, comm)
        while trainer.optimizer.count < steps:
            comm.compute(STEP)
            run.step()
            state.commit()

    model, optimizer, cursor = trainer.model, trainer.optimizer, trainer.cursor
    elastic(world, State(model=model, optimizer=optimizer, cursor=cursor), train)
    return [p.data for p in model.parameters()]


def test_a_trainer_of_digits_ends_where_one_machine_does() -> None:
    alone = digits_run()
    alone.train(9)
    run = SimulatedCluster(4, faults=Faults(crash={0: 3.2, 2: 6.0})).run(digits_program, 9)
    assert run.dead == (0, 2)
    for rank in (1, 3):
        for found, wanted in zip(run.values[rank], alone.model.parameters(), strict=True):
            np.testing.assert_allclose(found, wanted.data, atol=1e-4, rtol=0)


def test_an_error_that_is_no_death_reaches_the_caller() -> None:
    def broken(world: Communicator) -> None:
        def train(comm: Communicator, state: State) -> None:
            raise ZeroDivisionError("in training")

        elastic(world, State(), train)

    with pytest.raises(ProgramFailed, match="in training"):
        SimulatedCluster(2).run(broken)


@given(st.integers(0, 40), st.integers(1, 9))
def test_shares_are_a_partition(examples: int, ranks: int) -> None:
    parts = SimulatedCluster(ranks).run(lambda comm: share(np.arange(examples), comm)).values
    assert np.concatenate(parts).tolist() == list(range(examples))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
