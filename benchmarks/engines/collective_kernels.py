"""Allreduces of float32, in place: ours, those of the libraries, and what they are measured by."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engines.worlds import GlooWorld, Kernel, MPIWorld, World
from mlsys.distributed.allreduce.doubling import doubling_allreduce
from mlsys.distributed.allreduce.halving import halving_allreduce
from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.allreduce.window import SharedWindow

Array = np.ndarray[Any, np.dtype[np.float32]]
SEEN = 1000  # numbers of a result that are compared
IN_CACHE = 2 << 20  # bytes
OURS = {
    "ring": partial(ring_allreduce, segment=IN_CACHE),
    "whole": ring_allreduce,
    "doubling": doubling_allreduce,
    "halving": halving_allreduce,
}


def make(world: World, name: str, elements: int) -> Kernel:
    """The kernel of this name; every rank must ask for it."""
    if name in ("window", "copied"):
        return _shared(world, name, elements)
    array = np.empty(elements, np.float32)
    return _kernel(world, array, _run(world, name, array))


def _shared(world: Any, name: str, elements: int) -> Kernel:
    """The window: with the numbers in it, or copied in and out of a small one."""
    if name == "window":
        window = SharedWindow(world.comm, elements)
        return _kernel(world, window.array, window.allreduce, window.close)
    array = np.empty(elements, np.float32)
    window = SharedWindow(world.comm, min(elements, IN_CACHE // array.itemsize))
    return _kernel(world, array, partial(window.copied_allreduce, array), window.close)


def _kernel(
    world: World,
    array: Array,
    run: Callable[[], object],
    close: Callable[[], object] = lambda: None,
) -> Kernel:
    """Zeros are summed when it is timed: they stay what they are, however often."""
    array.fill(0)

    def results(seed: int) -> dict[str, list[float]]:
        array[:] = np.random.default_rng([seed, world.rank]).random(array.size)
        run()
        places = np.random.default_rng(seed).choice(array.size, SEEN)
        found = [float(array[place]) for place in places]
        world.barrier()
        array.fill(0)
        return {"sums": found}

    return Kernel(run, results, close)


def _run(world: World, name: str, array: Array) -> Callable[[], object]:
    if isinstance(world, GlooWorld):
        from torch import from_numpy

        return partial(world.distributed.all_reduce, from_numpy(array))
    if name == "builtin":
        return partial(world.comm.Allreduce, world.mpi.IN_PLACE, array)
    if name == "memory":
        return _memory(array)
    if name == "pickled":
        return partial(_pickled_ring, world, array)
    return partial(OURS[name], world.comm, array)


def _memory(array: Array) -> Callable[[], object]:
    """No allreduce: as many bytes as the window moves, by ``a += b`` on every rank at once."""
    a, b = (np.empty(2 * array.size // 3, np.float32) for _ in range(2))
    a.fill(0), b.fill(0)
    return partial(np.add, a, b, out=a)


def _pickled_ring(world: MPIWorld, array: Array) -> None:
    """The ring as it is often taught: objects go round, and each sum is a new array."""
    ranks, rank, sendrecv = world.ranks, world.rank, world.comm.sendrecv
    to, source = (rank + 1) % ranks, (rank - 1) % ranks
    chunks = np.array_split(array, ranks)
    for step in range(ranks - 1):
        mine = (rank - step - 1) % ranks
        chunks[mine] = chunks[mine] + sendrecv(chunks[mine + 1 - ranks], to, source=source)
    for step in range(ranks - 1):
        mine = (rank - step) % ranks
        chunks[mine] = sendrecv(chunks[mine + 1 - ranks], to, source=source)
    array[:] = np.concatenate(chunks)
