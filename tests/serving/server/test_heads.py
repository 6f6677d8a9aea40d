"""A head without an end has one; on the virtual clock. A real process is in `test_run`."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from mlsys.serving.batching.virtual import run_virtual
from mlsys.serving.server.heads import MOST, SECONDS, Bounded

GET = b"GET /v2 HTTP/1.1\r\nhost: x\r\n"


class Wire:
    """A transport that remembers what it is told."""

    def __init__(self):
        self.said, self.closed = b"", False

    def write(self, data):
        assert not self.closed
        self.said += bytes(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name, default=None):
        return default

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def status(self):
        return int(self.said.split()[1]) if self.said else None

    def error(self):
        return json.loads(self.said.partition(b"\r\n\r\n")[2])["error"]


async def app(scope, receive, send):
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})


async def connected():
    wire = Wire()
    connection = Bounded(Config(app, lifespan="off", ws="none"), ServerState(), {})
    connection.connection_made(wire)
    return connection, wire


async def fed(*parts, pause=0.0):
    """What a client is told that sends these, one after the other, and then waits."""
    connection, wire = await connected()
    for part in parts:
        if wire.closed:
            break
        connection.data_received(part)
        await asyncio.sleep(pause)
    await asyncio.sleep(0)
    return wire


def test_a_head_in_any_number_of_pieces_is_one():
    @given(st.lists(st.integers(1, len(GET)), max_size=6))
    def law(cuts):
        text, ends = GET + b"\r\n", sorted({0, *cuts})
        parts = [text[a:b] for a, b in zip(ends, [*ends[1:], len(text)], strict=True)]
        assert run_virtual(fed(*parts)).status() == 200

    law()


@pytest.mark.parametrize("piece", [b"x" * 4096, b"x: " + b"y" * 1000 + b"\r\n", b"x:\r\n" * 500])
def test_a_head_without_an_end_is_cut_off(piece):
    count = MOST // len(piece) + 2
    wire = run_virtual(fed(GET, *[piece] * (2 * count)))
    assert wire.status() == 431 and wire.closed and "at most 65,536 bytes" in wire.error()
    fine = run_virtual(fed(GET, b"a: " + b"x" * (MOST // 2), b"\r\n\r\n"))
    assert fine.status() == 200 and not fine.closed


def test_a_head_byte_by_byte_has_so_many_seconds():
    text = GET + b"a: " + b"b" * 100
    wire = run_virtual(fed(*(text[n : n + 1] for n in range(len(text))), pause=1.0))
    assert wire.status() == 408 and wire.closed and f"{SECONDS:g} s" in wire.error()


def test_who_connects_and_says_nothing_is_not_kept():
    async def main():
        _, wire = await connected()
        await asyncio.sleep(SECONDS - 0.1)
        assert not wire.closed
        await asyncio.sleep(0.2)
        assert wire.closed and not wire.said

    run_virtual(main())


def test_an_answer_under_way_is_not_cut_off_by_a_head_that_is_late():
    async def slow(scope, receive, send):
        await asyncio.sleep(1.5 * SECONDS)
        await app(scope, receive, send)

    async def main():
        wire = Wire()
        connection = Bounded(Config(slow, lifespan="off", ws="none"), ServerState(), {})
        connection.connection_made(wire)
        connection.data_received(GET + b"\r\n" + GET)
        await asyncio.sleep(1.4 * SECONDS)
        assert not wire.said and not wire.closed
        await asyncio.sleep(SECONDS)
        assert wire.status() == 200 and wire.closed

    run_virtual(main())


def test_many_requests_over_one_connection_are_not_added_up():
    async def main():
        connection, wire = await connected()
        for _ in range(60):
            connection.data_received(GET + b"a: " + b"x" * 4000 + b"\r\n\r\n")
            await asyncio.sleep(1.0)
        assert wire.said.count(b"HTTP/1.1 200") == 60 and not wire.closed
        connection.connection_lost(None)
        await asyncio.sleep(2 * SECONDS)

    run_virtual(main())


@pytest.mark.parametrize(
    "rubbish",
    [b"\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0" * 9,
     b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
     b"POST / HTTP/1.1\r\ncontent-length: " + b"9" * 40 + b"\r\n\r\n",
     b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
     b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
     b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\na b: c\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_told_so_in_json(rubbish):
    wire = run_virtual(fed(rubbish))
    assert wire.status() == 400 and wire.closed and "HTTP/1.1" in wire.error()


@pytest.mark.parametrize("other", [b"websocket", b"h2c"])
def test_an_offer_of_another_protocol_is_not_taken_up(other):
    offer = b"connection: upgrade\r\nupgrade: " + other + b"\r\n"
    assert run_virtual(fed(GET + offer + b"\r\n")).status() == 200
    post = b"POST /v2 HTTP/1.1\r\ncontent-length: 2\r\n" + offer + b"\r\n{}"
    wire = run_virtual(fed(post))
    assert wire.status() == 400 and wire.closed and "without the header Upgrade" in wire.error()
