"""What may come before a request is one: a bounded head, in bounded time.

A body is counted as it is read. The head of a request, its address and its headers, is collected by
the parser until it is complete, and the parser asks neither how long it becomes nor when it will
end. So who sends a header without an end has all of our memory, and who sends one byte a minute has
a connection for as long as he likes (*slowloris*).
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from mlsys.serving.server.connection import Connection

MOST = 2**16  # bytes of a head that comes in several reads; one read has 256 kB at most
SECONDS = 20.0


class Bounded(Connection):
    """A connection that is closed with 431 for a head too long, and with 408 for one too late."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._begun, self._bytes = False, 0  # of the head that is being read
        self._alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._alarm = self.loop.call_later(SECONDS, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._silence()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. What comes in one piece, as nearly all do, costs no timer."""
        if self._begun:
            self._bytes += len(data)
        super().data_received(data)
        if self._begun and not self.transport.is_closing():
            if self._bytes > MOST:
                self._refuse(431, f"expected a head of at most {MOST:,} bytes")
            elif self._alarm is None:
                self._alarm = self.loop.call_later(SECONDS, self._late)

    def on_message_begin(self) -> None:
        """See `httptools`."""
        self._begun, self._bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        self._begun = False
        self._silence()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so in the words of the protocol that we speak."""
        self._refuse(400, "expected a request of HTTP/1.1")

    def _unsupported_upgrade_warning(self) -> None:
        """Another protocol was offered (``Upgrade``), and is not taken up.

        Whoever has no body is answered in this protocol. A body has not been read: the parser takes
        it for the other one.
        """
        if self.scope["method"] == "POST":
            self.cycle.disconnected = True
            self._refuse(400, "expected a body without the header Upgrade")

    def _late(self) -> None:
        self._alarm = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._alarm = self.loop.call_later(SECONDS, self._late)  # somebody waits for an answer
        elif self._begun:
            self._refuse(408, f"the head of a request did not come within {SECONDS:g} s")
        else:
            self.transport.close()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _refuse(self, status: int, why: str) -> None:
        body = orjson.dumps({"error": why})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()
