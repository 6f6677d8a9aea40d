"""One answer, one call of the kernel.

uvicorn writes the head of an answer as soon as it is known, and then its body. A call that sends a
hundred bytes takes as long as one that sends ten thousand, some ten microseconds, and the client's
process may be woken by the first to find half of what it waits for. Here whatever is written in one
turn of the event loop goes out together.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Joined:
    """A transport that writes at the end of a turn of the loop; in all else the one below it."""

    def __init__(self, below: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._below, self._loop = below, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Soon."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """When all has been written."""
        self._flush()
        self._below.close()

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._below.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)


class Connection(HttpToolsProtocol):
    """uvicorn's, on a transport that joins."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]
