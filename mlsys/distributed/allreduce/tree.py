"""Collectives on a binomial tree: as many rounds as doublings from 1 to P, whole arrays each.

After every round twice as many ranks hold the data, so ⌈log2 P⌉ rounds reach all, and no fewer can
when a rank sends one message at a time. Reduction is the same tree read backwards. The price is
that every message is the whole array: fine for a few numbers, far from best for many (Thakur,
Rabenseifner and Gropp, 2005).
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.allreduce.ring import vector
from mlsys.distributed.allreduce.tags import BROADCAST, REDUCE, rooted
from mlsys.distributed.cluster.communicator import Array, Communicator


def broadcast(comm: Communicator, array: Array, root: int = 0) -> None:
    """Every rank's array becomes a copy of the root's.

    With 8 ranks and root 0, messages of the same round on one line:

        0 ──────────────────────► 4
        0 ──────────► 2           4 ──────────► 6
        0 ────► 1     2 ────► 3   4 ────► 5     6 ────► 7

    The binary digits of a rank's number, counted from the root, say when it is reached:
    the lowest 1 (``me & -me``) is the distance to the rank that sends to it, and it
    passes the array on over all shorter distances.
    """
    data, me, tag = vector(array), (comm.rank - root) % comm.size, rooted(BROADCAST, root, comm)
    distance = 1 << (comm.size - 1).bit_length()  # the first power of two >= size
    if me:
        distance = me & -me
        comm.Recv(data, (comm.rank - distance) % comm.size, tag)
    while distance > 1:
        distance //= 2
        if me + distance < comm.size:
            comm.Send(data, (comm.rank + distance) % comm.size, tag)


def reduce(comm: Communicator, array: Array, op: np.ufunc = np.add, root: int = 0) -> None:
    """The root's array becomes the op of all; the others' are left with parts of it.

    Neighbours meet first, and the lower is always the left operand: ((0+1)+(2+3))+((4+5)+(6+7)).
    """
    data, me, tag = vector(array), (comm.rank - root) % comm.size, rooted(REDUCE, root, comm)
    arrived, distance = np.empty_like(data), 1
    while distance < comm.size and not me & distance:
        if me + distance < comm.size:
            comm.Recv(arrived, (comm.rank + distance) % comm.size, tag)
            op(data, arrived, out=data)
        distance *= 2
    if me:
        comm.Send(data, (comm.rank - distance) % comm.size, tag)


def tree_allreduce(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    """Every rank's array becomes the op of all: up the tree to rank 0, and down again.

    2 ⌈log2 P⌉ rounds. In each phase rank 0 deals with ⌈log2 P⌉ n bytes.
    """
    reduce(comm, array, op)
    broadcast(comm, array)


def broadcast_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for a broadcast or a reduction, exact: ⌈log2 P⌉ (α + β n).

    >>> broadcast_cost(8, 1000, alpha=1.0, beta=0.001), broadcast_cost(9, 1000, 1.0, 0.001)
    (6.0, 8.0)
    """
    return (ranks - 1).bit_length() * (alpha + beta * nbytes)


def tree_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for an allreduce on the tree, exact: once up, once down."""
    return 2 * broadcast_cost(ranks, nbytes, alpha, beta)
