"""The same around a PyTorch optimiser: hooks of its autograd, and gradients that share our memory.

    optimizer = TorchDistributedOptimizer(comm, torch.optim.AdamW(...), model.named_parameters())
    broadcast_torch_state(comm, model, optimizer.optimizer)
    for batch in my_batches:
        optimizer.zero_grad()
        loss(model, batch).backward()               each gradient leaves when it is complete
        optimizer.step()

``zero_grad`` points each parameter's ``grad`` into its bucket, where autograd adds to it, and the
ring sends from there: no copy on the way (``gradient_as_bucket_view`` in PyTorch's own DDP).
For parameters on the CPU; an accelerator needs a communicator that knows its memory. Ranks of the
simulated cluster share a thread, and PyTorch's engine cannot be left in the middle of one rank's
backward for another's: there gradients leave in ``step``, and nothing overlaps.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from mlsys.distributed.cluster.communicator import Communicator
from mlsys.distributed.data_parallel.broadcast import broadcast_arrays, broadcast_object
from mlsys.distributed.data_parallel.buckets import CAP, Spec
from mlsys.distributed.data_parallel.compression import Compressor
from mlsys.distributed.data_parallel.negotiation import check_same
from mlsys.distributed.data_parallel.reducer import Reducer


class TorchDistributedOptimizer:
    """A ``torch.optim`` optimiser whose gradients are the averages over all ranks.

    named: of the model, such as ``model.named_parameters()``. cap, average, compression: as in
    `Reducer`. All ranks call it alike; all parameters must be on the CPU.
    """

    def __init__(
        self,
        comm: Communicator,
        optimizer: Any,
        named: Iterable[tuple[str, Any]],
        cap: int = CAP,
        average: bool = True,
        compression: Compressor | None = None,
    ) -> None:
        pairs = [(name, p) for name, p in named if p.requires_grad]
        self.optimizer, self.parameters = optimizer, [p for _, p in pairs]
        specs = [Spec(name, tuple(p.shape), p.detach().numpy().dtype) for name, p in pairs]
        overlap = not _shares_its_thread()
        self.reducer = Reducer(comm, specs, cap, average, compression, overlap)
        self._last, self._synchronized = True, False
        for place, p in enumerate(self.parameters):
            p.register_post_accumulate_grad_hook(partial(self._hook, place))
        self.zero_grad()

    def zero_grad(self) -> None:
        """Set all gradients to zero, each in its place in a bucket; not while they travel."""
        from torch import from_numpy

        self.reducer.forget()
        self._synchronized = False
        for place, p in enumerate(self.parameters):
            view = self.reducer.view(place)
            view.fill(0)
            p.grad = from_numpy(view)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within the block backward only adds up: for all micro-batches of a step but the last."""
        self._last = False
        try:
            yield
        finally:
            self._last = True

    def synchronize(self) -> None:
        """Wait for all averages, and leave them in ``grad``; None where no rank has any."""
        from torch import from_numpy

        for p, average in zip(self.parameters, self.reducer.finish(), strict=True):
            p.grad = None if average is None else from_numpy(average)
        self._synchronized = True

    def step(self) -> None:
        """Move the parameters, the same way on every rank."""
        if not self._synchronized:
            self.synchronize()
        self._synchronized = False
        self.optimizer.step()

    def _hook(self, place: int, p: Any) -> None:
        """Autograd has added to ``p.grad`` all that this backward will."""
        from torch import from_numpy

        view = self.reducer.view(place)
        in_place = p.grad.data_ptr() == view.ctypes.data
        give = self.reducer.ready if self._last else self.reducer.add
        give(place, view if in_place else p.grad.numpy())
        if not in_place:  # somebody else's zero_grad has dropped our array
            p.grad = from_numpy(view)


def _shares_its_thread() -> bool:
    greenlet = sys.modules.get("greenlet")
    return greenlet is not None and greenlet.getcurrent().parent is not None


def broadcast_torch_state(comm: Communicator, model: Any, optimizer: Any, root: int = 0) -> None:
    """Give every rank the root's parameters, buffers and optimiser state."""
    state = model.state_dict()
    check_same(comm, [Spec(name, tuple(t.shape), t.numpy().dtype) for name, t in state.items()])
    broadcast_arrays(comm, [tensor.numpy() for tensor in state.values()], root)
    optimizer.load_state_dict(broadcast_object(comm, optimizer.state_dict(), root))
