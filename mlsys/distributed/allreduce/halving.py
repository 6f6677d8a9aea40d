"""Allreduce by halving and doubling: the ring's bytes in the tree's rounds, for powers of two.

First exchange halves with the rank half the cluster away, and add; then quarters of what is left
with the rank a quarter away; until each rank holds the sum of one chunk. Then the same backwards,
copying. 2 log2 P rounds, 2 (P-1)/P n bytes per rank: both as few as can be, or nearly
(Rabenseifner, 2004). MPICH's choice for long arrays.
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.allreduce.doubling import fold_cost, folded
from mlsys.distributed.allreduce.ring import chunks, vector
from mlsys.distributed.allreduce.tags import HALVING
from mlsys.distributed.cluster.communicator import Array, Communicator


def halving_allreduce(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    """Every rank's array becomes the op of all, in place. What rank 2 of 8 holds, in chunks:

        width 4   █ █ █ █ · · · ·     sends 4-7 to rank 6, adds what comes of 0-3
        width 2   · · █ █ · · · ·     sends 0-1 to rank 0, adds what comes of 2-3
        width 1   · · █ · · · · ·     sends 3 to rank 3, adds what comes of 2
        width 1   · · █ █ · · · ·     now backwards: sends 2 to rank 3, takes 3
        width 2   █ █ █ █ · · · ·     sends 2-3 to rank 0, takes 0-1
        width 4   █ █ █ █ █ █ █ █     sends 0-3 to rank 6, takes 4-7

    Ranks beyond the last power of two are passengers, at the price of two rounds of n bytes.
    """
    folded(comm, vector(array), op, _halve_and_double)


def _halve_and_double(comm: Communicator, data: Array, op: np.ufunc, size: int) -> None:
    parts, rank = chunks(data.size, size), comm.rank
    arrived = np.empty(data.size // 2 + 1, data.dtype)

    def block(of: int, width: int) -> slice:
        """The chunks of the ``width`` ranks with which this one shares all higher bits."""
        first = of // width * width
        return slice(parts[first].start, parts[first + width - 1].stop)

    widths = [1 << bit for bit in range(size.bit_length() - 1)]  # 1, 2, 4, .., size / 2
    for width in reversed(widths):
        partner = rank ^ width
        mine, sent = data[block(rank, width)], data[block(partner, width)]
        theirs = arrived[: mine.size]
        comm.Sendrecv(sent, partner, HALVING, theirs, partner, HALVING)
        op(mine, theirs, out=mine)
    for width in widths:
        partner = rank ^ width
        mine, place = data[block(rank, width)], data[block(partner, width)]
        comm.Sendrecv(mine, partner, HALVING, place, partner, HALVING)


def halving_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds: 2 log2 P α + 2 (P-1)/P β n for a power of two that divides the elements, exact.

    For other numbers of ranks as `doubling_cost`.

    >>> halving_cost(4, 1000, alpha=1.0, beta=0.001)
    5.5
    """
    bits = ranks.bit_length() - 1
    size = 1 << bits
    core = 2 * bits * alpha + 2 * (size - 1) / size * beta * nbytes
    return core + fold_cost(ranks, nbytes, alpha, beta)
