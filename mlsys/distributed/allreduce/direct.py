"""Collectives without an idea: one rank talks to each of the others in turn.

To scatter or gather that way costs no more bytes than have to leave the root, though more rounds
than on a tree. To allreduce that way is the parameter server with one server: P - 1 whole arrays
into rank 0's port and P - 1 out of it, while every other port is idle. It is here to be
measured against.
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.allreduce.ring import pieces, vector
from mlsys.distributed.allreduce.tags import ALLTOALL, GATHER, NAIVE, SCATTER, rooted
from mlsys.distributed.cluster.communicator import Array, Communicator


def scatter(comm: Communicator, array: Array, root: int = 0) -> None:
    """Chunk r of the root's array goes to rank r, to the same place in its array.

    The rest of rank r's array stays as it was. The root sends (P-1)/P n bytes in P - 1 messages.
    """
    parts, tag = pieces(array, comm.size), rooted(SCATTER, root, comm)
    if comm.rank != root:
        comm.Recv(parts[comm.rank], root, tag)
        return
    for rank in range(comm.size):
        if rank != root:
            comm.Send(parts[rank], rank, tag)


def gather(comm: Communicator, array: Array, root: int = 0) -> None:
    """Chunk r of rank r's array goes to the same place in the root's.

    The other ranks' arrays stay as they were. The root receives (P-1)/P n bytes in P - 1 messages.
    """
    parts, tag = pieces(array, comm.size), rooted(GATHER, root, comm)
    if comm.rank != root:
        comm.Send(parts[comm.rank], root, tag)
        return
    for rank in range(comm.size):
        if rank != root:
            comm.Recv(parts[rank], rank, tag)


def alltoall(comm: Communicator, array: Array) -> None:
    """Row k of rank r's array goes to row r of rank k's: the array over all ranks is transposed.

    array: shape (P, ...). P - 1 rounds, in each of which everybody sends one row and receives one:
    to the rank s further on, from the rank s before. (P-1)/P n bytes per rank.
    """
    if array.shape[:1] != (comm.size,):
        raise ValueError(f"expected one row for each of {comm.size} ranks, got {array.shape}")
    vector(array)
    rows = array.copy()
    for step in range(1, comm.size):
        dest, source = (comm.rank + step) % comm.size, (comm.rank - step) % comm.size
        comm.Sendrecv(rows[dest], dest, ALLTOALL, array[source], source, ALLTOALL)


def naive_allreduce(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    """Every rank's array becomes the op of all: rank 0 adds them up, and sends the sum back.

    Rank 0 sends P - 1 messages, and receives as many; (P - 1) n bytes each way.
    """
    data = vector(array)
    if comm.rank:
        comm.Send(data, 0, NAIVE)
        comm.Recv(data, 0, NAIVE)
        return
    arrived = np.empty_like(data)
    for rank in range(1, comm.size):
        comm.Recv(arrived, rank, NAIVE)
        op(data, arrived, out=data)
    for rank in range(1, comm.size):
        comm.Send(data, rank, NAIVE)


def scatter_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for a scatter or a gather, exact: P - 1 messages of a P-th, one after the other."""
    return (ranks - 1) * (alpha + beta * nbytes / ranks)


def alltoall_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for an all-to-all, exact: the same, and all ranks at once."""
    return scatter_cost(ranks, nbytes, alpha, beta)


def naive_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for the naive allreduce, exact: 2 (P - 1) whole arrays through rank 0's port.

    >>> naive_cost(100, 1000, alpha=1.0, beta=0.001)
    396.0
    """
    return 2 * (ranks - 1) * (alpha + beta * nbytes)
