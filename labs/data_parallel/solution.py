"""Lab: buckets that leave early, and a gradient of low rank.

Rebuild the buckets of the chapter, let them leave while the backward pass goes on, and then send
two thin matrices in the place of a large one. The handout says how the marks come about.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np

from mlsys.distributed.allreduce import chunks, ring_allreduce
from mlsys.distributed.cluster.communicator import Array, Communicator


def first_right(columns: int, rank: int) -> Array:
    """What to multiply by in the first step: (columns, rank), the same on all ranks. Given."""
    return np.random.default_rng(columns).standard_normal((columns, rank))


def overlapped_mean(
    comm: Communicator,
    shapes: Sequence[tuple[int, ...]],
    buckets: Sequence[Sequence[int]],
    backward: Iterator[tuple[int, Array] | None],
) -> list[Array]:
    """The mean of each tensor's gradient over the ranks, exchanged while ``backward`` computes.

    shapes: of each tensor; all gradients are float64. buckets: the same on all ranks, each tensor
    in one of them; each bucket is one allreduce.
    backward: each ``next`` of it works for a while; then it gives a tensor and its gradient, or
    None, which is only an opportunity to look after messages. The tensors may come in any order,
    in another one on each rank, and some not at all: their gradient on this rank is zero.
    Returns one array a tensor, with the same bits on all ranks. Must not deadlock, even if no
    message leaves before its receiver has asked for it.
    """
    flats = [np.zeros(sum(math.prod(shapes[t]) for t in bucket)) for bucket in buckets]
    views: list[Array] = [np.empty(0)] * len(shapes)
    for flat, bucket in zip(flats, buckets, strict=True):
        pieces = unflatten(flat, [shapes[t] for t in bucket])  # noqa: F821
        for tensor, piece in zip(bucket, pieces, strict=True):
            views[tensor] = piece
    missing = [set(bucket) for bucket in buckets]
    sailing: list[_SolutionTransfer] = []
    left = 0  # buckets, which leave in the order of their numbers on every rank
    for news in backward:
        if news is not None:
            tensor, gradient = news
            views[tensor][...] = gradient
            for bucket in missing:
                bucket.discard(tensor)
        while left < len(buckets) and not missing[left]:
            sailing.append(_solution_ring(comm, flats[left], left))
            left += 1
        sailing = [transfer for transfer in sailing if not _solution_done(transfer)]
    sailing += [_solution_ring(comm, flats[k], k) for k in range(left, len(buckets))]
    for transfer in sailing:
        while not _solution_done(transfer, wait=True):
            pass
    for flat in flats:
        flat /= comm.size
    return views


_SolutionTransfer = Generator[None, bool, None]


def _solution_ring(comm: Communicator, flat: Array, tag: int) -> _SolutionTransfer:
    """An allreduce that yields when it would have to wait, and waits if it is sent True."""
    rank, size = comm.rank, comm.size
    parts = [flat[part] for part in chunks(flat.size, size)]
    for step in range(2 * (size - 1)):
        adds = step < size - 1
        sent, mine = (rank - step) % size, (rank - step - 1) % size
        came = np.empty_like(parts[mine]) if adds else parts[mine]
        receive = comm.Irecv(came, (rank - 1) % size, tag)
        send = comm.Isend(parts[sent], (rank + 1) % size, tag)
        while not (receive.Test() and send.Test()):
            if (yield):
                receive.Wait()
                send.Wait()
        if adds:
            parts[mine] += came


def _solution_done(transfer: _SolutionTransfer, wait: bool = False) -> bool:
    """Look after a transfer once, and with ``wait`` until one of its rounds is through."""
    try:
        next(transfer)
        if wait:
            transfer.send(True)
    except StopIteration:
        return True
    return False


def orthonormal(columns: Array) -> Array:
    """Columns of length 1, at right angles, whose combinations include all of ``columns``.

    columns: (rows, r), r <= rows, float64; not changed. A column that is zero, or a combination of
    those before it, may become zero, or any other that keeps the rule; nothing is divided by zero.
    Stays orthonormal to 1e-8 for columns that nearly point the same way (condition 1e5).
    The same input gives the same bits.
    """
    basis = columns.astype(np.float64)
    for k in range(basis.shape[1]):
        column, length = basis[:, k], np.linalg.norm(basis[:, k])
        for _ in range(2):  # the first time leaves rounding behind, the second takes it away
            column -= basis[:, :k] @ (basis[:, :k].T @ column)
        rest = np.linalg.norm(column)
        column[...] = column / rest if rest > 1e-12 * length else 0.0
    return basis


def power_sgd(
    comm: Communicator,
    gradients: Sequence[Array],
    state: dict[str, Any],
    rank: int,
    feedback: bool = True,
) -> list[Array]:
    """The mean of the ranks' gradients, a matrix of at most this rank where that is cheaper.

    gradients: float64, not changed, with one or two axes. A matrix (rows, columns) is sent as
    rank * (rows + columns) numbers if these are fewer than rows * columns; everything else is sent
    whole. For M, the gradient plus this rank's error:

        left  = orthonormal(mean of M @ right)    (rows, rank)
        right = mean of M.T @ left                (columns, rank)
        average = left @ right.T

    ``right`` begins as `first_right`, and is the next step's beginning. However many tensors there
    are, a step takes two allreduces.
    state: {} before the first step, and yours to fill. But ``state["error"][k]`` is what this rank
    has still to send of tensor k, in its shape: M less the average. It is added to the next
    gradient; zeros for what is sent whole, and without ``feedback``.
    Returns an average for each gradient, with the same bits on all ranks.
    """
    small = [g.ndim == 2 and rank * sum(g.shape) < g.size for g in gradients]
    errors = state.setdefault("error", [np.zeros_like(g) for g in gradients])
    rights = state.setdefault(
        "right",
        [first_right(g.shape[1], rank) if s else None for g, s in zip(gradients, small)],
    )
    whole = [g + e for g, e in zip(gradients, errors)]
    sketches = _solution_mean(comm, [m @ q if s else m for m, q, s in zip(whole, rights, small)])
    lefts = [orthonormal(p) if s else p for p, s in zip(sketches, small)]
    chosen = [k for k, s in enumerate(small) if s]
    for k, right in zip(chosen, _solution_mean(comm, [whole[k].T @ lefts[k] for k in chosen])):
        rights[k] = right
    averages = [p @ q.T if s else p for p, q, s in zip(lefts, rights, small)]
    if feedback:
        for k in chosen:
            errors[k] = whole[k] - averages[k]
    return averages


def _solution_mean(comm: Communicator, arrays: list[Array]) -> list[Array]:
    """The means of all arrays over the ranks, for one allreduce."""
    if not arrays:
        return []
    flat = flatten(arrays)  # noqa: F821
    ring_allreduce(comm, flat)
    return unflatten(flat / comm.size, [array.shape for array in arrays])  # noqa: F821
