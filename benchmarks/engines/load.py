"""A load generator: a process that asks a server over HTTP, and says how long that took.

It is told what to do in lines of JSON on its standard input, and answers each with one. A request
is bytes that are made once, and an answer is looked at for its end and its status alone, so that it
takes as little of the processor as it can beside the server that is measured.

*Closed*: so many connections, each of which asks again when it has its answer. *Open*: requests
come when they come, at a rate, whether or not others have been answered, and a latency counts from
then, also while no connection is free (a closed loop would not notice that it waits).
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools
import numpy as np

MOST_CONNECTIONS = 512
PATIENCE = 60.0  # seconds for a whole run


class Client(asyncio.Protocol):
    """One connection, with one question at a time. then: called with each answer's body."""

    def __init__(self, then: Callable[[Client, bytes], None]) -> None:
        self._then, self._parts = then, list[bytes]()
        self._parser = httptools.HttpResponseParser(self)
        self.asked_at = 0.0
        self.transport: Any = None  # until it is connected

    @property
    def status(self) -> int:
        """Of the last answer."""
        return int(self._parser.get_status_code())

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """A part of the answer."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The answer is there."""
        body, self._parts = b"".join(self._parts), []
        self._then(self, body)


class Load:
    """What is asked, of whom, and what came of it."""

    def __init__(self, port: int, path: str, headers: dict[str, str], body: bytes) -> None:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.port, self.request = port, "\r\n".join([*lines, "", ""]).encode() + body
        self.latencies: list[float] = []
        self.bad, self.last = 0, b""

    def ask(self, client: Client, at: float) -> None:
        client.asked_at = at
        client.transport.write(self.request)

    def note(self, client: Client, answer: bytes) -> None:
        self.latencies.append(time.perf_counter() - client.asked_at)
        self.bad += client.status != 200
        self.last = answer

    async def clients(self, count: int, then: Callable[[Client, bytes], None]) -> list[Client]:
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: Client(then), "127.0.0.1", self.port)
            for _ in range(count)
        ]
        return [client for _, client in made]

    def told(self, seconds: float) -> dict[str, Any]:
        return {
            "seconds": seconds,
            "requests": len(self.latencies),
            "p50": float(np.percentile(self.latencies or [np.inf], 50)),
            "p99": float(np.percentile(self.latencies or [np.inf], 99)),
            "bad": self.bad,
            "last": self.last.decode("latin-1"),
        }


async def closed(load: Load, connections: int, seconds: float) -> dict[str, Any]:
    """Over so many connections, for so long; each asks once at least, and hears its last answer."""
    busy, over = connections, asyncio.Event()

    def then(client: Client, answer: bytes) -> None:
        nonlocal busy
        load.note(client, answer)
        now = time.perf_counter()
        if now < begun + seconds:
            load.ask(client, now)
        else:
            busy -= 1
            if not busy:
                over.set()

    clients = await load.clients(connections, then)
    begun = time.perf_counter()
    for client in clients:
        load.ask(client, time.perf_counter())
    await asyncio.wait_for(over.wait(), PATIENCE)
    told = load.told(time.perf_counter() - begun)
    for client in clients:
        client.transport.close()
    return told


async def opened(load: Load, rate: float, seconds: float, seed: int) -> dict[str, Any]:
    """Poisson arrivals at ``rate`` a second; ends early when it is hopeless."""
    rng, late = np.random.default_rng(seed), deque[float]()
    due = np.cumsum(rng.exponential(1 / rate, int(rate * seconds)))
    over = asyncio.Event()

    def then(client: Client, answer: bytes) -> None:
        load.note(client, answer)
        if late:
            load.ask(client, late.popleft())
        else:
            free.append(client)
        if len(load.latencies) == len(due):
            over.set()

    free = await load.clients(MOST_CONNECTIONS, then)
    every, begun = [*free], time.perf_counter()
    for at in (begun + due).tolist():
        if (early := at - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if free:
            load.ask(free.pop(), at)
        else:
            late.append(at)
        if len(late) > 4 * MOST_CONNECTIONS:
            break
    else:
        await asyncio.wait_for(over.wait(), PATIENCE)
    told = load.told(time.perf_counter() - begun) | {"hopeless": len(late) > 0}
    for client in every:
        client.transport.abort()
    return told


def main() -> None:
    """Answer line after line."""
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    for line in sys.stdin:
        asked = json.loads(line)
        body = base64.b64decode(asked.pop("body"))
        load = Load(asked.pop("port"), asked.pop("path"), asked.pop("headers"), body)
        how = {"closed": closed, "opened": opened}[asked.pop("do")]
        print(json.dumps(run(how(load, **asked))), flush=True)


if __name__ == "__main__":
    main()
