"""Pushes to a server and pulls from it, in step: rank 0 serves as often as each other rank asks.

Ours; rows in a tensor behind torch's gloo, sent and received by hand; a dictionary that is pickled;
and two copies in memory. Keys are every second number, or there are none: then all rows are meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from engines.worlds import GlooWorld, Kernel, MPIWorld, World
from mlsys.distributed.parameter_server import ASP, Client, Group, Table
from mlsys.distributed.parameter_server.node import Node
from mlsys.distributed.parameter_server.server import Server as OurServer

Array = np.ndarray[Any, np.dtype[np.float32]]
SEEN = 1000  # numbers of a result that are compared
SERVER, FIRST = 0, 1  # ranks
PUSH, PULL = 1, 2


@dataclass(frozen=True)
class Rows:
    """What a call names: ``count`` rows of ``width`` numbers, by their keys or as a range."""

    count: int
    width: int
    keyed: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Of the values that go one way."""
        return self.count, self.width

    @property
    def keys(self) -> Any:
        """Every second one; None for all."""
        return np.arange(0, 2 * self.count, 2) if self.keyed else None

    @property
    def size(self) -> int:
        """How many rows the server has."""
        return 2 * self.count if self.keyed else self.count


class Server(Protocol):
    """Rank 0."""

    def serve(self) -> None:
        """Answer one request of each worker."""


class Worker(Protocol):
    """Another rank. ``pack`` and ``unpack`` are not timed."""

    def pack(self, values: Array) -> Any:
        """Values as they are pushed."""

    def push(self, packed: Any) -> object:
        """Add to the rows; return when the server says that it has been done."""

    def pull(self) -> Any:
        """The rows, as they come."""

    def unpack(self, pulled: Any) -> Array:
        """The rows as an array."""


def make(world: World, name: str, call: str, count: int, width: int, keyed: bool) -> Kernel:
    """The kernel of this name; every rank must ask for it."""
    server, worker = SIDES[name]
    rows = Rows(count, width, keyed)
    if world.rank == SERVER:
        return _serving(world, server(world, rows))
    return _asking(world, worker(world, rows), call, rows)


def _serving(world: World, server: Server) -> Kernel:
    """Zeros that are pushed, so that all is in its place, are awaited before anything is timed."""
    server.serve()

    def results(seed: int) -> dict[str, list[float]]:
        for _ in range(3):
            server.serve()
            world.barrier()
        return {}

    return Kernel(server.serve, results)


def _asking(world: World, worker: Worker, call: str, rows: Rows) -> Kernel:
    zeros = worker.pack(np.zeros(rows.shape, np.float32))
    worker.push(zeros)

    def results(seed: int) -> dict[str, list[float]]:
        """What is there when all have pushed; they take it back, and all is zero again."""
        given = numbers(rows, seed + world.rank - FIRST)
        worker.push(worker.pack(given))
        world.barrier()
        found = np.array(worker.unpack(worker.pull())).ravel()
        world.barrier()
        worker.push(worker.pack(-given))
        world.barrier()
        return {"rows": seen(found)}

    return Kernel(partial(worker.push, zeros) if call == "push" else worker.pull, results)


def numbers(rows: Rows, seed: int) -> Array:
    """Small whole numbers, whose sums are exact in any order."""
    places = np.arange(rows.count * rows.width).reshape(rows.shape)
    return ((places + seed) * 31 % 17 - 8).astype(np.float32)


def seen(values: Array) -> list[float]:
    """Some of many numbers, or few of them again and again."""
    step = max(values.size // SEEN, 1)
    return [float(values[place * step % values.size]) for place in range(SEEN)]


class _OursServer:
    """The scheduler's rank is the only server; what it sends has left when `serve` returns."""

    def __init__(self, world: Any, rows: Rows) -> None:
        group = _group(rows)
        self._node, self._workers = Node(world.comm, group), world.ranks - FIRST
        self._node.machines = [OurServer(SERVER, group, world.ranks)]

    def serve(self) -> None:
        for _ in range(self._workers):
            self._node.pump()
        self._node.close()


class _OursWorker:
    """Keys are told to the server once."""

    def __init__(self, world: Any, rows: Rows) -> None:
        group = _group(rows)
        node = Node(world.comm, group)
        self._client = Client(world.rank, group, world.ranks, node.pump)
        node.machines = [self._client]
        self._keys = self._client.keys("rows", rows.keys) if rows.keyed else None

    def pack(self, values: Array) -> Array:
        return values

    def push(self, packed: Array) -> None:
        self._client.push("rows", self._keys, packed).wait()

    def pull(self) -> Array:
        return self._client.pull("rows", self._keys).wait()

    def unpack(self, pulled: Array) -> Array:
        return pulled


def _group(rows: Rows) -> Group:
    return Group((Table("rows", rows.size, rows.width, consistency=ASP),), together=True)


class _GlooServer:
    """Rows in a tensor, and the keys of every request known beforehand."""

    def __init__(self, world: GlooWorld, rows: Rows) -> None:
        import torch

        self._send, self._recv = world.distributed.send, world.distributed.recv
        self._workers, self._torch = range(FIRST, world.ranks), torch
        self._what, self._rows = (
            torch.zeros(1, dtype=torch.int64),
            torch.zeros(rows.size, rows.width),
        )
        self._keys = torch.from_numpy(rows.keys) if rows.keyed else None
        self._values = torch.zeros(rows.shape)

    def serve(self) -> None:
        for worker in self._workers:
            self._recv(self._what, worker)
            if int(self._what) == PUSH:
                self._recv(self._values, worker)
                self._add()
                self._send(self._what, worker)
            else:
                self._send(self._read(), worker)

    def _add(self) -> None:
        if self._keys is None:
            self._rows += self._values
        else:
            self._rows.index_add_(0, self._keys, self._values)

    def _read(self) -> Any:
        if self._keys is None:
            return self._rows
        return self._torch.index_select(self._rows, 0, self._keys, out=self._values)


class _GlooWorker:
    def __init__(self, world: GlooWorld, rows: Rows) -> None:
        import torch

        self._send, self._recv = world.distributed.send, world.distributed.recv
        self._push, self._pull = (torch.tensor([what]) for what in (PUSH, PULL))
        self._done, self._out = torch.zeros(1, dtype=torch.int64), torch.zeros(rows.shape)
        self._tensor = torch.from_numpy

    def pack(self, values: Array) -> Any:
        return self._tensor(values)

    def push(self, packed: Any) -> None:
        self._send(self._push, SERVER)
        self._send(packed, SERVER)
        self._recv(self._done, SERVER)

    def pull(self) -> Any:
        self._send(self._pull, SERVER)
        self._recv(self._out, SERVER)
        return self._out

    def unpack(self, pulled: Any) -> Array:
        return pulled.numpy()


class _DictionaryServer:
    """The server of many a course: a dictionary, and the lower-case methods of mpi4py."""

    def __init__(self, world: MPIWorld, rows: Rows) -> None:
        self._comm, self._workers, self._rows = world.comm, range(FIRST, world.ranks), {}

    def serve(self) -> None:
        for worker in self._workers:
            what, request = self._comm.recv(source=worker)
            if what == PUSH:
                for key, row in request.items():
                    self._rows[key] = self._rows[key] + row if key in self._rows else row
                self._comm.send(None, worker)
            else:
                self._comm.send({key: self._rows[key] for key in request}, worker)


class _DictionaryWorker:
    """Each key has a small array, as the rows of an embedding do."""

    def __init__(self, world: MPIWorld, rows: Rows) -> None:
        self._comm = world.comm
        self._keys = rows.keys.tolist()

    def pack(self, values: Array) -> dict[int, Any]:
        return dict(zip(self._keys, values, strict=True))

    def push(self, packed: dict[int, Any]) -> None:
        self._comm.send((PUSH, packed), SERVER)
        self._comm.recv(source=SERVER)

    def pull(self) -> dict[int, Any]:
        self._comm.send((PULL, self._keys), SERVER)
        found: dict[int, Any] = self._comm.recv(source=SERVER)
        return found

    def unpack(self, pulled: dict[int, Any]) -> Array:
        return np.array([pulled[key] for key in self._keys], np.float32)


class _FloatsWorker(_DictionaryWorker):
    """Each key has a number of Python, which is pickled far more quickly than an array."""

    def pack(self, values: Array) -> dict[int, Any]:
        return dict(zip(self._keys, values[:, 0].tolist(), strict=True))


class _NoServer:
    """Nobody is asked."""

    def __init__(self, world: World, rows: Rows) -> None:
        pass

    def serve(self) -> None:
        pass


class _Memory:
    """The bytes are copied twice: into memory that two could share, and out of it again."""

    def __init__(self, world: World, rows: Rows) -> None:
        self._here, self._between, self._there = (
            np.zeros(rows.shape, np.float32) for _ in range(3)
        )

    def pack(self, values: Array) -> Array:
        return values

    def push(self, packed: Array) -> None:
        np.copyto(self._between, packed)
        np.copyto(self._there, self._between)

    def pull(self) -> Array:
        np.copyto(self._between, self._there)
        np.copyto(self._here, self._between)
        return self._here

    def unpack(self, pulled: Array) -> Array:
        return pulled


SIDES: dict[str, tuple[Any, Any]] = {  # a server and a worker
    "ours": (_OursServer, _OursWorker),
    "gloo": (_GlooServer, _GlooWorker),
    "dictionary": (_DictionaryServer, _DictionaryWorker),
    "floats": (_DictionaryServer, _FloatsWorker),
    "memory": (_NoServer, _Memory),
}
