"""Answers that need not be computed: kept from before, or under way for somebody else.

Requests repeat: the front page, the hit song, the retry. `LRU` forgets what was not asked for
longest; `CLOCK` nearly so, without moving anything at a hit (Corbato, 1968). Before an answer is
there, equal requests come too: `Coalescing` lets them wait for the one that is computed. Clipper
keeps predictions in a cache with CLOCK (NSDI 2017, section 4.2), for who asks again and for
feedback that comes soon after.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from mlsys.serving.server.tensors import Array

V = TypeVar("V")


class Cache(Protocol[V]):
    """Some of what was put into it."""

    def get(self, key: Hashable) -> V | None:
        """The value; None if it is not known, or not any more."""

    def put(self, key: Hashable, value: V) -> None:
        """Keep it, and forget another if there is no room."""


class LRU(Generic[V]):
    """The ``most`` entries that were used last. To be got or to be put is to be used."""

    def __init__(self, most: int) -> None:
        self.most = _room(most)
        self._known: OrderedDict[Hashable, V] = OrderedDict()  # in the order of their last use

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable) -> V | None:
        """See `Cache`."""
        if key not in self._known:
            return None
        self._known.move_to_end(key)
        return self._known[key]

    def put(self, key: Hashable, value: V) -> None:
        """See `Cache`."""
        self._known[key] = value
        self._known.move_to_end(key)
        if len(self._known) > self.most:
            self._known.popitem(last=False)


def second_chance(used: list[bool], hand: int) -> int:
    """The place to be forgotten next: the first from ``hand`` on, round and round, not used.

    used: whether each place was asked for since the hand came by; the hand takes that away from
    those that it passes over, here in ``used``.

    >>> used = [True, True, False, True]
    >>> second_chance(used, hand=3), used
    (2, [False, False, False, False])
    """
    while used[hand]:
        used[hand] = False
        hand = (hand + 1) % len(used)
    return hand


class CLOCK(Generic[V]):
    """Entries in a circle, and a hand that forgets the first that was not used since it came by.

    A hit sets one bit. What is new has not been used: it stays for one turn of the hand, and for
    another only if somebody asks for it.
    """

    def __init__(self, most: int) -> None:
        self.most = _room(most)
        self._circle: list[tuple[Hashable, V]] = []
        self._used: list[bool] = []
        self._place: dict[Hashable, int] = {}
        self._hand = 0

    def __len__(self) -> int:
        return len(self._circle)

    def get(self, key: Hashable) -> V | None:
        """See `Cache`."""
        place = self._place.get(key)
        if place is None:
            return None
        self._used[place] = True
        return self._circle[place][1]

    def put(self, key: Hashable, value: V) -> None:
        """See `Cache`."""
        place = self._place.get(key)
        if place is not None:
            self._used[place] = True
        elif len(self._circle) < self.most:
            place = len(self._circle)
            self._circle.append((key, value))
            self._used.append(False)
        else:
            place = second_chance(self._used, self._hand)
            del self._place[self._circle[place][0]]
            self._hand = (place + 1) % self.most
        self._circle[place], self._place[key] = (key, value), place


@dataclass(slots=True, eq=False)
class Flight(Generic[V]):
    """A computation under way, and how many wait for it."""

    task: asyncio.Future[V]
    waiters: int = 0


async def coalesced(
    under_way: dict[Hashable, Flight[V]], key: Hashable, compute: Callable[[], Awaitable[V]]
) -> V:
    """What ``compute`` gives or raises; for equal keys at the same time it is called once.

    under_way: by key, what is being computed now, and nothing else. The computation belongs to none
    of those who wait: who stops waiting (a cancelled task) does not stop it for the others. The
    last one does, and at once, so that nobody joins what is about to end.
    """

    def forget(task: asyncio.Future[V]) -> None:
        """It has ended; another of this key may have begun since."""
        if key in under_way and under_way[key].task is task:
            del under_way[key]

    flight = under_way.get(key)
    if flight is None or flight.task.done():  # `forget` is called one turn of the loop later
        under_way[key] = flight = Flight(asyncio.ensure_future(compute()))
        flight.task.add_done_callback(forget)
    flight.waiters += 1
    try:
        return await asyncio.shield(flight.task)
    finally:
        flight.waiters -= 1
        if not flight.waiters and not flight.task.done():
            forget(flight.task)
            flight.task.cancel()


class Coalescing(Generic[V]):
    """A cache that computes what it does not know, for equal requests once. Errors are not kept.

    hits, joined, computed: requests answered from the cache, by a computation that was under way,
    and by one that was begun for them.
    """

    def __init__(self, cache: Cache[V]) -> None:
        self.cache = cache
        self.hits = self.joined = self.computed = 0
        self._under_way: dict[Hashable, Flight[V]] = {}

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[V]]) -> V:
        """The value for a key. Raises what the computation raises, for all that wait for it."""
        known = self.cache.get(key)
        if known is not None:
            self.hits += 1
            return known
        flight = self._under_way.get(key)
        if flight is None or flight.task.done():
            self.computed += 1
        else:
            self.joined += 1
        return await coalesced(self._under_way, key, lambda: self._compute(key, compute))

    async def _compute(self, key: Hashable, compute: Callable[[], Awaitable[V]]) -> V:
        value = await compute()
        self.cache.put(key, value)
        return value


def key_of(inputs: Mapping[str, Array]) -> bytes:
    """32 bytes that tell these inputs from others: their names, types, shapes and numbers.

    The hash is a cryptographic one. Whoever could find two inputs with the same key could choose
    what the next one is answered, and with a quicker hash anybody can find them.

    >>> key_of({"x": np.zeros(2)}) == key_of({"x": np.zeros((1, 2))})
    False
    """
    digest = hashlib.blake2b(digest_size=32)
    for name in sorted(inputs):
        array = inputs[name]
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(_bytes(array))
    return digest.digest()


def _bytes(array: Array) -> Any:
    """All elements; those of type BYTES each after its length, or b"ab", b"c" were b"a", b"bc"."""
    if array.dtype == object:
        return b"".join(len(each).to_bytes(8, "little") + each for each in array.ravel())
    return np.ascontiguousarray(array).data


def _room(most: int) -> int:
    if most < 1:
        raise ValueError(f"most: expected at least 1 entry, got {most}")
    return most
