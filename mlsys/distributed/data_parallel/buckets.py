"""Buckets: small gradients travel together, so that a step pays for latency once in a while.

    order of readiness    b3   w3   b2   w2   b1   w1
                         └────┬────┘ └───┬───┘ └───┬──┘      at most ``cap`` bytes each
    flat buffers         [b3|  w3  ][b2|  w2 ][b1|  w1 ]     each gradient is a view of one

An allreduce of n bytes takes a part that does not depend on n, the latency, and k gradients that
are sent one by one pay it k times. One bucket for all of them pays once, but can leave only when
the last gradient is there. Between the two lies the cap: 25 MiB in PyTorch, 64 MiB in Horovod.
Sources: Sergeev & Del Balso, 2018 (tensor fusion); Li et al., VLDB 2020, section 3.2.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mlsys.distributed.cluster.communicator import Array

CAP = 25 << 20  # bytes


class Spec(NamedTuple):
    """What must be equal on all ranks of a tensor whose gradients are to be added."""

    name: str
    shape: tuple[int, ...]
    dtype: Any

    @property
    def nbytes(self) -> int:
        """Bytes of a gradient."""
        return math.prod(self.shape) * int(np.dtype(self.dtype).itemsize)


@dataclass(frozen=True)
class Bucket:
    """Gradients that travel together: ``views[k]``, of tensor ``tensors[k]``, in ``flat``."""

    tensors: list[int]
    flat: Array
    views: list[Array]


def assign_buckets(sizes: Sequence[int], order: Sequence[int], cap: int) -> list[list[int]]:
    """The tensors in the given order, cut into buckets of at most ``cap`` bytes.

    sizes: bytes of each tensor. order: the tensors' indices, that which is ready first at the
    front. A tensor of more than ``cap`` bytes has a bucket of its own; cap 0 gives one to each.

    >>> assign_buckets([400, 4, 200, 2], order=[3, 2, 1, 0], cap=256)
    [[3, 2, 1], [0]]
    """
    if cap < 0:
        raise ValueError(f"assign_buckets: expected a cap of 0 bytes or more, got {cap}")
    buckets: list[list[int]] = []
    room = 0
    for tensor in order:
        if not buckets or sizes[tensor] > room:
            buckets.append([])
            room = cap
        buckets[-1].append(tensor)
        room -= sizes[tensor]
    return buckets


def flatten(arrays: Sequence[Array]) -> Array:
    """The arrays' elements one behind the other: (total,), of their one dtype.

    >>> flatten([np.zeros((1, 2)), np.ones(1)])
    array([0., 0., 1.])
    """
    return np.concatenate([array.reshape(-1) for array in arrays])


def unflatten(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Views of ``flat``, one behind the other, in these shapes: what ``flatten`` was given."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    pieces = np.split(flat, ends[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def by_dtype(specs: Sequence[Spec], order: Sequence[int], cap: int) -> list[list[int]]:
    """`assign_buckets` for each dtype on its own; the bucket that is full first comes first."""
    sizes = [spec.nbytes for spec in specs]
    place = {tensor: k for k, tensor in enumerate(order)}
    buckets = []
    for dtype in dict.fromkeys(np.dtype(specs[tensor].dtype) for tensor in order):
        alike = [tensor for tensor in order if specs[tensor].dtype == dtype]
        buckets += assign_buckets(sizes, alike, cap)
    return sorted(buckets, key=lambda bucket: place[bucket[-1]])


def make_buckets(specs: Sequence[Spec], order: Sequence[int], cap: int) -> list[Bucket]:
    """Buckets with their memory, zeros."""
    buckets = []
    for tensors in by_dtype(specs, order, cap):
        shapes = [specs[tensor].shape for tensor in tensors]
        flat = np.zeros(sum(map(math.prod, shapes)), specs[tensors[0]].dtype)
        buckets.append(Bucket(tensors, flat, unflatten(flat, shapes)))
    return buckets
