"""Allreduce without messages: ranks of one machine add up in memory that they share.

Each rank's array lies in a window that all others can read and write (MPI-3's shared windows;
Hoefler and others, 2013). Rank r adds up chunk r of everybody's array and writes the sum to
all: 2 n bytes are moved per rank, no copy is made for a message, and two barriers keep order. What
it asks for is that gradients live in the window, as they do in Horovod's fusion buffer.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from mlsys.distributed.allreduce.ring import chunks, vector
from mlsys.distributed.cluster.communicator import Array

BLOCK = 1 << 19  # bytes: added up and written out while they are in the cache


class SharedWindow:
    """One array of n numbers per rank, in memory that all ranks of a communicator share.

    comm: an mpi4py communicator whose ranks are on one machine. Making and closing a window is
    collective. ``array`` is this rank's, shape (n,), zero at first; ``arrays`` are everybody's.
    """

    def __init__(self, comm: Any, n: int, dtype: np.typing.DTypeLike = np.float32) -> None:
        self.comm, size = comm, np.dtype(dtype).itemsize
        self._window = _allocate(comm, max(1, n) * size, size)
        views = [self._window.Shared_query(rank)[0] for rank in range(comm.size)]
        self.arrays: list[Array] = [np.ndarray((n,), dtype, buffer=view) for view in views]
        self.array = self.arrays[comm.rank]
        self.array[:] = 0
        self._window.Lock_all()
        self.meet()

    def allreduce(self, op: np.ufunc = np.add) -> None:
        """Every rank's ``array`` becomes the op of all. All ranks end with the same bits."""
        self.reduce_first(self.array.size, op)

    def reduce_first(self, n: int, op: np.ufunc = np.add) -> None:
        """`allreduce` of the first n numbers."""
        self.meet()
        mine, others = self.array, [array for array in self.arrays if array is not self.array]
        part, step = chunks(n, self.comm.size)[self.comm.rank], BLOCK // mine.itemsize
        for start in range(part.start, part.stop, step):
            block = slice(start, min(start + step, part.stop))
            total = mine[block]
            for other in others:
                op(total, other[block], out=total)
            for other in others:
                other[block] = total
        self.meet()

    def copied_allreduce(self, array: Array, op: np.ufunc = np.add) -> None:
        """Allreduce of an array that lies elsewhere: copied in and out, a windowful at a time."""
        data, room = vector(array), self.array.size
        if data.dtype != self.array.dtype:
            raise ValueError(f"expected an array of {self.array.dtype}, got {data.dtype}")
        for start in range(0, data.size, room):
            part = data[start : start + room]
            self.array[: part.size] = part
            self.reduce_first(part.size, op)
            part[:] = self.array[: part.size]

    def meet(self) -> None:
        """A barrier after which each rank sees what all have written.

        ``Sync`` orders memory, ``Barrier`` orders time; on processors that write out of order
        (ARM, POWER) neither is enough alone.
        """
        self._window.Sync()
        self.comm.Barrier()
        self._window.Sync()

    def close(self) -> None:
        """Give the memory back. The arrays must not be used any more."""
        self._window.Unlock_all()
        self._window.Free()

    def __enter__(self) -> SharedWindow:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:  # else the others may never come to close theirs
            self.close()


def _allocate(comm: Any, nbytes: int, itemsize: int) -> Any:
    try:
        from mpi4py import MPI
    except ImportError:
        raise ImportError("a shared window needs mpi4py: pip install 'mlsys[mpi]'") from None
    if not isinstance(comm, MPI.Intracomm):
        raise TypeError(
            f"expected a communicator of MPI, got {type(comm).__name__}: ranks of the simulated "
            f"cluster share no memory; use ring_allreduce there"
        )
    near = comm.Split_type(MPI.COMM_TYPE_SHARED)
    here = near.size
    near.Free()
    if here != comm.size:
        raise ValueError(
            f"expected all {comm.size} ranks on one machine, got {here} on rank {comm.rank}'s; "
            f"make a window per machine, with comm.Split_type(MPI.COMM_TYPE_SHARED)"
        )
    return MPI.Win.Allocate_shared(nbytes, itemsize, comm=comm)
