"""Collective operations that go on while the program does something else.

    transfer = ring_transfer(comm, gradient)     a generator: posts the messages of one round,
    progress.start(transfer)                     yields their requests, and wants to be resumed
    ...                                          when they are done, with the values that came
    progress.poll()                              resumes whoever can go on, and never waits
    progress.wait()                              waits for all of them

Nothing moves between two polls but the messages that are under way: who polls seldom overlaps
little. A network card that knows the whole schedule, or a thread (`Driver`), would not need it.
Source: Hoefler, Lumsdaine & Rehm, "Implementation and performance analysis of non-blocking
collective operations for MPI", SC 2007.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeAlias

import numpy as np

from mlsys.distributed.allreduce.ring import chunks, vector
from mlsys.distributed.cluster.communicator import Array, Communicator, Request

Transfer: TypeAlias = Generator[Sequence[Request], list[Any], None]


def ring_transfer(
    comm: Communicator, array: Array, tag: int = 0, op: np.ufunc = np.add
) -> Transfer:
    """`ring_allreduce`, stopped after each round: the same messages, the same bits.

    array: contiguous, of the same shape and dtype on all ranks; holds the sum at the end, and must
    be left alone until then.
    """
    data, rank, ranks = vector(array), comm.rank, comm.size
    parts = [data[part] for part in chunks(data.size, ranks)]
    arrived = np.empty(-(-data.size // ranks), data.dtype)
    left, right = (rank - 1) % ranks, (rank + 1) % ranks
    for step in range(1, ranks):
        mine = parts[(rank - step - 1) % ranks]
        theirs = arrived[: mine.size]
        yield comm.Irecv(theirs, left, tag), comm.Isend(parts[(rank - step) % ranks], right, tag)
        op(mine, theirs, out=mine)
    for step in range(ranks - 1):
        theirs = parts[(rank - step - 1) % ranks]
        yield comm.Irecv(theirs, left, tag), comm.Isend(parts[(rank - step) % ranks], right, tag)


def agreement(comm: Communicator, bits: Array, tag: int = 0) -> Transfer:
    """Leave in ``bits`` the bits that are set on all ranks, after ⌈log2 ranks⌉ rounds.

    In round k everybody tells the rank 2^k further on what it has heard so far. Some are heard
    twice, which would spoil a sum; "and" does not mind.
    """
    distance, came = 1, np.empty_like(bits)
    while distance < comm.size:
        source, dest = (comm.rank - distance) % comm.size, (comm.rank + distance) % comm.size
        told = bits.copy()
        yield comm.Irecv(came, source, tag), comm.Isend(told, dest, tag)
        bits &= came
        distance *= 2


class Progress:
    """Transfers under way, the oldest first.

    All ranks must start the same transfers in the same order. Then waiting for the oldest cannot
    deadlock: the oldest of all is everywhere either done, waited for, or about to be started. (A
    transfer that only takes what others send without waiting may stand anywhere.)
    """

    def __init__(self) -> None:
        self._running: list[_Running] = []

    def start(self, transfer: Transfer) -> None:
        """Post the messages of its first round. It may start others in its turn."""
        running = _Running(transfer)
        self._running.append(running)
        self._advance(running, wait=False)

    def poll(self) -> None:
        """Let each transfer go on as far as it can without waiting."""
        for running in list(self._running):
            self._advance(running, wait=False)

    def wait(self) -> None:
        """Return when nothing is under way any more."""
        while self._running:
            self._advance(self._running[0], wait=True)
            self.poll()

    def _advance(self, running: _Running, wait: bool) -> None:
        """Resume while the round is done; with ``wait``, wait for the round that is under way."""
        while running.is_done(wait):
            wait = False
            if running.resume():
                self._running.remove(running)
                return


class _Running:
    """A transfer, what it waits for, and what of that has come."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.left: list[Request] = []
        self.came: list[Any] | None = None  # before its first round

    def is_done(self, wait: bool) -> bool:
        while self.left:
            done, value = (True, self.left[0].wait()) if wait else self.left[0].test()
            if not done:
                return False
            assert self.came is not None
            self.came.append(value)
            del self.left[0]
        return True

    def resume(self) -> bool:
        """Run up to the next round; whether there was none."""
        try:
            # A generator that has not begun takes None, and only None.
            self.left = list(self.transfer.send(self.came))  # type: ignore[arg-type]
        except StopIteration:
            return True
        self.came = []
        return False


class Driver:
    """A thread that polls, so that communication goes on while the main thread computes.

    poll: called every ``every`` seconds; whatever else touches its state must hold the same lock
    (`Reducer` does). Between processes only: ranks that share a thread have no use for another.
    Two threads then use MPI, never both at once, which is MPI_THREAD_SERIALIZED. mpi4py asks for
    MPI_THREAD_MULTIPLE; if `MPI.Query_thread()` says that the library gave less, do without this.
    """

    def __init__(self, poll: Callable[[], None], every: float = 1e-3) -> None:
        self._poll, self._every = poll, every
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Driver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._every):
                self._poll()
        except BaseException as error:  # shown where the block ends
            self._error = error
