"""Allreduce by recursive doubling: ⌈log2 P⌉ rounds, the fewest there can be, of whole arrays.

In round k each rank exchanges what it has with the rank whose number differs in bit k, and both
add. After it everybody holds the sum of 2^(k+1) ranks, so that the tree's way down is saved: all
ranks do what rank 0 would have done. Best for short arrays (Thakur, Rabenseifner and Gropp, 2005).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsys.distributed.allreduce.ring import vector
from mlsys.distributed.allreduce.tags import DOUBLING, FOLD
from mlsys.distributed.cluster.communicator import Array, Communicator

Core = Callable[[Communicator, Array, np.ufunc, int], None]


def doubling_allreduce(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    """Every rank's array becomes the op of all, in place.

        round   0   1   2   3   4   5   6   7
          1     └───┘   └───┘   └───┘   └───┘      who exchanges with whom
          2     └───────┘       └───────┘          and 1 with 3, 5 with 7
          3     └───────────────┘                  and 1 with 5, 2 with 6, 3 with 7

    log2 P rounds of n bytes for a power of two, and two more for any other number of ranks.
    """
    folded(comm, vector(array), op, _double)


def folded(comm: Communicator, data: Array, op: np.ufunc, core: Core) -> None:
    """Run what needs a power of two on the lowest ranks; each other one is somebody's passenger.

    A passenger's array is added to that of a rank of the core before, and the result is sent
    back to it after: one round of n bytes each.
    """
    size = 1 << (comm.size.bit_length() - 1)  # the last power of two <= comm.size
    if comm.rank >= size:
        comm.Send(data, comm.rank - size, FOLD)
        comm.Recv(data, comm.rank - size, FOLD)
        return
    passenger = comm.rank + size
    if passenger < comm.size:
        arrived = np.empty_like(data)
        comm.Recv(arrived, passenger, FOLD)
        op(data, arrived, out=data)
    core(comm, data, op, size)
    if passenger < comm.size:
        comm.Send(data, passenger, FOLD)


def _double(comm: Communicator, data: Array, op: np.ufunc, size: int) -> None:
    """The exchange of both sides, among ranks 0 .. size - 1.

    The lower rank's array is the left operand on both sides, so that both compute the same bits
    even where an operation tells its operands apart (of two zeros, or two NaNs).
    """
    arrived, distance = np.empty_like(data), 1
    while distance < size:
        partner = comm.rank ^ distance
        comm.Sendrecv(data, partner, DOUBLING, arrived, partner, DOUBLING)
        lower, upper = (data, arrived) if comm.rank < partner else (arrived, data)
        op(lower, upper, out=data)
        distance *= 2


def doubling_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds: log2 P (α + β n) for a power of two, exact; for others of the next lower, plus two.

    Exact for others too if each message waits for its receive. Eager ones that come too early can
    keep a port from one that is waited for, which costs up to half as much again.

    >>> doubling_cost(8, 1000, alpha=1.0, beta=0.001), doubling_cost(9, 1000, 1.0, 0.001)
    (6.0, 10.0)
    """
    return (ranks.bit_length() - 1) * (alpha + beta * nbytes) + fold_cost(
        ranks, nbytes, alpha, beta
    )


def fold_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds that passengers cost: a message there and one back, unless P is a power of two."""
    return 2 * (ranks & (ranks - 1) > 0) * (alpha + beta * nbytes)
