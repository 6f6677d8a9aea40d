"""Versions come, share, and go over HTTP, while requests are answered.

The verbs are those of the Open Inference Protocol's model repository extension: *index*, *load*,
*unload*. Ours are the parameters of a load, since a model here is named and not copied, and
*route*, for shares and shadows. To load a model is to run its code, as the user that the server
runs as. So nobody may, until the operator has set a token for it, which is not that for questions.
Source: the extension as Triton documents it (Model Repository Extension).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mlsys.serving.server.errors import NotFound, ProtocolError, Unavailable
from mlsys.serving.server.limits import Headers, Limits, Receive
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.openinference import json_object
from mlsys.serving.server.versions import Answers, Catalogue

Make = Callable[[str, str, str], Awaitable[Answers]]  # of a source, a name and a version
LOAD = {"model": str, "version": str, "beside": bool}
UNLOAD = {"version": str, "unload_dependents": bool}  # no model here depends on another


class Repository:
    """The models of a catalogue and where they come from. One change at a time.

    make: loads what ``MODULE:OBJECT`` or ``FILE.py:OBJECT`` names, under a name and a version (""
    for the model's own). Raises `ModelError`.
    """

    def __init__(self, catalogue: Catalogue, make: Make) -> None:
        self.catalogue, self._make = catalogue, make
        self._sources: dict[str, str] = {}
        self._changing = asyncio.Lock()

    def index(self, ready: bool = False) -> list[dict[str, Any]]:
        """All versions, with what falls to them, and the models that have been unloaded."""
        models = self.catalogue.models()
        found = []
        for name in sorted(models):
            shares, shadow = self.catalogue.routes(name)
            found += [
                {"name": name, "version": version, "state": "READY", "reason": ""}
                | {"share": shares.get(version, 0.0), "shadow": version == shadow}
                for version in models[name]
            ]
        gone = [] if ready else sorted(self._sources.keys() - models.keys())
        return [
            *found,
            *({"name": name, "state": "UNAVAILABLE", "reason": "unloaded"} for name in gone),
        ]

    async def add(self, source: str, name: str = "") -> None:
        """A model at the start, under its own name if none is given. Raises `ModelError`."""
        made = await self._make(source, name, "")
        self.catalogue.add(made)
        self._sources[made.info.name] = source

    async def load(
        self, name: str, source: str = "", version: str = "", *, beside: bool = False
    ) -> None:
        """A new version takes over; ``beside``: it waits until requests are routed to it.

        source: "" for where the model came from before. version: "" for the next number, or the
        model's own for the first, to which all requests go. Raises `ProtocolError`, and then
        everything is as it was.
        """
        async with self._changing:
            source = source or self._sources.get(name, "")
            if not source:
                raise NotFound(f'there is no model {name!r}: say with "model" what it is')
            there = self.catalogue.models().get(name, [])
            if version in there:
                raise ProtocolError(f"model {name!r} has version {version!r} already")
            made = await self._made(source, name, version or _next(there))
            self._sources[name] = source
            if beside or not there:
                self.catalogue.add(made)
            else:
                await self.catalogue.swap(made)

    async def unload(self, name: str, version: str = "") -> None:
        """A version goes that no requests fall to, or, with "", the model and all its versions."""
        async with self._changing:
            try:
                leaving = self.catalogue.remove(name, version) if version else None
            except ValueError as error:
                raise ProtocolError(f"{error}: route them elsewhere first") from None
            await (leaving or self.catalogue.drop(name))

    def route(self, name: str, shares: Mapping[str, float] | None, shadow: str | None) -> None:
        """From now on. shares: None for as before. shadow: None for none."""
        if shadow is not None:
            self.catalogue.endpoint(name, shadow)  # all is well before anything is changed
        if shares is not None:
            try:
                self.catalogue.route(name, shares)
            except ValueError as error:
                raise ProtocolError(str(error)) from None
        self.catalogue.shadow(name, shadow)

    async def _made(self, source: str, name: str, version: str) -> Answers:
        try:
            return await self._make(source, name, version)
        except ModelError as error:
            raise ProtocolError(f"{source} was not loaded: {error}") from None
        except OSError as error:  # no process, no shared memory
            raise Unavailable(f"there is no room for {source}: {error}") from None


class Control:
    """The repository to those who bear the token of ``limits``."""

    def __init__(self, repository: Repository, limits: Limits) -> None:
        if not limits.token:
            raise ValueError("expected a token: to load a model is to run its code")
        self.repository, self.limits = repository, limits

    async def answer(self, path: list[str], headers: Headers, receive: Receive) -> Any:
        """What is posted to ``/v2/repository/PATH``, as JSON. Raises `ProtocolError`."""
        self.limits.authorize(headers)
        body = await self.limits.read(headers, receive)
        said = json_object(body or b"{}")  # without a body nothing is said
        match path:
            case ["index"]:
                return self.repository.index(**_some(said, {"ready": bool}))
            case ["models", name, "load"]:
                asked = _parameters(said, LOAD)
                asked["source"] = asked.pop("model", "")
                await self.repository.load(name, **asked)
            case ["models", name, "unload"]:
                asked = _parameters(said, UNLOAD)
                await self.repository.unload(name, asked.get("version", ""))
            case ["models", name, "route"]:
                return self._route(name, said)
            case _:
                raise NotFound(f"there is nothing to post to at /v2/repository/{'/'.join(path)}")
        return {}

    def _route(self, name: str, said: dict[str, Any]) -> dict[str, Any]:
        """What is not named stays as it is."""
        catalogue = self.repository.catalogue
        shadow = catalogue.routes(name)[1]
        asked = _some(said, {"shares": dict, "shadow": str | None})
        shares = asked.get("shares")
        if shares is not None and not {*map(type, shares.values())} <= {int, float}:
            raise ProtocolError('expected "shares" to be an object of numbers by version')
        self.repository.route(name, shares, asked.get("shadow", shadow))
        shares, shadow = catalogue.routes(name)
        return {"name": name, "shares": shares, "shadow": shadow}


def _parameters(said: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return _some(_some(said, {"parameters": dict}).get("parameters", {}), known)


def _some(said: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Some of what is known, each of its type; what is not known would not be done."""
    for name, value in said.items():
        if name not in known:
            raise ProtocolError(f"expected some of {[*known]}, got {name!r}")
        if not isinstance(value, known[name]):
            wanted = getattr(known[name], "__name__", str(known[name]))
            raise ProtocolError(f"{name!r}: expected {wanted}, got {type(value).__name__}")
    return dict(said)


def _next(versions: list[str]) -> str:
    """One more than the largest number among them; "" if there are none."""
    return (
        str(1 + max(int(each) if each.isdecimal() else 0 for each in versions)) if versions else ""
    )
