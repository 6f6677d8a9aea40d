"""From a model's name to a server, and back: start, serve, and stop without losing anybody.

On SIGTERM (or ctrl-C) the server says that it is not ready, takes no new connection, answers what
it has begun, ends its workers, and leaves with code 0. A second signal does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

import uvicorn

from mlsys.serving.batching.admission import QueueLimit
from mlsys.serving.batching.live import Batcher
from mlsys.serving.batching.policies import AIMD, Fixed, Greedy, OneByOne
from mlsys.serving.batching.policy import Policy
from mlsys.serving.server.app import App, Log
from mlsys.serving.server.cache import LRU, Coalescing
from mlsys.serving.server.control import Control, Repository
from mlsys.serving.server.heads import Bounded
from mlsys.serving.server.limits import Limits
from mlsys.serving.server.metrics import Metrics
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.replicas import Arrays, Replicas
from mlsys.serving.server.versions import Catalogue, Endpoint

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """How models are served.

    policy: greedy, none, fixed or aimd. objective: seconds that a batch may take (aimd). wait:
    seconds that the first of a batch waits for others (fixed). queue: requests that may wait.
    cache: answers that are kept. grace: seconds for what is under way at the end. warm_up: whether
    models are asked once before they are ready. control: the token of those who may load models,
    that is, run code here; "": nobody may.
    """

    host: str = LOOPBACK
    port: int = 8000
    workers: int = 1
    policy: str = "greedy"
    most: int = 64
    objective: float = 0.02
    wait: float = 0.002
    queue: int = 1024
    cache: int = 0
    hang: float = 30.0
    grace: float = 20.0
    warm_up: bool = True
    control: str = ""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.control and self.control == self.limits.token:
            raise ValueError("control: expected another token than that of all requests")

    def for_control(self) -> Limits:
        """The limits of requests that load models."""
        return replace(self.limits, token=self.control)

    def make_policy(self) -> Policy:
        """A new policy. Raises ValueError for a name that is not known."""
        known: dict[str, Policy] = {
            "greedy": Greedy(self.most),
            "none": OneByOne(),
            "fixed": Fixed(self.most, self.wait),
            "aimd": AIMD(self.objective, most=self.most),
        }
        if self.policy not in known:
            raise ValueError(f"policy: expected one of {[*known]}, got {self.policy!r}")
        return known[self.policy]


async def endpoint_of(
    model: str, settings: Settings, metrics: Metrics, log: Log, name: str = "", version: str = ""
) -> Endpoint:
    """A model in worker processes, behind a batcher. Raises `ModelError` if it cannot be loaded."""
    replicas = Replicas(
        model,
        count=settings.workers,
        hang=settings.hang,
        warm_up=settings.warm_up,
        log=lambda text: log({"workers": text}),
    )
    info = await replicas.start()
    info = replace(info, name=name or info.name, version=version or info.version)
    replicas.info = info
    try:
        _check_words(info.name, info.version)
    except BaseException:
        await replicas.close()
        raise
    policy = settings.make_policy() if info.batched else OneByOne()

    async def run(items: Sequence[Arrays]) -> Sequence[Arrays | BaseException]:
        metrics.batch(info.name, len(items))
        return await replicas.run(items)

    batcher = Batcher[Arrays, Arrays](
        policy, run, devices=settings.workers, admission=QueueLimit(settings.queue)
    )
    cache = Coalescing[Arrays](LRU(settings.cache)) if settings.cache else None
    return Endpoint(info, batcher, replicas.close, cache)


def _check_words(*words: str) -> None:
    """What stands in addresses. Raises `ModelError`."""
    for word in words:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", word):
            expected = "expected up to 100 letters, digits, and . _ - as name and version"
            raise ModelError(f"{expected} of a model, got {word!r}")


class Server(uvicorn.Server):
    """Says that it is not ready as soon as it is to end."""

    def __init__(self, app: App, settings: Settings) -> None:
        self.app = app
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                http=Bounded,
                ws="none",
                access_log=False,
                lifespan="off",
                log_level="warning",
                timeout_graceful_shutdown=int(settings.grace) or 1,
                server_header=False,
                proxy_headers=False,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server and not the process: the workers are still to be ended."""
        loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for each in signals:
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in signals:
                loop.remove_signal_handler(each)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        self.app.ready = False
        super().handle_exit(sig, frame)


def settle() -> None:
    """What has been loaded stays: the garbage collector need not look at it again and again.

    A look at everything stops everybody for some 30 ms, which a hundredth of all requests would
    see. Requests leave little behind that counting references does not free, so that young objects
    are looked at after ten thousand of them, in place of seven hundred.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


async def serve(models: Sequence[str], settings: Settings, log: Log, say: Any = print) -> None:
    """Serve until a signal comes. Raises `ModelError`, or OSError if the port is taken.

    models: of each ``[NAME=]MODULE:OBJECT``.
    """
    metrics, catalogue = Metrics(), Catalogue()

    async def make(model: str, name: str, version: str) -> Endpoint:
        return await endpoint_of(model, settings, metrics, log, name, version)

    repository = Repository(catalogue, make)
    try:
        for given in models:
            name, _, model = given.rpartition("=")
            await repository.add(model, name)
        app = App(
            catalogue,
            limits=settings.limits,
            metrics=metrics,
            log=log,
            control=Control(repository, settings.for_control()) if settings.control else None,
        )
        server = Server(app, settings)
        say(f"serving {sorted(catalogue.models())} at http://{settings.host}:{settings.port}")
        if settings.control:
            say("whoever bears the token for control may load models, that is, run code here")
        settle()
        await server.serve()
        if not server.started:
            raise OSError(f"the port {settings.port} of {settings.host} could not be taken")
    finally:
        await asyncio.shield(catalogue.close())
