"""Steps of training on several ranks: ours on MPI, PyTorch's DDP on gloo, and each alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engines.models import STEPS, Language, Perceptron, Problem, batch
from engines.worlds import Kernel, World
from mlsys.distributed.data_parallel.buckets import CAP, Spec
from mlsys.distributed.data_parallel.optimizer import DistributedOptimizer
from mlsys.distributed.data_parallel.reducer import Reducer
from mlsys.foundations import nn

Array = np.ndarray[Any, np.dtype[Any]]
Step = Callable[[], float]  # of training; returns the loss
State = Callable[[], Any]  # the parameters by name
SEEN = 300  # numbers of each parameter that are compared
PROBLEMS: dict[str, Callable[..., Problem]] = {"mlp": Perceptron.draw, "transformer": Language.draw}


def make(world: World, name: str, problem: str, sizes: list[int]) -> Kernel:
    """The kernel of this name. Each rank has a batch of its own, and the same first weights."""
    if problem == "tensors":
        return _tensors(world, sizes, cap=0 if name == "unfused" else CAP)
    drawn = PROBLEMS[problem](np.random.default_rng([7, world.rank]), *sizes)
    step, _ = TRAINERS[name](world, drawn)
    return Kernel(step, lambda _: _first_steps(*TRAINERS[name](world, drawn), name == "alone"))


def _first_steps(step: Step, state: State, alone: bool) -> dict[str, list[float]]:
    """The losses of the first steps, and some of each parameter after them."""
    losses = [step() for _ in range(STEPS)]
    if alone:  # after one step it goes its own way
        return {"first loss": losses[:1]}
    return {"losses": losses} | {k: np.ravel(array)[:SEEN].tolist() for k, array in state().items()}


def _ours(world: Any, p: Problem) -> tuple[Step, State]:
    """Our model and optimiser, with gradients averaged over MPI while others are computed."""
    model = p.build()
    optimizer, (inputs, labels) = DistributedOptimizer(world.comm, p.optimizer(model)), batch(p)

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(inputs), labels)
        optimizer.backward(loss)
        optimizer.step()
        return float(loss.data)

    return step, model.state_dict


def _alone(_: World, p: Problem) -> tuple[Step, State]:
    """The same step on one rank's batch, with nobody to wait for."""
    model = p.build()
    optimizer, (inputs, labels) = p.optimizer(model), batch(p)

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return float(loss.data)

    return step, model.state_dict


def _around_torch(world: Any, p: Problem) -> tuple[Step, State]:
    """PyTorch's model and optimiser, with gradients averaged by ours over MPI."""
    from engines.pytorch_models import build, optimizer_of
    from mlsys.distributed.data_parallel.torch_optimizer import TorchDistributedOptimizer

    model = build(p)
    inner = optimizer_of(p, model)
    optimizer = TorchDistributedOptimizer(world.comm, inner, model.named_parameters())
    return _of_torch(model, model, optimizer, p)


def _ddp(_: World, p: Problem) -> tuple[Step, State]:
    """The same model in PyTorch's DistributedDataParallel, with gradients as views of buckets."""
    from torch.nn.parallel import DistributedDataParallel

    from engines.pytorch_models import build, optimizer_of

    model = build(p)
    wrapped = DistributedDataParallel(model, gradient_as_bucket_view=True)
    return _of_torch(model, wrapped, optimizer_of(p, model), p)


def _of_torch(model: Any, called: Any, optimizer: Any, p: Problem) -> tuple[Step, State]:
    import torch

    from engines.pytorch_models import loss_of

    torch.set_num_threads(1)
    inputs, labels = map(torch.from_numpy, batch(p))

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(called, inputs, labels)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step, lambda: {name: each.numpy() for name, each in model.state_dict().items()}


TRAINERS: dict[str, Callable[[Any, Problem], tuple[Step, State]]] = {
    "ours": _ours,
    "alone": _alone,
    "around torch": _around_torch,
    "ddp": _ddp,
}


def _tensors(world: Any, sizes: list[int], cap: int) -> Kernel:
    """``sizes``: how many gradients, and of how many numbers; all are there at once."""
    count, elements = sizes
    specs = [Spec(f"tensor {i}", (elements,), np.dtype(np.float32)) for i in range(count)]
    reducer = Reducer(world.comm, specs, cap)

    def exchange(gradients: list[Array]) -> list[Array | None]:
        for place in range(count - 1, -1, -1):
            reducer.ready(place, gradients[place])
        return reducer.finish()

    def results(seed: int) -> dict[str, list[float]]:
        rng = np.random.default_rng([seed, world.rank])
        averages = exchange(list(rng.random((count, elements), np.float32)))
        return {"averages": [float(each[0]) for each in averages if each is not None]}

    zeros = list(np.zeros((count, elements), np.float32))
    return Kernel(partial(exchange, zeros), results)
