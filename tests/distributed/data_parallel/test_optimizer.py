"""The distributed optimiser takes the steps of one machine with the whole batch."""

from typing import Any

import numpy as np
import pytest

from mlsys.distributed.cluster import Communicator, ProgramFailed, SimulatedCluster
from mlsys.distributed.data_parallel.optimizer import DistributedOptimizer
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import MLP, Linear, Module, cross_entropy
from mlsys.foundations.training import SGD, AdamW

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6))
Y = RNG.integers(0, 3, 24)


def model() -> MLP:
    return MLP([6, 5, 4, 3], rng=np.random.default_rng(1), dtype=np.float64)


def optimizer(kind: str, of: Module) -> SGD | AdamW:
    named = list(of.named_parameters())
    return AdamW(named, 0.1) if kind == "adamw" else SGD(named, 0.1, momentum=0.9)


def alone(kind: str, steps: int) -> list[Any]:
    net = model()
    own = optimizer(kind, net)
    for _ in range(steps):
        own.zero_grad()
        cross_entropy(net(X), Y).backward()
        own.step()
    return [p.data for p in net.parameters()]


def together(comm: Communicator, kind: str, steps: int, way: str) -> list[Any]:
    net = model()
    own = DistributedOptimizer(comm, optimizer(kind, net), cap=200)
    x, y = (np.array_split(whole, comm.size)[comm.rank] for whole in (X, Y))
    for _ in range(steps):
        own.zero_grad()
        if way == "plain":
            cross_entropy(net(x), y).backward()
        elif way == "hooks":
            own.backward(cross_entropy(net(x), y))
        else:  # micro-batches
            for part in np.split(np.arange(len(x)), 2):
                last = part[-1] == len(x) - 1
                own.backward(cross_entropy(net(x[part]), y[part]), 0.5, last=bool(last))
        own.step()
    return [p.data for p in net.parameters()]


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
@pytest.mark.parametrize("way", ["plain", "hooks", "micro"])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_equal_shards_take_the_steps_of_the_whole_batch(kind: str, way: str, ranks: int) -> None:
    wanted = alone(kind, 4)
    for found in SimulatedCluster(ranks).run(together, kind, 4, way).values:
        for p, q in zip(found, wanted, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)


def test_zero_grad_forgets_all_of_a_step_that_is_given_up() -> None:
    def program(comm: Communicator, give_up: str) -> list[Any]:
        net = model()
        own = DistributedOptimizer(comm, optimizer("sgd", net))
        if give_up == "micro-batches":
            own.backward(cross_entropy(net(X), Y), last=False)
        elif give_up == "averages":
            own.backward(cross_entropy(net(X), Y))
            own.synchronize()
        own.zero_grad()
        own.backward(cross_entropy(net(X[:6]), Y[:6]))
        own.step()
        return [p.data for p in net.parameters()]

    cluster = SimulatedCluster(2)
    plain, *others = (
        cluster.run(program, way).values[1] for way in ("", "micro-batches", "averages")
    )
    for found in others:
        for p, q in zip(found, plain, strict=True):
            np.testing.assert_array_equal(p, q)


def test_gradients_that_may_travel_cannot_be_forgotten() -> None:
    def program(comm: Communicator) -> None:
        net = model()
        own = DistributedOptimizer(comm, optimizer("sgd", net))
        own.backward(cross_entropy(net(X), Y))
        own.zero_grad()

    with pytest.raises(ProgramFailed, match="between backward\\(\\) and zero_grad"):
        SimulatedCluster(2).run(program)


def test_micro_batches_send_no_more_than_one_batch() -> None:
    hooks, micro = (
        SimulatedCluster(3).run(together, "sgd", 3, way).traffic for way in ("hooks", "micro")
    )
    assert hooks is not None and micro is not None
    np.testing.assert_array_equal(hooks.sent_bytes // 100, micro.sent_bytes // 100)


class Branches(Module):
    """Each rank may take another way; one layer nobody uses, one is used twice."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self.ways = [Linear(3, 3, rng=rng, dtype=np.float64) for _ in range(3)]
        self.head = Linear(3, 3, rng=rng, dtype=np.float64)
        self.idle = Linear(3, 3, rng=rng, dtype=np.float64)
        self.twin = self.head  # tied: the same parameters under another name

    def forward(self, x: Any, way: int) -> Tensor:
        hidden: Tensor = self.head(self.ways[way](x)).tanh()
        return self.twin(hidden)  # type: ignore[no-any-return]


def test_unused_parameters_count_as_zero_or_stay_and_tied_ones_travel_once() -> None:
    x, y = X[:, :3], Y
    ranks, steps = 3, 3
    ways = [[0, 0, 1], [1, 1, 1], [2, 0, 0]]  # of each rank in each step

    def program(comm: Communicator) -> Any:
        net = Branches()
        own = DistributedOptimizer(comm, AdamW(list(net.named_parameters()), 0.1))
        mine, labels = np.array_split(x, ranks)[comm.rank], np.array_split(y, ranks)[comm.rank]
        missing = []
        for step in range(steps):
            own.zero_grad()
            own.backward(cross_entropy(net(mine, ways[step][comm.rank]), labels))
            own.synchronize()
            missing.append([n for n, p in net.named_parameters() if p.grad is None])
            own.step()
        return dict(net.named_parameters()), missing, len(own.reducer.specs)

    net = Branches()
    own = AdamW(list(net.named_parameters()), 0.1)
    absent = []
    for step in range(steps):
        own.zero_grad()
        for rank in range(ranks):
            mine, labels = np.array_split(x, ranks)[rank], np.array_split(y, ranks)[rank]
            cross_entropy(net(mine, ways[step][rank]), labels).backward(1 / ranks)
        absent.append([n for n, p in net.named_parameters() if p.grad is None])
        own.step()
    for found, missing, tensors in SimulatedCluster(ranks).run(program).values:
        assert missing == absent
        assert tensors == 10
        for name, p in net.named_parameters():
            np.testing.assert_allclose(found[name].data, p.data, rtol=1e-9, atol=1e-12)
