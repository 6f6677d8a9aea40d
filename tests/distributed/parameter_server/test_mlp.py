"""Shares add up to the gradient, and many machines to one, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import SimulatedCluster
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP, Consistency
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.mlp import (
    alone,
    batches,
    flat,
    load,
    share,
    work,
)
from mlsys.distributed.parameter_server.node import run
from mlsys.distributed.parameter_server.trajectory import Trajectory
from mlsys.distributed.parameter_server.updates import SGD
from mlsys.foundations.datasets import Examples, digits
from mlsys.foundations.nn import MLP, Module, cross_entropy

LR, STEPS = 0.5, 12


def model(seed: int = 0, dtype: Any = np.float32) -> MLP:
    return MLP([64, 16, 10], rng=np.random.default_rng(seed), dtype=dtype)


@pytest.fixture(scope="module")
def data() -> Examples:
    pytest.importorskip("sklearn")
    return digits()


def plan(data: Examples) -> list[np.ndarray]:
    return list(batches(len(data), 61, STEPS, np.random.default_rng(3)))


def train(
    data: Examples, workers: int, policy: Consistency, **options: Any
) -> list[tuple[np.ndarray, Trajectory]]:
    """The parameters and the trajectory of each worker."""
    first = flat(model())
    table = Table(
        "model",
        len(first),
        update=SGD(LR),
        consistency=policy,
        shards=3,
        initial=lambda keys: first[keys],
    )
    group = Group((table,), servers=2)

    def worker(client: Any) -> Any:
        net = model()
        trajectory = work(client, net, data, plan(data), **options)
        return flat(net), trajectory

    def program(comm: Any) -> Any:
        return run(comm, group, worker)

    return SimulatedCluster(3 + workers).run(program).values[3:]


def test_what_is_flat_can_be_loaded() -> None:
    one, other = model(1), model(2)
    load(other, flat(one))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@given(st.integers(0, 20), st.integers(1, 25))
def test_shares_add_up_to_the_gradient_of_the_batch(size: int, workers: int) -> None:
    rng = np.random.default_rng(size)
    some = Examples(rng.normal(size=(30, 8, 8)), rng.integers(0, 10, 30), None)  # type: ignore[arg-type]
    net, batch = model(dtype=np.float64), rng.permutation(30)[: size + 1]
    parts = np.array_split(batch, workers)
    total = sum(share(net, some, part, len(batch)) for part in parts)
    np.testing.assert_allclose(total, share(net, some, batch, len(batch)), atol=1e-13)


@pytest.mark.parametrize("workers", [1, 3])
def test_bulk_synchronous_workers_are_one_machine_bit_for_bit(data: Examples, workers: int) -> None:
    serial = model()
    alone(serial, data, plan(data), LR, workers)
    for rows, _ in train(data, workers, BSP):
        assert rows.tobytes() == flat(serial).tobytes()


def test_one_machine_does_not_care_how_many_it_plays(data: Examples) -> None:
    one, many = model(dtype=np.float64), model(dtype=np.float64)
    alone(one, data, plan(data), LR)
    alone(many, data, plan(data), LR, workers=7)
    np.testing.assert_allclose(flat(one), flat(many), atol=1e-12)


@pytest.mark.parametrize("policy", [BSP, SSP(2), ASP], ids=["bsp", "ssp", "asp"])
def test_it_learns_whatever_the_consistency(data: Examples, policy: Consistency) -> None:
    def loss(net: Module) -> float:
        return float(cross_entropy(net(data.x), data.y).item())

    for _, trajectory in train(data, 2, policy, watch=loss):
        assert trajectory.watched.shape == (STEPS,)
        assert trajectory.watched[-1] < 0.8 * trajectory.watched[0]


def test_no_example_comes_twice_in_a_batch() -> None:
    made = list(batches(10, 7, 20, np.random.default_rng(0)))
    assert len(made) == 20
    assert all(len({*batch.tolist()}) == 7 for batch in made)
