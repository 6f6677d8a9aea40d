"""What a request may cost before anybody knows who sent it: bytes, and the right word.

A body is counted while it comes, so that a sender who says one length and sends another, or says
none, gets no further; whoever sends it byte by byte has so many seconds for all of it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mlsys.serving.server.errors import ProtocolError

Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = dict[bytes, bytes]


class Disconnected(Exception):
    """The client has gone."""


@dataclass(frozen=True)
class Limits:
    """body: bytes. seconds: for a body to come. token: that every request must bear; "": none."""

    body: int = 2**26
    seconds: float = 30.0
    token: str = ""

    def __post_init__(self) -> None:
        if self.body < 1 or not self.seconds > 0:
            raise ValueError(f"expected body >= 1 and seconds > 0, got {self.body}, {self.seconds}")

    def authorize(self, headers: Headers) -> None:
        """Raises `ProtocolError` (401) without the token; compared in constant time."""
        given = headers.get(b"authorization", b"")
        if self.token and not hmac.compare_digest(given, b"Bearer " + self.token.encode()):
            raise ProtocolError("expected the header Authorization: Bearer TOKEN", 401)

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """The body. Raises `ProtocolError` (413, 408), or `Disconnected`."""
        said = headers.get(b"content-length", b"")
        if said.isdigit() and int(said[:20]) > self.body:
            raise self._too_large()
        try:
            async with asyncio.timeout(self.seconds):
                return await self._all(receive)
        except TimeoutError:
            raise ProtocolError(f"the body did not come within {self.seconds:g} s", 408) from None

    async def _all(self, receive: Receive) -> bytes:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            part = message.get("body", b"")
            size += len(part)
            if size > self.body:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> ProtocolError:
        return ProtocolError(f"expected a body of at most {self.body:,} bytes", 413)


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    """By name; the last of several counts."""
    return dict(pairs)
