"""Runs of the training chapter on many ranks end where one machine would."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlsys.distributed.cluster import Communicator, ProgramFailed, SimulatedCluster
from mlsys.distributed.data_parallel.compression import Half
from mlsys.distributed.data_parallel.trainer import distributed
from mlsys.foundations.datasets import digits
from mlsys.foundations.nn import CNN, MLP, Module, cross_entropy
from mlsys.foundations.training import AdamW, BatchCursor, LossScaler, Trainer
from mlsys.foundations.training.recipes import alice_lm


def digits_run(kind: str, batch: int = 33, accumulate: int = 1, **options: Any) -> Trainer:
    """Batches of 33 are cut unevenly; images stay where they are."""
    data, rng = digits(), np.random.default_rng(0)
    x, y = data.x[:101, None], data.y[:101]
    model: Module = MLP([64, 16, 10], rng=rng) if kind == "mlp" else CNN(10, (2, 4), rng=rng)

    def loss(model: Module, chosen: Any) -> Any:
        return cross_entropy(model(x[chosen]), y[chosen])

    return Trainer(
        model,
        AdamW(model.named_parameters(), 1e-2),
        BatchCursor(len(x), batch, seed=0),  # the last batch of an epoch is of two examples
        loss=loss,
        clip_at=0.5,
        accumulate=accumulate,
        **options,
    )


def alone(run: Trainer, steps: int) -> tuple[list[Any], list[float]]:
    run.train(steps)
    return [p.data for p in run.model.parameters()], run.history.loss


def together(comm: Communicator, build: Any, steps: int, **options: Any) -> Any:
    run = distributed(build(), comm, cap=4096, **options)
    run.train(steps)
    return [p.data for p in run.model.parameters()], run.history.loss


def assert_close(values: list[Any], wanted: Any, tolerance: float) -> None:
    parameters, losses = wanted
    for found, history in values:
        np.testing.assert_allclose(history, losses, rtol=tolerance)
        for p, q, first in zip(found, parameters, values[0][0], strict=True):
            np.testing.assert_allclose(p, q, atol=tolerance, rtol=0)
            np.testing.assert_array_equal(p, first)


@pytest.mark.parametrize(("ranks", "accumulate"), [(1, 1), (2, 3), (3, 1), (5, 2)])
def test_digits_by_a_perceptron(ranks: int, accumulate: int) -> None:
    """Steps of 33 examples and of 2: shares of different lengths, and empty ones."""

    def build() -> Trainer:
        return digits_run("mlp", accumulate=accumulate)

    values = SimulatedCluster(ranks).run(together, build, 5).values
    assert_close(values, alone(digits_run("mlp"), 5), 1e-4)


def test_digits_by_a_convolutional_network_whose_batch_norm_sees_parts() -> None:
    """The same as one machine that cuts its batches into as many parts, one after the other."""
    values = SimulatedCluster(3).run(together, lambda: digits_run("cnn"), 4).values
    assert_close(values, alone(digits_run("cnn", accumulate=3), 4), 1e-3)


def test_a_transformer_on_a_novel() -> None:
    def build() -> Trainer:
        run = alice_lm(0, 3)
        run.evaluate = None
        return run

    values = SimulatedCluster(3).run(together, build, 3).values
    assert_close(values, alone(build(), 3), 1e-4)


def test_a_loss_scale_finds_the_same_overflows_on_all_ranks() -> None:
    def build() -> Trainer:
        return digits_run("mlp", scaler=LossScaler())

    values = SimulatedCluster(2).run(together, build, 4).values
    assert_close(values, alone(build(), 4), 1e-4)


def test_a_compression_plugs_in() -> None:
    def program(comm: Communicator) -> Any:
        return together(comm, lambda: digits_run("mlp"), 6, compression=Half())

    plain = SimulatedCluster(3).run(together, lambda: digits_run("mlp"), 6)
    half = SimulatedCluster(3).run(program)
    assert_close(half.values, plain.values[0], 0.02)
    assert plain.traffic is not None and half.traffic is not None
    assert half.traffic.sent_bytes[1] < 0.65 * plain.traffic.sent_bytes[1]  # but for the start


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Two ranks: with more, the first step after a start adds up in another order than the rest."""

    def program(comm: Communicator, folder: Path, stops: list[int]) -> str:
        for steps in stops:
            run = distributed(digits_run("mlp", folder=folder, save_every=2), comm, cap=4096)
            run.resume()
            run.train(steps)
        return run.checkpoint().digest()

    def draws(comm: Communicator, folder: Path) -> float:
        own = {"own": np.random.default_rng(0)}
        for _ in range(2):
            run = distributed(digits_run("mlp", folder=folder, generators=own), comm)
            run.resume()
            run.train(1)
        return float(own["own"].random())

    assert len(set(SimulatedCluster(3).run(draws, tmp_path / "three").values)) == 3
    straight = SimulatedCluster(2).run(program, tmp_path / "one", [8]).values
    stopped = SimulatedCluster(2).run(program, tmp_path / "two", [4, 8]).values
    assert straight == straight[:1] * 2 == stopped
    assert [path.name for path in sorted((tmp_path / "two").iterdir())][-1] == (
        "step-00000008.safetensors"
    )


def test_buffers_are_rank_0_s_when_the_model_is_judged_and_generators_differ() -> None:
    def program(comm: Communicator) -> Any:
        rng = np.random.default_rng(5)
        alone = digits_run("cnn", generators={"draws": rng}, evaluate=lambda model: 0.0)
        run = distributed(alone, comm)
        run.train(2)
        return [buffer for _, buffer in run.model.named_buffers()], rng.random(4)

    (buffers, draws), *others = SimulatedCluster(3).run(program).values
    np.testing.assert_array_equal(draws, np.random.default_rng(5).random(4))  # rank 0's as alone
    for found, other in others:
        for mine, theirs in zip(found, buffers, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert not np.isin(other, draws).any()


def test_generators_differ_on_ranks_that_have_come_and_gone() -> None:
    """Rank 2 leaves, and rank 3, which has drawn nothing, takes its place."""

    def program(world: Communicator) -> float:
        alone = digits_run("mlp", generators={"draws": np.random.default_rng(5)})
        for spare in (3, 2):
            comm = world.Split(int(world.rank == spare), world.rank)
            if world.rank != spare:
                distributed(alone, comm)
        return float(alone.generators["draws"].random())

    draws = SimulatedCluster(4).run(program).values
    assert len({draws[0], draws[1], draws[3]}) == 3


def test_plans_that_differ_are_refused() -> None:
    def program(comm: Communicator) -> None:
        alone = digits_run("mlp")
        alone.cursor = BatchCursor(101, 33, seed=comm.rank)
        distributed(alone, comm)

    with pytest.raises(
        ProgramFailed, match=r"rank 1 raised CheckpointError.*seed was 0 and is now"
    ):
        SimulatedCluster(2).run(program)


def test_a_loss_that_is_no_number_stops_the_run() -> None:
    def build() -> Trainer:
        run = digits_run("mlp")
        plain = run.loss
        run.loss = lambda model, batch: plain(model, batch) * np.nan
        return run

    with pytest.raises(ProgramFailed, match="Diverged: step 1: the loss is nan"):
        SimulatedCluster(2).run(together, build, 1)
