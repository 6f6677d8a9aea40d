"""A distributed optimiser: the program of one machine, and one line of it changed.

    optimizer = DistributedOptimizer(comm, AdamW(model.named_parameters()))
    broadcast_state(comm, model, optimizer)
    for batch in my_batches:
        optimizer.zero_grad()
        optimizer.backward(loss(model, batch))      gradients leave while others are computed
        optimizer.step()                            waits for the averages, then moves

If each rank's loss is the mean over as many examples as every other's, the average of their
gradients is the gradient of the mean over all: the ranks together take the step of one machine with
the whole batch, up to rounding. Where shares differ, losses must be weighted (``trainer``).
Source: Sergeev & Del Balso, "Horovod: fast and easy distributed deep learning in TensorFlow", 2018.
"""

from __future__ import annotations

from typing import Any

from mlsys.distributed.cluster.communicator import Array, Communicator
from mlsys.distributed.data_parallel.buckets import CAP, Spec
from mlsys.distributed.data_parallel.compression import Compressor
from mlsys.distributed.data_parallel.ready import gradients
from mlsys.distributed.data_parallel.reducer import Reducer
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.training import Optimizer


class DistributedOptimizer:
    """An optimiser whose gradients are the averages over all ranks. All ranks call it alike.

    optimizer: of equal parameters on each rank. cap, average, compression: see `Reducer`.

    ``loss.backward()`` works too; then all gradients leave in `step`, and nothing overlaps.
    """

    def __init__(
        self,
        comm: Communicator,
        optimizer: Optimizer,
        cap: int = CAP,
        average: bool = True,
        compression: Compressor | None = None,
    ) -> None:
        self.optimizer, self.parameters = optimizer, optimizer.parameters
        self.reducer = Reducer(comm, specs(optimizer), cap, average, compression)
        self._synchronized = False
        self._place = {id(p): place for place, p in enumerate(self.parameters)}

    def backward(self, loss: Tensor, weight: float = 1.0, last: bool = True) -> None:
        """Add the gradient of ``weight * loss`` to this step's.

        last: False for all micro-batches of a step but the last; these send nothing.
        Leaves that are no parameters of the optimiser get no gradient.
        """
        for leaf, gradient in gradients(loss, weight):
            place = self._place.get(id(leaf))
            if place is None:
                continue
            give = self.reducer.ready if last else self.reducer.add
            give(place, gradient)

    def synchronize(self) -> list[Array]:
        """Wait for all averages, and leave them in ``grad``: to clip them before `step`, say.

        Returns those there are; a parameter that no rank has used has none.
        """
        for place, p in enumerate(self.parameters):
            if p.grad is not None and not self.reducer.given[place]:
                self.reducer.ready(place, p.grad)
        averages = self.reducer.finish()
        for p, average in zip(self.parameters, averages, strict=True):
            p.grad = average
        self._synchronized = True
        return [average for average in averages if average is not None]

    def step(self) -> None:
        """Move the parameters, the same way on every rank."""
        if not self._synchronized:
            self.synchronize()
        self._synchronized = False
        self.optimizer.step()

    def zero_grad(self) -> None:
        """Forget all gradients; not while they travel."""
        self.reducer.forget()
        self._synchronized = False
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's; the same on every rank."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The optimiser's."""
        self.optimizer.load_state_dict(state)


def specs(optimizer: Optimizer) -> list[Spec]:
    """What all ranks must agree on of an optimiser's parameters."""
    pairs = zip(optimizer.names, optimizer.parameters, strict=True)
    return [Spec(name, p.data.shape, p.data.dtype) for name, p in pairs]
