"""Which version of a model answers: all at once, by shares, or in the shadow.

A new version is loaded beside the old one, and then requests are routed to it: none waits for the
change, none is dropped. The old one answers what it has begun, and goes. Shares divide users, not
requests: the same key falls on the same side while the shares stand, and where a share grows, the
users that move all move there. A shadow gets a copy of everything, and nobody sees what it answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from mlsys.serving.batching.live import Batcher, Closed, Dropped, Refused
from mlsys.serving.server.cache import Coalescing, key_of
from mlsys.serving.server.errors import NotFound, Overloaded, TimedOut, Unavailable
from mlsys.serving.server.tensors import Array, Info, check_inputs

Arrays = dict[str, Array]
GOLDEN = (5**0.5 - 1) / 2
MOST_SHADOWS = 64  # copies under way; more are left out


class Answers(Protocol):
    """A version of a model that can be asked."""

    info: Info

    async def predict(self, inputs: Arrays, seconds: float) -> Arrays:
        """The outputs, wanted within so many seconds. Raises `ProtocolError`."""

    async def close(self) -> None:
        """Answer what has been asked, then go."""


class Endpoint:
    """A version behind a batcher, and perhaps a cache. end: called when it has answered all."""

    def __init__(
        self,
        info: Info,
        batcher: Batcher[Arrays, Arrays],
        end: Callable[[], Awaitable[object]],
        cache: Coalescing[Arrays] | None = None,
    ) -> None:
        self.info, self.batcher, self.cache, self._end = info, batcher, cache, end
        self._alike = all(-1 not in spec.shape for spec in info.inputs)
        self._inside, self._closed = 0, False
        self._empty = asyncio.Event()

    async def predict(self, inputs: Arrays, seconds: float = math.inf) -> Arrays:
        """See `Answers`. Requests of different shapes do not share a batch.

        What comes from the cache is for several: it can be read, and not written to.
        """
        if self._closed:
            raise Unavailable(f"version {self.info.version} is being taken away")
        check_inputs(self.info, inputs)
        self._inside += 1
        try:
            return await _within(seconds, self._answer(inputs, seconds))
        except Refused as refused:
            raise Overloaded(refused.retry_after) from None
        except Dropped as dropped:
            raise TimedOut(str(dropped)) from None
        except Closed as closed:
            raise Unavailable(str(closed)) from None
        finally:
            self._inside -= 1
            self._empty.set()

    async def close(self) -> None:
        """See `Answers`. Some that are inside have not reached the batcher yet."""
        self._closed = True
        while self._inside:
            self._empty.clear()
            await self._empty.wait()
        await self.batcher.drain()
        await self._end()

    def _answer(self, inputs: Arrays, seconds: float) -> Coroutine[Any, Any, Arrays]:
        deadline = asyncio.get_running_loop().time() + seconds
        if self.cache is None:
            return self._ask(inputs, deadline)
        return self._ask_once(self.cache, inputs, deadline)

    async def _ask_once(self, cache: Coalescing[Arrays], inputs: Arrays, deadline: float) -> Arrays:
        """What is computed for several has the deadline of who asked first.

        If that was too soon, others may still have time: one of them asks again.
        """
        key, mine = key_of(inputs), False

        async def compute() -> Arrays:
            nonlocal mine
            mine = True
            return _for_reading(await self._ask(inputs, deadline))

        while True:
            try:
                return await cache.get(key, compute)
            except Dropped:
                if mine:
                    raise

    async def _ask(self, inputs: Arrays, deadline: float) -> Arrays:
        kind = "" if self._alike else repr([inputs[s.name].shape[1:] for s in self.info.inputs])
        left = deadline - asyncio.get_running_loop().time()
        return await self.batcher.submit(inputs, seconds=left, kind=kind)


class Catalogue:
    """The models of a server, by name and version."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, Answers]] = {}
        self._shares: dict[str, dict[str, float]] = {}  # those above zero, the largest first
        self._shadows: dict[str, str] = {}
        self._asked: dict[str, int] = {}
        self._copies: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self.shadowed = self.shadow_errors = self.shadows_left_out = 0

    def add(self, endpoint: Answers) -> None:
        """One more version. The first of a model gets all its requests."""
        name, version = endpoint.info.name, endpoint.info.version
        versions = self._versions.setdefault(name, {})
        if version in versions:
            raise ValueError(f"model {name!r} has version {version!r} already")
        versions[version] = endpoint
        self._shares.setdefault(name, {version: 1.0})

    def route(self, name: str, shares: Mapping[str, float]) -> None:
        """From now on requests are divided so. shares: of versions, 1 in all."""
        for version in shares:
            self.endpoint(name, version)
        if any(share < 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1):
            raise ValueError(f"expected shares >= 0 that add up to 1, got {dict(shares)}")
        falling = sorted(shares.items(), key=lambda each: -each[1])
        self._shares[name] = {version: share for version, share in falling if share > 0}

    def shadow(self, name: str, version: str | None) -> None:
        """From now on this version gets a copy of every request; None: none does."""
        if version is None:
            self._shadows.pop(name, None)
        else:
            self.endpoint(name, version)
            self._shadows[name] = version

    async def swap(self, endpoint: Answers) -> None:
        """A new version takes over from all others, which answer what they have begun, and go."""
        name = endpoint.info.name
        self.add(endpoint)
        self.route(name, {endpoint.info.version: 1.0})
        old = [version for version in self._versions[name] if version != endpoint.info.version]
        await asyncio.gather(*(self.remove(name, version) for version in old))

    def remove(self, name: str, version: str) -> Awaitable[None]:
        """Take a version away that no share falls to; await it to see it gone.

        Raises ValueError while it has a share.
        """
        leaving = self.endpoint(name, version)
        if version in self._shares[name]:
            share = self._shares[name][version]
            raise ValueError(f"version {version!r} of {name!r} has {share:g} of the requests")
        if self._shadows.get(name) == version:
            self.shadow(name, None)
        del self._versions[name][version]
        task = asyncio.get_running_loop().create_task(leaving.close())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return asyncio.shield(task)  # whoever stops waiting does not stop it

    def drop(self, name: str) -> Awaitable[None]:
        """Take a model away with all its versions, whatever falls to them; await it to see it gone.

        From the next request on there is no such model. What has been asked is answered.
        """
        self.endpoint(name)
        self._shares[name] = {}
        leaving = [self.remove(name, version) for version in [*self._versions[name]]]
        del self._versions[name], self._shares[name]
        return _all(leaving)

    def routes(self, name: str) -> tuple[dict[str, float], str | None]:
        """The shares of a model's versions, the largest first, and which is its shadow."""
        self.endpoint(name)
        return dict(self._shares[name]), self._shadows.get(name)

    async def close(self) -> None:
        """Answer what has been asked, and end all."""
        for copy in self._copies:
            copy.cancel()
        every = [each for versions in self._versions.values() for each in versions.values()]
        await asyncio.gather(*(each.close() for each in every), *self._leaving)

    def models(self) -> dict[str, list[str]]:
        """The versions of each model."""
        return {name: sorted(versions) for name, versions in self._versions.items()}

    def endpoint(self, name: str, version: str | None = None) -> Answers:
        """A version; None: the one with the largest share. Raises `NotFound` that names what is."""
        if name not in self._versions:
            raise NotFound(f"there is no model {name!r}; there are {sorted(self._versions)}")
        if version is None:
            version = next(iter(self._shares[name]))
        if version not in self._versions[name]:
            known = sorted(self._versions[name])
            raise NotFound(f"model {name!r} has no version {version!r}; it has {known}")
        return self._versions[name][version]

    def choose(self, name: str, key: bytes | None = None) -> Answers:
        """The version for a request: by its key, if it has one, else evenly by turns."""
        if name not in self._shares or len(self._shares[name]) == 1:
            return self.endpoint(name)
        if key is not None:
            return self.endpoint(name, drawn(self._shares[name], name, key))
        self._asked[name] = turn = self._asked.get(name, 0) + 1
        return self.endpoint(name, by_turns(self._shares[name], turn))

    async def predict(
        self,
        name: str,
        version: str | None,
        inputs: Arrays,
        seconds: float = math.inf,
        key: bytes | None = None,
    ) -> tuple[Info, Arrays]:
        """Who answered, and what. version: None for whoever the shares say."""
        chosen = self.endpoint(name, version) if version is not None else self.choose(name, key)
        self._copy_to_shadow(name, chosen, inputs, seconds)
        return chosen.info, await chosen.predict(inputs, seconds)

    def _copy_to_shadow(self, name: str, chosen: Answers, inputs: Arrays, seconds: float) -> None:
        version = self._shadows.get(name)
        shadow = None if version is None else self._versions[name][version]
        if shadow is None or shadow is chosen:
            return
        if len(self._copies) >= MOST_SHADOWS:
            self.shadows_left_out += 1
            return
        self.shadowed += 1
        task = asyncio.get_running_loop().create_task(self._in_the_shadow(shadow, inputs, seconds))
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    async def _in_the_shadow(self, shadow: Answers, inputs: Arrays, seconds: float) -> None:
        try:
            await shadow.predict(inputs, seconds)
        except Exception:
            self.shadow_errors += 1


def drawn(shares: Mapping[str, float], name: str, key: bytes) -> str:
    """The version that a key falls to: always the same, and in the long run by the shares.

    Each version runs a race of an exponential time with its share for a rate, drawn by a hash of
    version and key; the first wins with a probability that is its share. A larger share makes a
    version faster and no other slower, so nobody moves between the others (weighted rendezvous
    hashing; Schindelhauer and Schomaker, SPAA 2005).
    """

    def time(version: str) -> float:
        text = repr((name, version)).encode() + key
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        return -math.log((number + 0.5) / 2**64) / shares[version]

    return min(shares, key=time)


def by_turns(shares: Mapping[str, float], turn: int) -> str:
    """The version whose turn it is. Steps of the golden section fill a circle evenly: after n
    turns each has had its share of them, up to a few.
    """
    place, versions = turn * GOLDEN % 1.0, [*shares]
    for version in versions[:-1]:
        place -= shares[version]
        if place < 0:
            return version
    return versions[-1]


async def _within(seconds: float, answer: Coroutine[Any, Any, Arrays]) -> Arrays:
    if seconds == math.inf:
        return await answer
    try:
        async with asyncio.timeout(seconds) as limit:
            return await answer
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimedOut(f"there was no answer within {seconds:g} s") from None


async def _all(those: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*those)


def _for_reading(outputs: Arrays) -> Arrays:
    for array in outputs.values():
        array.setflags(write=False)
    return outputs
