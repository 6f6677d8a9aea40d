"""The server as an ASGI application: from bytes of HTTP to a model's answer, without a framework.

A request is authorised, read, parsed and checked before it waits; what it waits for is a place in a
batch. Every request gets one answer; what fails says so in the error object of its protocol. There
is no router and no middleware, for on a small model each layer costs as much as the model.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from mlsys.serving.server import openapi, openinference, tensorflow
from mlsys.serving.server.control import Control
from mlsys.serving.server.errors import NotFound, Overloaded, ProtocolError
from mlsys.serving.server.limits import Disconnected, Headers, Limits, Receive, headers_of
from mlsys.serving.server.metrics import TYPE, Metrics
from mlsys.serving.server.tensors import Array, Info
from mlsys.serving.server.versions import Catalogue

T = TypeVar("T")
Send = Callable[[dict[str, Any]], Awaitable[None]]
Log = Callable[[dict[str, Any]], object]
JSON = b"application/json"
HEADER_LENGTH = b"inference-header-content-length"
DEADLINE = b"request-timeout-ms"
ROUTING_KEY = b"routing-key"
PREDICT = ":predict"
PAGE = Path(__file__).with_name("status.html")
PATIENCE = 0.05  # seconds after which it is worth asking whether the client is still there


@dataclass
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    content: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    model: str = ""
    version: str = ""


class App:
    """An ASGI application. ready: whether new requests are welcome."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        log: Log = lambda entry: None,
        version: str = "0",
        control: Control | None = None,
    ) -> None:
        self.catalogue, self.limits, self.control = catalogue, limits or Limits(), control
        self.metrics, self.log, self.version = metrics or Metrics(), log, version
        self.ready = True

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        begun = time.perf_counter()
        self.metrics.begun()
        answer = Answer(499, b"")
        try:
            answer = await self._answer(scope, receive)
            await _reply(answer, send)
        except (Disconnected, OSError):
            pass
        finally:
            seconds = time.perf_counter() - begun
            self.metrics.answered(answer.model, answer.version, answer.status, seconds)
            self.log(
                {
                    "method": scope["method"],
                    "path": scope["path"],
                    "model": answer.model,
                    "version": answer.version,
                    "status": answer.status,
                    "seconds": round(seconds, 6),
                    "bytes": len(answer.body),
                }
            )

    async def _answer(self, scope: dict[str, Any], receive: Receive) -> Answer:
        headers = headers_of(scope["headers"])
        try:
            path = scope["path"].strip("/").split("/")
            if path[:2] not in (["v2", "health"], ["v2", "repository"]):  # that has its own token
                self.limits.authorize(headers)
            if scope["method"] == "POST":
                return await self._post(path, headers, receive)
            if scope["method"] in ("GET", "HEAD"):
                return self._get(path)
            raise ProtocolError(f"expected GET or POST, got {scope['method']}", 405)
        except ProtocolError as error:
            return _refusal(error)
        except (Disconnected, asyncio.CancelledError):
            raise
        except Exception as error:  # ours: the sender learns no more than that
            self.log({"fault": f"{type(error).__name__}: {error}", "path": scope["path"]})
            return _refusal(ProtocolError("the server has failed", 500))

    def _get(self, path: list[str]) -> Answer:
        match path:
            case ["v2"]:
                return _json(openinference.server_metadata(self.version, bool(self.control)))
            case ["v2", "openapi.json"]:
                secured = bool(self.limits.token)
                about = openapi.document(self.catalogue, self.version, secured, bool(self.control))
                return _json(about)
            case ["v2", "health", "live"]:
                return _json({"live": True})
            case ["v2", "health", "ready"]:
                return _json({"ready": self.ready}, 200 if self.ready else 503)
            case ["v2", "models", name]:
                return self._metadata(name, None)
            case ["v2", "models", name, "versions", version]:
                return self._metadata(name, version)
            case ["v2", "models", name, "ready"]:
                return self._model_ready(name, None)
            case ["v2", "models", name, "versions", version, "ready"]:
                return self._model_ready(name, version)
            case ["v1", "models", name]:
                self.catalogue.endpoint(name)
                return _json(tensorflow.status(self.catalogue.models()[name], self.ready))
            case [""]:
                return Answer(200, PAGE.read_bytes(), b"text/html; charset=utf-8")
            case ["metrics"]:
                return Answer(200, self.metrics.text(), TYPE.encode())
        raise NotFound(f"there is nothing at /{'/'.join(path)}")

    def _metadata(self, name: str, version: str | None) -> Answer:
        info = self.catalogue.endpoint(name, version).info
        return _json(openinference.model_metadata(info, self.catalogue.models()[name]))

    def _model_ready(self, name: str, version: str | None) -> Answer:
        self.catalogue.endpoint(name, version)
        return _json({"name": name, "ready": self.ready}, 200 if self.ready else 503)

    async def _post(self, path: list[str], headers: Headers, receive: Receive) -> Answer:
        match path:
            case ["v2", "models", name, "infer"]:
                version = None
            case ["v2", "models", name, "versions", version, "infer"]:
                pass
            case ["v1", "models", name] if name.endswith(PREDICT):
                return await self._predict(name.removesuffix(PREDICT), None, headers, receive)
            case ["v1", "models", name, "versions", version] if version.endswith(PREDICT):
                version = version.removesuffix(PREDICT)
                return await self._predict(name, version, headers, receive)
            case ["v2", "repository", *what]:
                return await self._change(what, headers, receive)
            case _:
                raise NotFound(f"there is nothing to post to at /{'/'.join(path)}")
        return await self._infer(name, version, headers, receive)

    async def _change(self, path: list[str], headers: Headers, receive: Receive) -> Answer:
        if self.control is None:
            raise ProtocolError(
                "no models are loaded over HTTP here: see the option --control", 403
            )
        return _json(await self.control.answer(path, headers, receive))

    async def _infer(
        self, name: str, version: str | None, headers: Headers, receive: Receive
    ) -> Answer:
        """In the Open Inference Protocol."""
        info = self.catalogue.endpoint(name, version).info
        body = await self.limits.read(headers, receive)
        inference = openinference.parse(body, _header_length(headers), info)
        served, outputs = await self._ask(name, version, inference.inputs, headers, receive)
        if served is not info:  # another version has answered, and may have other outputs
            inference = openinference.parse(body, _header_length(headers), served)
        text, length = openinference.answer(served, inference, outputs)
        extra: tuple[tuple[bytes, bytes], ...] = ()
        content = JSON
        if length is not None:
            content, extra = b"application/octet-stream", ((HEADER_LENGTH, b"%d" % length),)
        return Answer(200, text, content, extra, served.name, served.version)

    async def _predict(
        self, name: str, version: str | None, headers: Headers, receive: Receive
    ) -> Answer:
        """As TensorFlow Serving would."""
        info = self.catalogue.endpoint(name, version).info
        asked = tensorflow.parse(await self.limits.read(headers, receive), info)
        served, outputs = await self._ask(name, version, asked.inputs, headers, receive)
        text = tensorflow.answer(served, asked, outputs)
        return Answer(200, text, model=served.name, version=served.version)

    async def _ask(
        self,
        name: str,
        version: str | None,
        inputs: dict[str, Array],
        headers: Headers,
        receive: Receive,
    ) -> tuple[Info, dict[str, Array]]:
        seconds, key = _seconds(headers), headers.get(ROUTING_KEY)
        asked = self.catalogue.predict(name, version, inputs, seconds, key)
        return await _unless_gone(asked, receive)


async def _unless_gone(answer: Awaitable[T], receive: Receive) -> T:
    """The answer; a client that goes away before it is there frees its place.

    Nobody looks for that at once: most answers come sooner than a task is worth.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    watchers: list[asyncio.Task[None]] = []

    async def watch() -> None:
        await receive()  # after the body there is only one message left
        assert task is not None
        task.cancel()

    alarm = loop.call_later(PATIENCE, lambda: watchers.append(loop.create_task(watch())))
    try:
        return await answer
    except asyncio.CancelledError:
        if any(watcher.done() for watcher in watchers):
            raise Disconnected from None
        raise
    finally:
        alarm.cancel()
        for watcher in watchers:
            watcher.cancel()


def _header_length(headers: Headers) -> int | None:
    said = headers.get(HEADER_LENGTH)
    if said is None:
        return None
    if not said.isdigit() or len(said) > 18:
        raise ProtocolError("expected a whole number in Inference-Header-Content-Length")
    return int(said)


def _seconds(headers: Headers) -> float:
    """Within which an answer is wanted: header Request-Timeout-Ms."""
    said = headers.get(DEADLINE)
    if said is None:
        return math.inf
    if not said.isdigit() or len(said) > 12 or int(said) == 0:
        raise ProtocolError("expected milliseconds > 0 in Request-Timeout-Ms")
    return int(said) / 1e3


def _json(what: Any, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(what))


def _refusal(error: ProtocolError) -> Answer:
    answer = _json({"error": str(error)}, error.status)
    if isinstance(error, Overloaded):
        answer.headers = ((b"retry-after", b"%d" % math.ceil(error.retry_after)),)
    if error.status == 401:
        answer.headers = ((b"www-authenticate", b"Bearer"),)
    return answer


async def _reply(answer: Answer, send: Send) -> None:
    headers = [
        (b"content-type", answer.content),
        (b"content-length", b"%d" % len(answer.body)),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
