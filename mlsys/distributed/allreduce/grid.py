"""Allreduce in two directions: along the rows of a grid of ranks, then along its columns.

Reduce-scatter within each row, allreduce of each chunk along its column, allgather within each row.
Make a row of the ranks of one machine, and most bytes stay where links are fast: the hierarchical
allreduce of Horovod. Or let rows and columns be those of a torus: 2 (R + C - 2) rounds instead of a
ring's 2 (R C - 1) (Mikami and others, 2018), and, since a step along a row leaves the column's
cables idle, two halves of the array can go crosswise at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlsys.distributed.allreduce.ring import (
    allgather,
    pieces,
    reduce_scatter,
    ring_allreduce,
    ring_cost,
    vector,
)
from mlsys.distributed.allreduce.tags import TORUS
from mlsys.distributed.cluster.communicator import Array, Communicator, Request


class Grid(NamedTuple):
    """This rank's row and its column, a communicator each."""

    row: Communicator
    column: Communicator


def grid_of(comm: Communicator, columns: int) -> Grid:
    """Lay the ranks out in rows of ``columns``: rank r at (r // columns, r % columns).

    Every rank must call it, once; it sends messages. Raises ValueError unless the rows are full.
    """
    if columns < 1 or comm.size % columns:
        raise ValueError(
            f"columns: expected a divisor of the number of ranks, {comm.size}, got {columns}"
        )
    row, column = divmod(comm.rank, columns)
    return Grid(comm.Split(row, column), comm.Split(column, row))


def hierarchical_allreduce(grid: Grid, array: Array, op: np.ufunc = np.add) -> None:
    """Every rank's array becomes the op of all, in place. Rows are best where links are fast.

    Each rank sends 2 (C-1)/C n bytes along its row and 2 (R-1)/(R C) n along its column.
    """
    data = vector(array)
    reduce_scatter(grid.row, data, op)
    ring_allreduce(grid.column, pieces(data, grid.row.size)[grid.row.rank], op)
    allgather(grid.row, data)


def torus_allreduce(grid: Grid, array: Array, op: np.ufunc = np.add) -> None:
    """Every rank's array becomes the op of all, in place: two halves, crosswise, at once.

    The first half of the array goes along rows first, the second along columns first: 2 (R + C - 2)
    rounds, two messages of each rank in each. If R = C, no two need the same cable of a torus.
    """
    data = vector(array)
    first, second = np.split(data, [data.size // 2])
    across = _along(grid.row, grid.column, first, op, TORUS)
    down = _along(grid.column, grid.row, second, op, TORUS + 1)
    for requests in zip(across, down, strict=True):
        for request in itertools.chain(*requests):
            request.Wait()


def _along(
    inner: Communicator, outer: Communicator, data: Array, op: np.ufunc, tag: int
) -> Iterator[list[Request]]:
    """`hierarchical_allreduce`: starts a step, yields what is under way, and goes on."""
    mine = pieces(data, inner.size)[inner.rank]
    yield from _reducing(inner, data, op, tag)
    yield from _reducing(outer, mine, op, tag)
    yield from _gathering(outer, mine, tag)
    yield from _gathering(inner, data, tag)


def _reducing(comm: Communicator, data: Array, op: np.ufunc, tag: int) -> Iterator[list[Request]]:
    """`reduce_scatter`, step by step."""
    parts = pieces(data, comm.size)
    for step in range(1, comm.size):
        sent, mine = parts[comm.rank - step], parts[comm.rank - step - 1]
        arrived = np.empty_like(mine)
        yield _exchange(comm, sent, arrived, tag)
        op(mine, arrived, out=mine)


def _gathering(comm: Communicator, data: Array, tag: int) -> Iterator[list[Request]]:
    """`allgather`, step by step."""
    parts = pieces(data, comm.size)
    for step in range(comm.size - 1):
        sent, place = parts[comm.rank - step], parts[comm.rank - step - 1]
        yield _exchange(comm, sent, place, tag)


def _exchange(comm: Communicator, sent: Array, place: Array, tag: int) -> list[Request]:
    """Start to send to the right, and to receive from the left."""
    left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
    return [comm.Irecv(place, left, tag), comm.Isend(sent, right, tag)]


def hierarchical_cost(
    nodes: int,
    per_node: int,
    nbytes: float,
    inside: tuple[float, float],
    between: tuple[float, float],
) -> float:
    """Seconds on machines with one cable each, if rows are machines; exact for equal chunks.

    inside, between: (alpha, beta) within a machine and of the cable, whose alpha comes on top. The
    messages of a machine's ranks take turns on its cable, n / nodes bytes of them in each round.
    """
    alpha, beta = inside[0] + between[0], max(inside[1], between[1])
    across = per_node * ring_cost(nodes, nbytes / per_node, alpha, beta)
    return ring_cost(per_node, nbytes, *inside) + across


def torus_cost(rows: int, columns: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds on a torus with a cable for each direction; exact if rows = columns, chunks equal.

    In an oblong one the halves meet on the cables of the longer side, and it takes longer.

    >>> torus_cost(4, 4, 1000, alpha=1.0, beta=0.001), ring_cost(16, 1000, 1.0, 0.001)
    (12.9375, 31.875)
    """
    half = nbytes / 2
    return max(
        ring_cost(inner, half, alpha, beta) + ring_cost(outer, half / inner, alpha, beta)
        for inner, outer in ((columns, rows), (rows, columns))
    )
