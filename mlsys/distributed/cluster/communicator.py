"""What a rank sees of its cluster: the methods of an mpi4py communicator, and two of our own.

A rank is one process of a program that runs many times at once, with its number the only
difference (SPMD; Darema and others, 1988). Names and meanings are those of mpi4py 4 (Dalcin and
Fang, 2021): capital letters move NumPy arrays, small ones move Python objects. A program that uses
nothing else runs on a bare ``MPI.COMM_WORLD`` too; ``compute`` and ``now`` are ours, for the clock.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ANY_SOURCE, ANY_TAG = -1, -1  # Open MPI's numbers; on another MPI leave the argument out


class ClusterError(RuntimeError):
    """A program on a cluster went wrong; the message says which rank and which call."""


class RankFailed(ClusterError):
    """A rank with which this call had to do is dead. ``ranks`` are numbers in the world.

    Others may not know yet. To go on without the dead: ``Revoke`` the communicator, so that
    nobody waits in it any more, then ``Shrink`` it, as in MPI's User-Level Failure Mitigation
    (Bland and others, 2013).
    """

    def __init__(self, message: str, ranks: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.ranks = ranks


class Revoked(RankFailed):
    """Somebody has revoked the communicator: no call on it but ``Shrink`` works any more."""


class Deadlock(ClusterError):
    """Every rank that is left waits, and nothing is under way that could end it."""


class Truncated(ClusterError):
    """A message does not fit into the array that should receive it: too long, or other numbers."""


class Status:
    """Where a message came from; pass one as ``status`` and it is filled in."""

    def __init__(self) -> None:
        self.source, self.tag, self.nbytes = ANY_SOURCE, ANY_TAG, 0

    def Get_source(self) -> int:
        """The rank that sent it."""
        return self.source

    def Get_tag(self) -> int:
        """The tag it was sent with."""
        return self.tag

    def Get_count(self) -> int:
        """Its length in bytes."""
        return self.nbytes


class Request(Protocol):
    """A transfer under way. Its arrays belong to it until it is done."""

    def Wait(self, status: Status | None = None) -> bool:
        """Return when it is done; always True."""

    def Test(self, status: Status | None = None) -> bool:
        """Whether it is done by now."""

    def wait(self, status: Status | None = None) -> Any:
        """``Wait``; returns the object of an ``irecv``, else None."""

    def test(self, status: Status | None = None) -> tuple[bool, Any]:
        """``Test``, with the object of an ``irecv``."""


class Communicator(Protocol):
    """A group of ranks that can send to each other, seen by one of them.

    Arrays are contiguous NumPy arrays, received in place: a message may be shorter than the array,
    not longer, and of the same dtype. Messages with the same sender, receiver and tag arrive in the
    order in which they were sent. Small-letter methods take any object that can be pickled.
    """

    @property
    def rank(self) -> int:
        """This rank's number, from 0."""

    @property
    def size(self) -> int:
        """How many ranks there are."""

    def Get_rank(self) -> int:
        """This rank's number, from 0."""

    def Get_size(self) -> int:
        """How many ranks there are."""

    def Send(self, buf: Array, dest: int, tag: int = 0) -> None:
        """Send an array. Returns when ``buf`` may be written to again."""

    def Recv(
        self,
        buf: Array,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Status | None = None,
    ) -> None:
        """Receive an array into ``buf``."""

    def Isend(self, buf: Array, dest: int, tag: int = 0) -> Request:
        """Start to send an array, and return at once."""

    def Irecv(self, buf: Array, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Say where an array is to go, and return at once."""

    def Sendrecv(
        self,
        sendbuf: Array,
        dest: int,
        sendtag: int = 0,
        recvbuf: Array = ...,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> None:
        """Send one array and receive another, both at the same time."""

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object."""

    def recv(
        self,
        buf: Any = None,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Receive an object (``buf`` is mpi4py's, and not used)."""

    def isend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Start to send an object."""

    def irecv(self, buf: Any = None, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Start to receive an object; ``wait`` returns it."""

    def sendrecv(
        self,
        sendobj: Any,
        dest: int,
        sendtag: int = 0,
        recvbuf: Any = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Send one object and return another, both at the same time."""

    def Probe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> bool:
        """Wait until such a message can be received; it stays where it is."""

    def Iprobe(
        self, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> bool:
        """Whether such a message can be received now."""

    def Barrier(self) -> None:
        """Return when every rank has called it."""

    def Split(self, color: int = 0, key: int = 0) -> Communicator:
        """A communicator of the ranks that gave the same color, in the order of their keys.

        Every rank must call it.
        """

    def Revoke(self) -> None:
        """End every call on this communicator, on every rank, with `Revoked`."""

    def Shrink(self) -> Communicator:
        """A communicator of the ranks that live. Every one of them must call it."""

    def compute(self, seconds: float) -> None:
        """This much work is done here: the virtual clock goes on. No backend sleeps."""

    def now(self) -> float:
        """Seconds on the cluster's clock."""


def new_status(comm: Communicator) -> Any:
    """A status that this communicator fills in: one of mpi4py takes only mpi4py's own."""
    mpi = sys.modules.get("mpi4py.MPI")
    return mpi.Status() if mpi is not None and isinstance(comm, mpi.Comm) else Status()


Program = Callable[..., Any]  # program(comm, *arguments), run by every rank


@functools.cache
def kind_of(dtype: np.dtype[Any]) -> str:
    """What a message of such numbers is called: "<f4". Raises TypeError for objects."""
    if dtype.hasobject:
        raise TypeError("expected an array of numbers, got one of objects; these go with send")
    return dtype.str


def as_bytes(buf: Array) -> memoryview:
    """The bytes of an array, shared with it.

    Raises TypeError for what is no array of numbers, ValueError for an array with gaps.
    """
    if not isinstance(buf, np.ndarray):
        raise TypeError(
            f"expected a NumPy array, got {type(buf).__name__}; objects go with send and recv"
        )
    kind_of(buf.dtype)
    if not buf.flags.c_contiguous:
        raise ValueError(
            f"expected a contiguous array, got one of shape {buf.shape} and strides {buf.strides}; "
            f"send np.ascontiguousarray(array), receive into a contiguous one and copy"
        )
    try:
        return buf.data.cast("B")
    except (TypeError, ValueError):  # it is empty, or of a type that memoryview does not know
        return buf.reshape(-1).view(np.uint8).data
