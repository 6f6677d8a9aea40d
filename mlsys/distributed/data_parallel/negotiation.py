"""Negotiation: which gradients are ready everywhere, so that all ranks reduce the same next.

Each rank meets its gradients in an order of its own: a branch is not taken, a machine is slow. A
collective begins well only if all ranks begin the same one. So in the first step every rank tells
rank 0 what it has, and rank 0 tells all what everybody has (`Announcing`: one message a gradient
and rank). From the second step on all know the tensors and their buckets, and agree with one bit
for each (`ByBits`: ⌈log2 ranks⌉ messages a round, of a bit a bucket and a bit a tensor).

The second kind of bits says which tensors a rank has not used. What no rank has used is not sent,
and has no gradient; what some have not used, they contribute as zeros.
Source: Sergeev & Del Balso, 2018; the response cache is Horovod's `ResponseCache`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

import numpy as np

from mlsys.distributed.allreduce.tags import COLLECTIVES
from mlsys.distributed.cluster.communicator import ClusterError, Communicator, Request
from mlsys.distributed.data_parallel.buckets import Spec
from mlsys.distributed.data_parallel.progress import Progress, Transfer, agreement

CHECK = 13 * COLLECTIVES  # a tag, in the program's communicator
READY, GO, BITS = 1, 2, 3  # tags, in a communicator of our own

# Called with tensors that are ready on all ranks, and of these the ones that nobody has used.
Go = Callable[[list[int], set[int]], None]


class Mismatch(ClusterError):
    """Ranks want to train different models together."""


def check_same(comm: Communicator, specs: Sequence[Spec]) -> None:
    """Raise Mismatch on every rank, naming rank and tensor, unless all have rank 0's tensors."""
    rows = [f"{name}: {np.dtype(dtype)} {shape}" for name, shape, dtype in specs]
    if comm.rank:
        comm.send(rows, 0, CHECK)
        differences = comm.recv(source=0, tag=CHECK)
    else:
        others = {rank: comm.recv(source=rank, tag=CHECK) for rank in range(1, comm.size)}
        differences = []
        for rank, other in others.items():
            pairs = zip_longest(rows, other, fillvalue="no more")
            if first := next((pair for pair in pairs if pair[0] != pair[1]), None):
                differences.append(f"rank {rank} has {first[1]}, rank 0 has {first[0]}")
        for rank in others:
            comm.send(differences, rank, CHECK)
    if differences:
        raise Mismatch(
            f"the ranks' models differ: {'; '.join(differences)}. Build the same model on each, "
            f"parameters in the same order"
        )


class Coordinator:
    """What rank 0 has heard in this step; it sends nothing, and knows no clock.

    >>> table = Coordinator(ranks=2, tensors=2)
    >>> table.hear(0, 1, True); table.hear(0, 0, True); table.hear(1, 1, True)
    >>> table.complete()  # rank 1 has no gradient of tensor 0 yet
    [1]
    """

    def __init__(self, ranks: int, tensors: int) -> None:
        self._silent = {tensor: set(range(ranks)) for tensor in range(tensors)}
        self._unused = set(range(tensors))
        self._complete: list[int] = []

    def hear(self, rank: int, tensor: int, used: bool) -> None:
        """A rank has this gradient, or has gone without it."""
        self._silent[tensor].remove(rank)
        if used:
            self._unused.discard(tensor)
        if not self._silent[tensor]:
            self._complete.append(tensor)
            del self._silent[tensor]

    def complete(self) -> list[int]:
        """The tensors that have become ready everywhere since the last call, in that order."""
        tensors, self._complete = self._complete, []
        return tensors

    def unused(self, tensors: Sequence[int]) -> set[int]:
        """Of these complete tensors, the ones that no rank has used."""
        return self._unused.intersection(tensors)


class Announcing:
    """One step's negotiation through rank 0; ends with the same calls of ``go`` on every rank."""

    def __init__(self, comm: Communicator, progress: Progress, tensors: int, go: Go) -> None:
        self.comm, self.progress, self.go = comm, progress, go
        self.table = Coordinator(comm.size, tensors)  # used by rank 0
        # Messages that will still come: from each other rank one a tensor; from rank 0, until all
        # tensors are agreed on.
        self.expected = tensors * (comm.size - 1 if comm.rank == 0 else 1)
        self.sends: list[Request] = []
        self._listens = False

    def announce(self, tensor: int, used: bool) -> None:
        """This rank has the tensor's gradient, or will have none in this step."""
        if not self._listens:
            self._listens = True
            self._listen()
        if self.comm.rank:
            said = (self.comm.rank, tensor, used)
            self.sends.append(self.comm.isend(said, 0, READY))
        else:
            self.table.hear(0, tensor, used)
            self._answer()

    def close(self) -> None:
        """Wait until what was sent has left."""
        for request in self.sends:
            request.wait()

    def _listen(self) -> None:
        """Start to wait for the next message; behind all that was agreed on before."""
        if self.expected:
            self.progress.start(self._follow() if self.comm.rank else self._coordinate())

    def _coordinate(self) -> Transfer:
        """Rank 0: hear one announcement; answer when no other is there to be answered with it."""
        [said] = yield (self.comm.irecv(tag=READY),)
        self.expected -= 1
        self.table.hear(*said)
        if not self.comm.Iprobe(tag=READY):
            self._answer()
        self._listen()

    def _follow(self) -> Transfer:
        """The others: do what rank 0 says is ready."""
        [(tensors, unused)] = yield (self.comm.irecv(source=0, tag=GO),)
        self.expected -= len(tensors)
        self.go(tensors, unused)
        self._listen()

    def _answer(self) -> None:
        if tensors := self.table.complete():
            unused = self.table.unused(tensors)
            for rank in range(1, self.comm.size):
                self.sends.append(self.comm.isend((tensors, unused), rank, GO))
            self.go(tensors, unused)


class ByBits:
    """One step's negotiation where all know the buckets: rounds of `agreement` on a few bytes.

    A rank joins a round when it has news, or when it has said all it will ever say. So rounds are
    few, none is joined in vain, and no rank waits for one that has nothing to add.
    """

    def __init__(
        self,
        comm: Communicator,
        progress: Progress,
        buckets: Sequence[Sequence[int]],
        go: Go,
    ) -> None:
        self.comm, self.progress, self.buckets, self.go = comm, progress, buckets, go
        tensors = sum(map(len, buckets))
        self.unused = np.ones(tensors, bool)
        self.full = self.said = self.agreed = np.zeros(len(buckets), bool)
        self._bucket = {tensor: k for k, bucket in enumerate(buckets) for tensor in bucket}
        self._missing = [len(bucket) for bucket in buckets]
        self._busy = False

    def announce(self, tensor: int, used: bool) -> None:
        """This rank has the tensor's gradient, or will have none in this step."""
        self.unused[tensor] = not used
        bucket = self._bucket[tensor]
        self._missing[bucket] -= 1
        if not self._missing[bucket]:
            self.full = self.full.copy()
            self.full[bucket] = True
            self._join()

    def close(self) -> None:
        """Nothing is left to wait for."""

    def _join(self) -> None:
        news = self.full.sum() > self.said.sum() or self.full.all()
        if news and not self._busy and not self.agreed.all():
            self._busy, self.said = True, self.full
            self.progress.start(self._round())

    def _round(self) -> Transfer:
        bits = np.packbits(np.concatenate([self.full, self.unused]))
        yield from agreement(self.comm, bits, BITS)
        all_bits = np.unpackbits(bits, count=len(self.full) + len(self.unused)).astype(bool)
        full, unused = np.split(all_bits, [len(self.full)])
        new = np.flatnonzero(full & ~self.agreed)
        self.agreed, self._busy = full, False
        for bucket in new.tolist():
            tensors = list(self.buckets[bucket])
            self.go(tensors, {tensor for tensor in tensors if unused[tensor]})
        self._join()
