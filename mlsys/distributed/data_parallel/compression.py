"""Compression: fewer bytes for a gradient, and what it takes that nothing is lost for good.

Half a number's bits, or only its largest entries: what is left out of one exchange biases the
step, and a bias that repeats is an optimum never reached. Error feedback keeps what was left out
and adds it to the next gradient, so that everything is sent in the end, some of it late. The price
is one more copy of the gradient. Float16 halves the bytes of an allreduce; entries with their
places cannot be added on the way, so each goes to every rank: with a share s of the entries a rank
sends 8 s n (P - 1) bytes instead of 8 n (P - 1) / P, which is less only while s < 1 / P.
Source: Stich, Cordonnier and Jaggi, "Sparsified SGD with memory", NeurIPS 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Protocol

import numpy as np

from mlsys.distributed.allreduce.doubling import doubling_allreduce
from mlsys.distributed.allreduce.ring import allgather, ring_allreduce
from mlsys.distributed.cluster.communicator import Array, Communicator

LARGEST_HALF = 65504.0


class Compressor(Protocol):
    """How ranks average a gradient; what it remembers of each gradient it keeps by name."""

    def average(self, comm: Communicator, name: Hashable, flat: Array) -> None:
        """Replace ``flat``, (n,) float32 or float64, by its mean over the ranks, in place.

        Every rank must call it with the same name and n, and holds the same bits afterwards.
        """


class Uncompressed:
    """Every bit of every number."""

    def average(self, comm: Communicator, name: Hashable, flat: Array) -> None:
        """One allreduce."""
        ring_allreduce(comm, flat)
        flat /= comm.size


# ------------------------------------------------------------ half the bits


def half_scale(largest: float, ranks: int) -> float:
    """The power of two by which to multiply gradients so that their sum fits into float16.

    largest: the greatest magnitude on any rank. Half of float16's range stays free, for what
    rounding adds to the partial sums. Multiplying by a power of two rounds nothing. What is zero,
    infinite or NaN is left as it is, for all ranks to see.

    >>> half_scale(1000.0, ranks=128) * 1000.0 * 128 <= LARGEST_HALF / 2
    True
    """
    if not 0 < largest < math.inf:
        return 1.0
    exponent = math.floor(math.log2(LARGEST_HALF / 2 / ranks) - math.log2(largest))
    return 2.0 ** min(max(exponent, -100), 100)


class Half:
    """Numbers in float16, scaled so that no sum overflows and few small ones vanish.

    The ranks first agree on the scale: an allreduce of one number. It replaces the fixed scale of
    loss scaling, which knows nothing of how many ranks will add.
    """

    def average(self, comm: Communicator, name: Hashable, flat: Array) -> None:
        """One allreduce of one number, and one of half the bytes."""
        largest = np.array([np.abs(flat).max(initial=0)], flat.dtype)
        doubling_allreduce(comm, largest, np.maximum)
        scale = half_scale(float(largest[0]), comm.size)
        half = (flat * scale).astype(np.float16)
        ring_allreduce(comm, half)
        flat[:] = half
        flat /= scale * comm.size


# ------------------------------------------------------------ the largest entries


def top_k(vector: Array, k: int) -> tuple[Array, Array]:
    """The k entries of greatest magnitude: their places (k,) int32, ascending, and values (k,).

    >>> top_k(np.array([0.5, -3.0, 0.0, 2.0]), 2)
    (array([1, 3], dtype=int32), array([-3.,  2.]))
    """
    if not 0 < k <= vector.size <= np.iinfo(np.int32).max:
        raise ValueError(f"k: expected a number from 1 to {vector.size}, got {k}")
    indices = np.argpartition(np.abs(vector), vector.size - k)[vector.size - k :]
    indices.sort()
    return indices.astype(np.int32), vector[indices]


class TopK:
    """Only the largest entries, each as its place and its value.

    fraction: the share of entries that is sent, at least one.
    error_feedback: whether what is not sent is added to the next gradient of that name. Without
        it the exchange forgets, and training may stall or diverge.
    memory[name]: what this rank has still to send. It is in the gradient's unit: when the learning
        rate changes, what was left out earlier is taken at the new rate. A rank that dies takes it
        along.
    """

    def __init__(self, fraction: float, error_feedback: bool = True) -> None:
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction: expected a share above 0 and up to 1, got {fraction}")
        self.fraction, self.error_feedback = fraction, error_feedback
        self.memory: dict[Hashable, Array] = {}

    def average(self, comm: Communicator, name: Hashable, flat: Array) -> None:
        """Send the largest entries to all, and add up what all have sent, rank by rank."""
        if name in self.memory:
            flat += self.memory[name]
        indices, values = top_k(flat, self.count(flat.size))
        if self.error_feedback:
            self.memory[name] = flat.copy()
            self.memory[name][indices] = 0
        flat[:] = 0
        for places, entries in exchange_entries(comm, indices, values):
            flat[places] += entries
        flat /= comm.size

    def count(self, size: int) -> int:
        """How many of so many entries are sent."""
        return max(1, math.ceil(self.fraction * size))


def exchange_entries(
    comm: Communicator, indices: Array, values: Array
) -> list[tuple[Array, Array]]:
    """Every rank's (indices, values), in the order of ranks; all send equally many.

    Places and values travel as one block of bytes, P - 1 times around the ring, unopened.
    """
    middle = indices.nbytes
    blocks = np.empty((comm.size, middle + values.nbytes), np.uint8)
    blocks[comm.rank] = np.concatenate([indices.view(np.uint8), values.view(np.uint8)])
    allgather(comm, blocks)
    return [
        (block[:middle].view(indices.dtype), block[middle:].view(values.dtype)) for block in blocks
    ]


# ------------------------------------------------------------ where plain top-k fails


def slopes_that_defeat_top_1() -> tuple[Callable[[Array, int], Array], Callable[[Array], float]]:
    """Three ranks with a strongly convex problem each, on whose sum plain top-1 diverges.

    Rank r has f_r(x) = <a_r, x>² + |x|²/4 with a_0 = (-3, 2, 2) and the others its rotations. At
    x = (c, c, c) the mean gradient is 7c/6 in every entry, but the largest entry of rank r's own is
    -11c/2, at place r: a step of top-1 leads to (1 + 11 lr/6) x, whatever the rate lr.
    Returns the gradient, of (x, rank), and the mean loss, of x. The minimum is 0, at x = 0.
    Source: Beznosikov, Horváth, Richtárik and Safaryan, "On biased compression for distributed
    learning", JMLR 2023.
    """
    a = np.array([[-3.0, 2.0, 2.0], [2.0, -3.0, 2.0], [2.0, 2.0, -3.0]])

    def gradient(x: Array, rank: int) -> Array:
        return np.asarray(2 * (a[rank] @ x) * a[rank] + x / 2)

    def loss(x: Array) -> float:
        return float(np.mean((a @ x) ** 2) + x @ x / 4)

    return gradient, loss
