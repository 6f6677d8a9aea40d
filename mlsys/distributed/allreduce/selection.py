"""Which allreduce is best depends on the size: few rounds for little, few bytes for much.

Every price is a straight line in the number of bytes, so the best of several is the lower edge of
some lines: one division finds where two of them cross. That is what MPI libraries do inside,
with tables measured for the machine in place of lines (Pjesivac-Grbovic and others, 2007).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlsys.distributed.allreduce.direct import naive_allreduce, naive_cost
from mlsys.distributed.allreduce.doubling import doubling_allreduce, doubling_cost
from mlsys.distributed.allreduce.halving import halving_allreduce, halving_cost
from mlsys.distributed.allreduce.ring import ring_allreduce, ring_cost
from mlsys.distributed.allreduce.tree import tree_allreduce, tree_cost
from mlsys.distributed.cluster.communicator import Array, Communicator
from mlsys.distributed.cluster.topology import ALPHA, BETA


class Algorithm(NamedTuple):
    """An allreduce, and its price."""

    run: Callable[[Communicator, Array, np.ufunc], None]  # in place
    cost: Callable[[int, float, float, float], float]  # (ranks, nbytes, alpha, beta): seconds


ALGORITHMS = {
    "naive": Algorithm(naive_allreduce, naive_cost),
    "tree": Algorithm(tree_allreduce, tree_cost),
    "doubling": Algorithm(doubling_allreduce, doubling_cost),
    "halving": Algorithm(halving_allreduce, halving_cost),
    "ring": Algorithm(ring_allreduce, ring_cost),
}
CANDIDATES = ("doubling", "halving", "ring")  # the others keep ranks idle for nothing


def allreduce(
    comm: Communicator,
    array: Array,
    op: np.ufunc = np.add,
    algorithm: str = "auto",
    alpha: float = ALPHA,
    beta: float = BETA,
) -> None:
    """Every rank's array becomes the op of all, in place.

    algorithm: a key of `ALGORITHMS`, or "auto" for the cheapest on a network with this alpha
    and beta. All ranks must give the same: each chooses for itself.
    """
    if algorithm == "auto":
        algorithm = choose(comm.size, array.nbytes, alpha, beta)
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm: expected auto, {', '.join(ALGORITHMS)}, got {algorithm!r}")
    ALGORITHMS[algorithm].run(comm, array, op)


def choose(ranks: int, nbytes: float, alpha: float, beta: float) -> str:
    """The one of `CANDIDATES` with the lowest price.

    >>> [choose(48, nbytes, alpha=5e-6, beta=1e-10) for nbytes in (1e3, 1e6, 1e8)]
    ['doubling', 'halving', 'ring']
    """
    return min(CANDIDATES, key=lambda name: ALGORITHMS[name].cost(ranks, nbytes, alpha, beta))


def crossover(first: str, second: str, ranks: int, alpha: float, beta: float) -> float:
    """The size in bytes at which two algorithms cost the same; inf if there is none.

    >>> size = crossover("doubling", "ring", 4, alpha=5e-6, beta=1e-10)
    >>> round(size)
    400000
    """
    rounds, slopes = [], []
    for name in (first, second):
        cost = ALGORITHMS[name].cost
        rounds.append(cost(ranks, 0, alpha, beta))
        slopes.append(cost(ranks, 1, 0, beta))
    if slopes[0] == slopes[1]:
        return math.inf
    size = (rounds[0] - rounds[1]) / (slopes[1] - slopes[0])
    return size if size >= 0 else math.inf
