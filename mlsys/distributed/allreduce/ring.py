"""Allreduce on a ring: 2 (P - 1) rounds, and the fewest bytes that any algorithm can send.

Cut every array into P chunks. Send chunks round the ring once, each rank adding its own to what
passes; then once more, each rank copying. In every round every rank sends one chunk and receives
one, so all cables are busy all the time, and each rank sends 2 (P-1)/P n bytes in all: twice the
array, however many ranks there are. Nothing can do with less (Patarasuk and Yuan, 2009).
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.allreduce.tags import ALLGATHER, REDUCE_SCATTER
from mlsys.distributed.cluster.communicator import Array, Communicator


def chunks(n: int, ranks: int) -> list[slice]:
    """Where each rank's chunk of n elements lies; their lengths differ by one at most.

    None is longer than the last.

    >>> chunks(10, 4)
    [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    """
    return [slice(n * rank // ranks, n * (rank + 1) // ranks) for rank in range(ranks)]


def vector(array: Array) -> Array:
    """The elements of a contiguous array in one row, shared with it. Raises ValueError for gaps."""
    if not array.flags.c_contiguous:
        raise ValueError(
            f"expected a contiguous array, got one of shape {array.shape} and strides "
            f"{array.strides}; a collective works in place: give it np.ascontiguousarray(array)"
        )
    return array.reshape(-1)


def pieces(array: Array, ranks: int) -> list[Array]:
    """The chunks of a contiguous array, shared with it."""
    data = vector(array)
    return [data[part] for part in chunks(data.size, ranks)]


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    """Chunk r of rank r's array becomes the op of everybody's chunk r, in place.

    In step s = 1 .. P-1 rank r sends chunk r - s to the right and takes chunk r - s - 1 from the
    left (all modulo P). Which chunk each of four ranks sends:

        step   rank 0   rank 1   rank 2   rank 3
          1       3        0        1        2
          2       2        3        0        1
          3       1        2        3        0      received last by 0, 1, 2, 3: chunks 0, 1, 2, 3

    Follow chunk 3 down the table: rank 0 sends it to 1, 1 adds its own and sends it to 2, 2 to 3,
    which keeps it. The other chunks of the array are left with parts of sums.
    P - 1 rounds; each rank sends every chunk but its own.
    """
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    arrived = np.empty_like(parts[-1])  # no chunk is longer than the last
    left, right = (rank - 1) % size, (rank + 1) % size
    for step in range(1, size):
        sent, mine = parts[rank - step], parts[rank - step - 1]  # an index below 0 counts from P
        theirs = arrived[: mine.size]
        comm.Sendrecv(sent, right, REDUCE_SCATTER, theirs, left, REDUCE_SCATTER)
        op(mine, theirs, out=mine)


def allgather(comm: Communicator, array: Array) -> None:
    """Every rank's array becomes chunk 0 of rank 0's, chunk 1 of rank 1's, and so on, in place.

    In step s = 0 .. P-2 rank r sends chunk r - s to the right and takes chunk r - s - 1 from the
    left: first its own, then what has just come.

        step   rank 0   rank 1   rank 2   rank 3
          0       0        1        2        3
          1       3        0        1        2
          2       2        3        0        1

    P - 1 rounds; each rank sends every chunk but its right neighbour's.
    """
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    left, right = (rank - 1) % size, (rank + 1) % size
    for step in range(size - 1):
        sent, place = parts[rank - step], parts[rank - step - 1]
        comm.Sendrecv(sent, right, ALLGATHER, place, left, ALLGATHER)


def ring_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segment: int | None = None
) -> None:
    """Every rank's array becomes the op of all, in place: reduce-scatter, then allgather.

    2 (P - 1) rounds, 2 (P-1)/P n bytes per rank. All ranks end with the same bits, because each
    chunk is summed up on one rank and copied from there. Any length: chunks may be empty.

    segment: bytes; a longer array is done segment by segment. The wire gains nothing by that, and
    pays for more rounds; on one machine 2 MiB at a time stay in the cache between two steps.
    """
    data = vector(array)
    length = data.size if segment is None else max(1, segment // data.itemsize)
    for start in range(0, data.size or 1, length or 1):
        part = data[start : start + length]
        reduce_scatter(comm, part, op)
        allgather(comm, part)


def half_ring_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for a reduce-scatter or an allgather on the ring: (P - 1) (α + β n/P).

    Exact when P divides the number of elements; else count as if all chunks were the longest.
    """
    return (ranks - 1) * (alpha + beta * nbytes / ranks)


def ring_cost(ranks: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds for an allreduce on the ring: 2 (P - 1) (α + β n/P), exact as `half_ring_cost` is.

    With more ranks the part with β goes to 2 β n and stays there; the part with α grows for ever.

    >>> ring_cost(4, 1000, alpha=1.0, beta=0.001)
    7.5
    """
    return 2 * half_ring_cost(ranks, nbytes, alpha, beta)
