"""Around PyTorch: its own optimiser, alone with the whole batch, is the oracle."""

from typing import Any

import numpy as np
import pytest

from mlsys.distributed.cluster import Communicator, ProgramFailed, SimulatedCluster
from mlsys.distributed.cluster.endpoint import Endpoint, Line
from mlsys.distributed.cluster.programs import run_program
from mlsys.distributed.data_parallel.torch_optimizer import (
    TorchDistributedOptimizer,
    broadcast_torch_state,
)

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
X, Y = (torch.from_numpy(RNG.normal(size=(24, n)).astype(np.float32)) for n in (6, 2))


def build(seed: int) -> tuple[Any, Any]:
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
    ).eval()  # batch norm of a part is not that of the whole
    net.idle = torch.nn.Linear(1, 1)
    net.forward = lambda x: net[3](net[2](net[1](net[0](x))))
    return net, torch.optim.AdamW(net.parameters(), lr=0.05)


def loss(net: Any, x: Any, y: Any) -> Any:
    return ((net(x) - y) ** 2).mean()


def alone(steps: int) -> list[Any]:
    net, optimizer = build(0)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net, X, Y).backward()
        optimizer.step()
    return [p.detach().numpy() for p in net.parameters()]


def together(comm: Communicator, steps: int, way: str = "plain") -> list[Any]:
    net, optimizer = build(comm.rank)
    own = TorchDistributedOptimizer(comm, optimizer, net.named_parameters(), cap=200)
    broadcast_torch_state(comm, net, optimizer)
    rows = np.array_split(np.arange(len(X)), comm.size)[comm.rank]
    for _ in range(steps):
        own.zero_grad()
        if way == "foreign zero_grad":
            net.zero_grad()
        first, second = np.split(rows, 2)
        if way == "plain":
            loss(net, X[rows], Y[rows]).backward()
        else:
            with own.no_sync():
                (loss(net, X[first], Y[first]) / 2).backward()
            (loss(net, X[second], Y[second]) / 2).backward()
        own.step()
    return [p.detach().numpy().copy() for p in net.parameters()]


@pytest.mark.parametrize("way", ["plain", "micro-batches", "foreign zero_grad"])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_equal_shards_take_the_steps_of_the_whole_batch(way: str, ranks: int) -> None:
    wanted = alone(3)
    for found in SimulatedCluster(ranks).run(together, 3, way).values:
        for p, q in zip(found, wanted, strict=True):
            np.testing.assert_allclose(p, q, atol=1e-5)


def test_hooks_exchange_while_autograd_walks_where_a_rank_has_a_thread_of_its_own() -> None:
    alone_in_the_world = Endpoint(Line(lambda call: (0.0, None)), 0, (0,))
    for found, wanted in zip(together(alone_in_the_world, 3), alone(3), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.soak
@pytest.mark.multiprocess
def test_processes_overlap_and_agree_with_one_machine() -> None:
    for found in run_program(together, 3, "micro-batches", ranks=3, on="processes").values:
        for p, q in zip(found, alone(3), strict=True):
            np.testing.assert_allclose(p, q, atol=1e-5)


def test_gradients_that_may_travel_are_left_alone() -> None:
    def program(comm: Communicator, again: str) -> None:
        net, optimizer = build(0)
        own = TorchDistributedOptimizer(comm, optimizer, net.named_parameters())
        loss(net, X, Y).backward()
        if again == "zero_grad":
            own.zero_grad()
        else:
            loss(net, X, Y).backward()

    alone_in_the_world = Endpoint(Line(lambda call: (0.0, None)), 0, (0,))
    for again, message in (("zero_grad", "call step"), ("backward", "was ready before")):
        with pytest.raises(RuntimeError, match=message):
            program(alone_in_the_world, again)
        with pytest.raises(ProgramFailed, match=message):
            SimulatedCluster(2).run(program, again)


def test_gradients_lie_in_the_buckets() -> None:
    def program(comm: Communicator) -> bool:
        net, optimizer = build(0)
        own = TorchDistributedOptimizer(comm, optimizer, net.named_parameters())
        shared = []
        for _ in range(3):
            own.zero_grad()
            loss(net, X, Y).backward()
            shared += [
                np.shares_memory(p.grad.numpy(), own.reducer.view(place))
                for place, p in enumerate(own.parameters)
            ]
            own.step()
        return all(shared)

    assert SimulatedCluster(2).run(program).values == [True, True]
