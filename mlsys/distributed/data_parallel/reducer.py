"""The reducer: takes gradients one by one as they become ready, gives them back averaged.

    ready(w3) ready(w2) ...          the program's side: gradients come in, in any order
        │         │
      views of flat buckets          buckets.py: no copy but the one into the bucket
        │
      who has what?                  negotiation.py: rank 0's word in step 1, bits from then on
        │
      one ring for each bucket       progress.py: goes on while the program computes
        │
    finish() ── averages             the same bits on every rank

It knows arrays and no framework; `optimizer` and `torch_optimizer` connect it to one. With ranks P
and n bytes of gradients a rank sends 2 (P - 1) / P n bytes a step, plus the bits.
Source: Li et al., "PyTorch distributed: experiences on accelerating data parallel training", VLDB
2020, whose class of the same name does this without negotiation.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence

import numpy as np

from mlsys.distributed.cluster.communicator import Array, Communicator
from mlsys.distributed.data_parallel.broadcast import broadcast_object
from mlsys.distributed.data_parallel.buckets import CAP, Spec, make_buckets
from mlsys.distributed.data_parallel.compression import Compressor
from mlsys.distributed.data_parallel.negotiation import Announcing, ByBits, check_same
from mlsys.distributed.data_parallel.progress import Progress, Transfer, ring_transfer

FIRST_TAG = 16  # of the buckets; those below are the negotiation's


class Reducer:
    """Averages the gradients of the given tensors over the ranks, step after step.

    specs: the tensors, the same on all ranks (else Mismatch); those used first come first.
    cap: bytes of a bucket. average: divide the sum by the number of ranks.
    compression: used from the second step on. It does not overlap: it runs when a bucket is full.
    overlap: whether gradients leave as they become ready; else all leave in `finish`.

    All ranks must make their reducers, and call `finish`, equally often and in the same order.
    After an error (a dead rank, say) make a new one: nobody knows what is still under way.
    """

    def __init__(
        self,
        comm: Communicator,
        specs: Sequence[Spec],
        cap: int = CAP,
        average: bool = True,
        compression: Compressor | None = None,
        overlap: bool = True,
    ) -> None:
        self.comm = comm.Split(0, comm.rank)  # so that no message meets one of the program's
        self.specs, self.cap = list(specs), cap
        self.average, self.compression, self.overlap = average, compression, overlap
        check_same(self.comm, self.specs)
        self._lock = threading.RLock()  # of the program's thread and a `Driver`'s
        self._progress = Progress()
        self._settled = False  # whether the first step has shown the order
        self._lay_out(range(len(self.specs) - 1, -1, -1))
        self._begin()

    def view(self, tensor: int) -> Array:
        """Where the tensor's gradient is kept. Changes once, when the first step is finished."""
        return self._views[tensor]

    def add(self, tensor: int, gradient: Array) -> None:
        """Add to what this step has of the gradient; more will come (micro-batches)."""
        with self._lock:
            view = self._views[tensor]
            if gradient is not view:
                if self.used[tensor]:
                    view += gradient
                else:
                    view[...] = gradient
            self.used[tensor] = True

    def ready(self, tensor: int, gradient: Array) -> None:
        """Add the last piece of a gradient; it may leave at once, and is not ours to change."""
        with self._lock:
            if self.given[tensor]:
                raise RuntimeError(
                    f"the gradient of {self.specs[tensor].name} was ready before in this step: two "
                    f"backward passes, of which only the last may send (last=False, no_sync())"
                )
            self.add(tensor, gradient)
            self._is_ready(tensor)
            self._progress.poll()

    def forget(self) -> None:
        """Drop what `add` has added up in this step. Raises RuntimeError once one was ready."""
        if self.given.any():
            raise RuntimeError(
                "gradients of this step may be under way: call step() or synchronize() between "
                "backward() and zero_grad()"
            )
        self.used[:] = False

    def poll(self) -> None:
        """Let communication go on. Never waits (but see ``compression``)."""
        with self._lock:
            self._progress.poll()

    def finish(self) -> list[Array | None]:
        """Each tensor's averaged gradient, None where no rank had any; ends the step.

        The arrays are views of the buckets, good until the next step's first gradient.
        """
        with self._lock:
            for tensor in np.flatnonzero(~self.given).tolist():
                self._is_ready(tensor)
            if not self.overlap:
                for tensor in self._order:
                    self._announce(tensor)
            self._progress.wait()
            self._negotiation.close()
            if not self._settled:
                self._settle()
            averages = [
                None if tensor in self._unused else view for tensor, view in enumerate(self._views)
            ]
            self._begin()
            return averages

    # ------------------------------------------------------------ a step

    def _begin(self) -> None:
        tensors = len(self.specs)
        self.used, self.given = np.zeros(tensors, bool), np.zeros(tensors, bool)
        self._unused: set[int] = set()  # by no rank
        self._order: list[int] = []  # in which they were ready on this rank
        self._exchanges = 0
        self._negotiation: Announcing | ByBits
        if self._settled:
            buckets = [bucket.tensors for bucket in self.buckets]
            self._negotiation = ByBits(self.comm, self._progress, buckets, self._exchange_bucket)
        else:
            self._negotiation = Announcing(
                self.comm, self._progress, tensors, self._exchange_tensors
            )

    def _is_ready(self, tensor: int) -> None:
        if not self.used[tensor]:
            self._views[tensor].fill(0)
        self.given[tensor] = True
        self._order.append(tensor)
        if self.overlap:
            self._announce(tensor)

    def _announce(self, tensor: int) -> None:
        self._negotiation.announce(tensor, bool(self.used[tensor]))

    def _exchange_bucket(self, tensors: list[int], unused: set[int]) -> None:
        """All ranks have filled this bucket."""
        self._unused |= unused
        if len(unused) < len(tensors):
            self._start(tensors, self._flat[tensors[0]])

    def _exchange_tensors(self, tensors: list[int], unused: set[int]) -> None:
        """The first step, in which no buckets are agreed on: each tensor goes on its own.

        Which tensors are ready together is a matter of timing; packed as they come, the same
        program would add up in another order, and end at other bits, each time it is run.
        """
        self._unused |= unused
        for tensor in tensors:
            if tensor not in unused:
                self._start([tensor], self._views[tensor].reshape(-1))

    def _start(self, tensors: list[int], flat: Array) -> None:
        self._exchanges += 1
        self._progress.start(self._mean(tuple(tensors), flat, FIRST_TAG + self._exchanges))

    def _mean(self, name: Hashable, flat: Array, tag: int) -> Transfer:
        if self._settled and self.compression is not None:
            self.compression.average(self.comm, name, flat)
            if not self.average:
                flat *= self.comm.size
            return
        yield from ring_transfer(self.comm, flat, tag)
        if self.average:
            flat /= self.comm.size

    # ------------------------------------------------------------ where it lies

    def _lay_out(self, order: Sequence[int]) -> None:
        """Make buckets in this order of readiness."""
        self.buckets = make_buckets(self.specs, order, self.cap)
        self._flat = {bucket.tensors[0]: bucket.flat for bucket in self.buckets}
        views = {t: v for b in self.buckets for t, v in zip(b.tensors, b.views, strict=True)}
        self._views = [views[tensor] for tensor in range(len(self.specs))]

    def _settle(self) -> None:
        """From now on buckets are filled in the order in which rank 0 has met the gradients."""
        averages = self._views
        self._lay_out(broadcast_object(self.comm, self._order))
        for view, average in zip(self._views, averages, strict=True):
            view[...] = average
        self._settled = True
