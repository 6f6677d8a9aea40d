"""Floating-point sums depend on their order, and every allreduce has an order of its own.

a + (b + c) and (a + b) + c round at different places. So two algorithms agree to some digits and
not in the last bits, as do two numbers of ranks; what every algorithm here does promise is that all
ranks end with the same bits, or replicas of a model would drift apart. Who needs more needs sums
that do not round: integers, on a grid that all agree on before (Demmel and Nguyen, 2013).
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.allreduce.selection import allreduce
from mlsys.distributed.cluster.communicator import Array, Communicator

SUM_BITS = 62  # of an int64: one is the sign, and one keeps clear of the edge


def additions(algorithm: str, ranks: int) -> int:
    """How many additions, one after the other, the first number of a sum goes through.

    In the ring a sum travels past all ranks; in the others it is the depth of a tree.

    >>> additions("ring", 256), additions("halving", 256)
    (255, 8)
    """
    return ranks - 1 if algorithm in ("ring", "naive") else (ranks - 1).bit_length()


def error_bound(algorithm: str, ranks: int, dtype: np.typing.DTypeLike) -> float:
    """The most by which a sum can be wrong, as a part of the sum of absolute values.

    k u / (1 - k u) for k additions in a row, each rounding to nearest with unit roundoff u (Higham,
    1993); inf where k u >= 1, as for float16 from 2048 additions on. Rounding errors have both
    signs, so that what is seen grows like √k rather than k.
    """
    ku = additions(algorithm, ranks) * float(np.finfo(dtype).eps) / 2
    return ku / (1 - ku) if ku < 1 else np.inf


def reproducible_allreduce(comm: Communicator, terms: Array, algorithm: str = "auto") -> Array:
    """The sum of all rows of all ranks, with the same bits however they are spread and added.

    terms: floats of shape (m, n), m a number of its own for each rank. returns: shape (n,).

    All numbers are rounded to multiples of one power of two, so small that their count times the
    largest just fits 62 bits, and added as integers, which is exact in any order. The error of N
    rows is at most N/2 such multiples, about N² 2^-62 times the largest number, and one rounding at
    the end. Costs two allreduces of one number, and one with 8 bytes per number.
    Raises ValueError, on every rank, unless all numbers are finite.
    """
    largest = np.array([np.abs(terms).max(initial=0)], np.float64)
    count = np.array([len(terms)])
    allreduce(comm, largest, np.maximum, algorithm)
    allreduce(comm, count, np.add, algorithm)
    if not np.isfinite(largest[0]):
        raise ValueError(f"expected finite numbers, got {largest[0]} on at least one rank")
    exponent = int(np.frexp(largest[0])[1])  # all are below 2^exponent
    shift = SUM_BITS - int(count[0]).bit_length() - exponent
    fixed = np.rint(np.ldexp(terms.astype(np.float64), shift)).astype(np.int64).sum(axis=0)
    allreduce(comm, fixed, np.add, algorithm)
    total: Array = np.ldexp(fixed.astype(np.float64), -shift).astype(terms.dtype)
    return total
