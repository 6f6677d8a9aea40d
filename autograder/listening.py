"""In the sandbox: a student's server, on a clock and a network that the grader plays.

The student's coroutines see asyncio as it is, streams included. But the loop's clock is the
grader's, and there is no socket under the streams: what is written crosses the pipe to the grader
as plain data, and what users and back ends send comes the same way. One exchange serves all that
happens until the loop has nothing to do; it costs some 65 microseconds, whatever crosses.

This file is copied into the sandbox beside the student's; it needs `mlsys.serving.batching`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mlsys.serving.batching.virtual import VirtualLoop

Talk = Callable[[Any], Any]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MOST_BYTES = 2**20  # that a reader holds


class Network:
    """Connections by number: users' are even, those that the student opens are odd.

    Events come as ``[number, kind, bytes]``: "open", "data", "end" (no more data will come).
    ``outbox`` has what goes the other way: "data", "end", and "connect" with a name.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Handler) -> None:
        self.outbox: list[list[Any]] = []
        self._loop, self._handler = loop, handler
        self._protocols: dict[int, asyncio.StreamReaderProtocol] = {}
        self._opened = 0

    def happen(self, number: int, kind: str, data: bytes) -> None:
        """Something from outside."""
        if kind == "open":
            self._attach(number, self._handler)
        elif number in self._protocols and kind == "data":
            self._protocols[number].data_received(data)
        elif number in self._protocols:
            self._protocols[number].eof_received()

    async def connect(self, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a back end of this name, as `asyncio.open_connection` gives one."""
        number = 2 * self._opened + 1
        self._opened += 1
        self.outbox.append([number, "connect", name.encode()])
        reader, protocol, transport = self._attach(number, None)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)

    def lose(self, number: int) -> None:
        """The student has closed a connection."""
        self._protocols.pop(number).connection_lost(None)

    def _attach(
        self, number: int, handler: Handler | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol, _Transport]:
        reader = asyncio.StreamReader(limit=MOST_BYTES, loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, handler, loop=self._loop)
        transport = _Transport(number, self)
        self._protocols[number] = protocol
        protocol.connection_made(transport)
        return reader, protocol, transport


class _Transport(asyncio.Transport):
    """Under a stream: the outbox."""

    def __init__(self, number: int, network: Network) -> None:
        super().__init__()
        self._number, self._network, self._closing = number, network, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing and data:
            self._network.outbox.append([self._number, "data", bytes(data)])

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._network.outbox.append([self._number, "end", b""])
            asyncio.get_running_loop().call_soon(self._network.lose, self._number)

    abort = close


def listen(talk: Talk, make: Callable[[Network], Handler]) -> None:
    """Serve until the grader has heard enough.

    make: given the network, returns the coroutine function that answers a connection. Says
    ``[wake, outbox]``, hears ``[now, events]``, or None for the end.
    """
    over = asyncio.Event()

    def world(wake: float | None) -> float:
        sent, network.outbox = network.outbox, []
        heard = talk([wake, sent])
        if heard is None:
            loop.call_soon(over.set)
            return loop.time()
        now, events = heard
        for number, kind, data in events:
            loop.call_soon(network.happen, number, kind, data)
        return float(now)

    loop = VirtualLoop(world)
    network = Network(loop, lambda reader, writer: handler(reader, writer))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        handler = runner.run(_made(make, network))
        runner.run(_until(over))


async def _made(make: Callable[[Network], Handler], network: Network) -> Handler:
    """Inside the loop, where locks and futures may be made."""
    return make(network)


async def _until(over: asyncio.Event) -> None:
    await over.wait()
