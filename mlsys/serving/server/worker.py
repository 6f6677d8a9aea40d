"""The process that has the model: takes a batch out of shared memory, and puts the answer there.

Numbers cross in a block of memory that server and worker have both mapped; a message of some
hundred bytes over a socket says where they lie. So a batch of 4 MB costs two copies, and a small
one two context switches. Each worker has a block of its own, which is given up with it: one that
was taken for dead, and is not, cannot write into another's answer.
"""

from __future__ import annotations

import contextlib
import gc
import math
import os
import pickle
import signal
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from mlsys.distributed.cluster.lifeline import die_with_parent
from mlsys.serving.server.models import Model, load
from mlsys.serving.server.tensors import Array

ALIGN = 64  # bytes: a cache line


# Where an array lies: shape, dtype, offset; or itself, if it does not fit or has no fixed size.
Lies = tuple[tuple[int, ...], str, int] | Array
Layout = dict[str, Lies]


class Area:
    """A part of shared memory, from ``begin`` to ``end``, that one side writes and both read."""

    def __init__(self, memory: SharedMemory, begin: int, end: int) -> None:
        self.memory, self._begin, self._end, self._at = memory, begin, end, begin

    def lay(self, parts: Mapping[str, Sequence[Array]]) -> Layout:
        """Each name's arrays, one below the other; they differ in their number of rows alone.

        What lay here before is overwritten.
        """
        self._at = self._begin
        return {name: self._lay(arrays) for name, arrays in parts.items()}

    def _lay(self, arrays: Sequence[Array]) -> Lies:
        first = arrays[0]
        rows = sum(len(each) for each in arrays) if first.ndim else 0
        shape = (rows, *first.shape[1:]) if first.ndim else ()
        nbytes = math.prod(shape) * first.dtype.itemsize
        if first.dtype == object or self._at + nbytes > self._end:
            return np.ascontiguousarray(first if len(arrays) == 1 else np.concatenate(arrays))
        lies = shape, first.dtype.str, self._at
        there = self.read(lies)
        if len(arrays) == 1:
            there[...] = first
        else:
            np.concatenate(arrays, out=there)
        self._at += -(-nbytes // ALIGN) * ALIGN
        return lies

    def read(self, lies: Lies) -> Array:
        """The array, not copied."""
        if isinstance(lies, np.ndarray):
            return lies
        shape, dtype, at = lies
        return np.ndarray(shape, dtype, self.memory.buf, at)


def say(connection: Connection, what: object) -> None:
    """As ``connection.send``, in half the time: for plain data a plain pickle is enough."""
    connection.send_bytes(pickle.dumps(what, pickle.HIGHEST_PROTOCOL))


def hear(connection: Connection) -> Any:
    """What the other side has said. Raises EOFError when it has ended."""
    return pickle.loads(connection.recv_bytes())


def halves(memory: SharedMemory) -> tuple[Area, Area]:
    """For questions and for answers: a model may answer with a view of what it was asked."""
    middle = memory.size // 2 // ALIGN * ALIGN
    return Area(memory, 0, middle), Area(memory, middle, memory.size)


def work(
    connection: Connection, name: str, model: str, parent: int, threads: int | None = 1
) -> None:
    """What a worker process does: load the model, say what it takes, answer until told to stop.

    name: of the block. Says ``("ready", info)`` or ``("broken", reason)`` first, then for each
    layout of inputs ``("done", layout)`` or ``("raised", reason)``.
    """
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the server, which then ends us
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    questions, answers = halves(SharedMemory(name))
    try:
        served = load(model)
    except BaseException as error:
        say(connection, ("broken", f"{type(error).__name__}: {error}"))
        return
    gc.collect()
    gc.freeze()  # what has been loaded stays, and is not looked through again between batches
    say(connection, ("ready", served.info))
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            say(connection, _answered(served, questions, answers, hear(connection)))


def _answered(served: Model, questions: Area, answers: Area, asked: Layout) -> tuple[str, Any]:
    try:
        outputs = served.predict({name: questions.read(lies) for name, lies in asked.items()})
        return "done", answers.lay({name: [np.asarray(each)] for name, each in outputs.items()})
    except Exception as error:
        return "raised", f"{type(error).__name__}: {error}"
