"""A neural network by data parallelism: the whole model is one dense range of a table.

In each iteration a worker pulls all parameters, computes the gradient of its part of the batch, and
pushes it: 8 bytes each way for each float32 parameter, and nothing else to write than which
gradient. If the server adds up the pushes of an iteration (BSP), this is SGD on the whole batch;
if each is applied as it comes, it is as many steps with smaller batches and older weights.
Source: Dean et al., "Large scale distributed deep networks", NIPS 2012 (Downpour SGD).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from mlsys.distributed.parameter_server.client import Client
from mlsys.distributed.parameter_server.messages import Array, Keys
from mlsys.distributed.parameter_server.trajectory import Recorder, Trajectory
from mlsys.foundations.datasets import Examples
from mlsys.foundations.nn import Module, cross_entropy

Loss = Callable[[Module], float]


def flat(model: Module) -> Array:
    """All parameters, one after the other, as rows of a table, (n, 1): a copy."""
    return np.concatenate([each.data.ravel() for each in model.parameters()])[:, None]


def load(model: Module, rows: Array) -> None:
    """Set all parameters from what ``flat`` returned."""
    begin = 0
    for each in model.parameters():
        end = begin + each.data.size
        each.data[...] = rows[begin:end].reshape(each.shape)
        begin = end


def share(model: Module, examples: Examples, mine: Keys, batch: int) -> Array:
    """What some examples of a batch of that length add to the gradient of its mean loss, (n, 1)."""
    if not len(mine):
        return np.zeros_like(flat(model))
    model.zero_grad()
    loss = cross_entropy(model(examples.x[mine]), examples.y[mine]) * (len(mine) / batch)
    loss.backward()
    return np.concatenate([np.ravel(each.grad) for each in model.parameters()])[:, None]


def batches(count: int, size: int, steps: int, rng: np.random.Generator) -> Iterator[Keys]:
    """The plan of all workers: so many batches of ``count`` examples, none twice in a batch."""
    for _ in range(steps):
        yield rng.permutation(count)[:size]


def work(
    client: Client,
    model: Module,
    examples: Examples,
    plan: Iterable[Keys],
    *,
    table: str = "model",
    seconds: float = 0.0,
    watch: Loss | None = None,
) -> Trajectory:
    """Take part in each batch of the plan. The table keeps ``flat`` of the model, and does SGD.

    seconds: what an iteration costs on the virtual clock. watch: what is noted of the parameters
    that were pulled, before each batch. At the end ``model`` has what a last pull brought.
    """
    record = Recorder(client.now)
    for batch in plan:
        load(model, record.wait(client.pull(table)))
        record.begin(watch(model) if watch else np.nan)
        mine = np.array_split(batch, len(client.workers))[client.index]
        gradient = share(model, examples, mine, len(batch))
        client.compute(seconds)
        client.push(table, None, gradient)
    load(model, record.wait(client.pull(table)))
    return record.trajectory()


def alone(
    model: Module, examples: Examples, plan: Iterable[Keys], lr: float, workers: int = 1
) -> None:
    """The same on one machine, which computes the shares of so many workers one after the other.

    With one worker it is SGD; with more it differs from that in how sums are rounded, not else.
    """
    for batch in plan:
        total = np.zeros_like(flat(model))
        for part in np.array_split(batch, workers):
            total += share(model, examples, part, len(batch))
        load(model, flat(model) - lr * total)
