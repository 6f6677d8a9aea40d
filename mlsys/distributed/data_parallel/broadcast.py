"""All ranks begin with rank 0's state: parameters, buffers, and what the optimiser remembers.

Ranks that draw their own first values, or of which only one has read a checkpoint, take the same
steps from different places and never meet. Arrays travel in one message for each dtype, down a
binomial tree: ⌈log2 ranks⌉ rounds.
Source: Sergeev & Del Balso, 2018 (``BroadcastGlobalVariablesHook``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mlsys.distributed.allreduce.doubling import doubling_allreduce
from mlsys.distributed.allreduce.tags import COLLECTIVES
from mlsys.distributed.allreduce.tree import broadcast
from mlsys.distributed.cluster.communicator import Array, Communicator
from mlsys.distributed.data_parallel.buckets import Spec, flatten, unflatten
from mlsys.distributed.data_parallel.negotiation import check_same
from mlsys.foundations.nn import Module

OBJECT = 14 * COLLECTIVES  # a tag


class Holder(Protocol):
    """What has a state: a model, an optimiser, a place in the data."""

    def state_dict(self) -> Mapping[str, Any]:
        """All of it."""

    def load_state_dict(self, state: Any) -> None:
        """Become as it was."""


def broadcast_state(
    comm: Communicator, model: Module, optimizer: Holder | None = None, root: int = 0
) -> None:
    """Give every rank the root's parameters, buffers and optimiser state, in place.

    Raises Mismatch, on every rank, if names, shapes or dtypes differ. Random generators stay each
    rank's own: that is what makes their dropout differ.
    """
    state = dict(model.state_dict())
    if optimizer is not None:
        slots = optimizer.state_dict()
        state |= {f"optimizer.{name}": array for name, array in slots.items()}
    check_same(comm, [Spec(name, a.shape, a.dtype) for name, a in state.items()])
    once = {id(array): array for array in state.values()}  # tied weights
    broadcast_arrays(comm, list(once.values()), root)
    if optimizer is not None:
        optimizer.load_state_dict(slots)  # what is no array itself, such as its count


def broadcast_arrays(comm: Communicator, arrays: Sequence[Array], root: int = 0) -> None:
    """Fill the arrays with the root's: one broadcast a dtype, whatever their number."""
    for dtype in dict.fromkeys(array.dtype for array in arrays):
        alike = [array for array in arrays if array.dtype == dtype]
        flat = flatten(alike)
        broadcast(comm, flat, root)
        for array, came in zip(alike, unflatten(flat, [a.shape for a in alike]), strict=True):
            array[...] = came


def broadcast_object(comm: Communicator, thing: Any, root: int = 0) -> Any:
    """The root's ``thing``, on every rank; others pass anything. Down a binomial tree."""
    place = (comm.rank - root) % comm.size
    distance = 1
    while distance < comm.size:
        if distance <= place < 2 * distance:
            thing = comm.recv(source=(comm.rank - distance) % comm.size, tag=OBJECT)
        elif place < distance and place + distance < comm.size:
            comm.send(thing, (comm.rank + distance) % comm.size, OBJECT)
        distance *= 2
    return thing


def same_bits(comm: Communicator, arrays: Sequence[Array]) -> bool:
    """Whether all ranks hold the same bits, as they must after every step. Costs a digest each."""
    seal = hashlib.sha256()
    for array in arrays:
        seal.update(np.ascontiguousarray(array).data)
    mine = np.frombuffer(seal.digest(), np.uint8)
    both = np.stack([mine, ~mine])
    doubling_allreduce(comm, both, np.minimum)
    return bool((both[0] == ~both[1]).all())  # least and greatest
