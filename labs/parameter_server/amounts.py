"""Workers that tell each other what they have changed, and wait for amounts; all in virtual time.

Each worker has weights of its own: all its updates and what has come from others. Network, clocks,
weights and updates are on this side; what waits, and what is sent, the student's functions say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any

import numpy as np

from autograder import Wrong, typed

Array = np.ndarray[Any, Any]
Update = Callable[[int, Array], Array]  # of a worker, from its weights
LATENCY, AN_ENTRY = 0.05, 0.002  # seconds


@dataclass(frozen=True)
class Setting:
    """pace: seconds of each worker for an update. room: bytes of a message."""

    pace: tuple[float, ...]
    size: int
    updates: int
    bound: float
    room: int
    update: Update

    def __str__(self) -> str:
        return (
            f"{len(self.pace)} workers, the slowest {max(self.pace):g} times slower, "
            f"bound {self.bound:g}, {self.room} bytes a message"
        )


@dataclass
class Worker:
    """A worker, and the books on it as they should be."""

    talk: Any
    weights: Array
    unsent: Array
    flying: dict[int, tuple[Array, Array, set[int]]] = field(default_factory=dict)
    waiting: Array | None = None
    sent: int = 0  # messages
    entries: int = 0
    made: int = 0  # updates
    busy: bool = False
    inbox: list[tuple[int, int, Array, Array]] = field(default_factory=list)

    def unseen(self) -> Array:
        total = self.unsent.copy()
        for keys, values, _ in self.flying.values():
            total[keys] += values
        return total


class Peers:
    """One run. exact: numbers are such that no sum is rounded, and each decision is judged."""

    def __init__(
        self, student: Any, setting: Setting, rng: np.random.Generator, exact: bool = True
    ) -> None:
        self.setting, self.exact, self._rng = setting, exact, rng
        self.now, self._events, self._ties = 0.0, list[Any](), count()
        zeros = np.zeros(setting.size)
        self.workers = [
            Worker(student.converse("sender", setting.size), zeros.copy(), zeros.copy())
            for _ in setting.pace
        ]
        self.total = zeros.copy()  # the sum of all updates
        self.paths = np.zeros((len(setting.pace), setting.size))
        self.totals: list[tuple[float, Array]] = []  # after each update

    def run(self, until: Callable[[Array], bool] = lambda total: False) -> Peers:
        """Until all updates are made, or that of their sum is true; then nothing may be left."""
        for who, worker in enumerate(self.workers):
            worker.talk.go_on()
            self._after(self._seconds(who), partial(self._computed, who))
        while self._events:
            self.now, _, event = heappop(self._events)
            event()
            if self.totals and until(self.totals[-1][1]):
                return self
        for who, worker in enumerate(self.workers):
            if worker.made < self.setting.updates:
                raise Wrong(
                    f"{self.setting}: nothing is under way any more, and worker {who} waits "
                    f"with {worker.waiting} after {worker.made} updates; not seen by all: "
                    f"{worker.unseen()}, of it unsent {worker.unsent}"
                )
        return self

    def flush(self) -> Peers:
        """With a bound of 0 all that is left is sent."""
        for who in range(len(self.workers)):
            self._send(who, 0.0)
        while self._events:
            self.now, _, event = heappop(self._events)
            event()
        return self

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heappush(self._events, (self.now + seconds, next(self._ties), event))

    def _seconds(self, who: int) -> float:
        return self.setting.pace[who] * float(self._rng.uniform(0.9, 1.1))

    def _computed(self, who: int) -> None:
        worker = self.workers[who]
        worker.waiting = self.setting.update(who, worker.weights)
        self._try(who)

    def _try(self, who: int) -> None:
        self._tried(who, self._say(self.workers[who], "try", *self._question(who)))

    def _question(self, who: int) -> list[Any]:
        """What the decision is made from; nothing if no update waits."""
        worker = self.workers[who]
        if worker.waiting is None:
            return []
        missing = [] if worker.busy else self._others(who)
        return [worker.waiting, self.setting.bound, missing, self.setting.room]

    def _tried(self, who: int, reply: Any) -> None:
        """Whether the update that waits may go; then the next one is computed."""
        worker, bound = self.workers[who], self.setting.bound
        update, free = worker.waiting, not worker.busy
        if update is None or type(reply) is not list or len(reply) != 3:
            raise Wrong("expected where the update waits, and what is sent")
        waits = flags(reply[0], self.setting.size)
        unseen = worker.unseen()
        if self.exact:
            self._judge(who, waits, (unseen != 0) & (np.abs(unseen + update) > bound))
        if not waits.any():
            worker.waiting = None
            worker.made += 1
            worker.weights = worker.weights + update
            worker.unsent = worker.unsent + update
            self.total = self.total + update
            self.paths[who] += np.abs(update)
            self.totals.append((self.now, self.total))
            self._read(who)
            if worker.made < self.setting.updates:
                self._after(self._seconds(who), partial(self._computed, who))
        else:
            self._read(who)
        if free:
            self._emit(who, bound, reply[1])

    def _others(self, who: int) -> list[int]:
        return [other for other in range(len(self.workers)) if other != who]

    def _judge(self, who: int, waits: Array, should: Array) -> None:
        if waits.any() == should.any():
            return
        worker, places = self.workers[who], np.flatnonzero(waits | should).tolist()
        raise Wrong(
            f"{self.setting}, {self.now:.2f} s: worker {who} has {worker.unseen()} that not all "
            f"have seen, and the update {worker.waiting}: expected it to "
            + (f"wait in {places}, and it went" if should.any() else "go")
            + (f", and it was to wait in {places}" if waits.any() else "")
        )

    def _send(self, who: int, bound: float) -> None:
        """A message, if the link is free and there is anything to send."""
        worker = self.workers[who]
        if worker.busy or not worker.unsent.any():
            return
        reply = self._say(worker, "send", self._others(who), bound, self.setting.room)
        if type(reply) is not list or len(reply) != 2:
            raise Wrong("expected the keys of a message and its values")
        self._emit(who, bound, reply[0])

    def _emit(self, who: int, bound: float, chosen: Any) -> None:
        worker, others = self.workers[who], self._others(who)
        keys = chosen_keys(chosen, self.setting.size)
        if not keys.size:
            return
        if 16 * keys.size > self.setting.room:
            raise Wrong(
                f"a message of {16 * keys.size} bytes has {self.setting.room} bytes of room"
            )
        values, number = worker.unsent[keys], worker.sent + 1
        if not values.all():
            raise Wrong(
                f"{self.setting}, {self.now:.2f} s: worker {who} has {worker.unsent} unsent, and "
                f"was to send the keys {keys.tolist()}: expected only keys of which something is"
            )
        worker.sent = number
        worker.entries += keys.size
        worker.unsent[keys] = 0
        worker.flying[number] = keys, values, set(others)
        worker.busy = True
        wire = AN_ENTRY * keys.size
        self._after(wire, partial(self._free, who, bound))
        for other in others:
            come = partial(self._deliver, other, who, number, keys, values)
            self._after(wire + LATENCY, come)

    def _free(self, who: int, bound: float) -> None:
        self.workers[who].busy = False
        self._send(who, bound)

    def _deliver(self, to: int, who: int, number: int, keys: Array, values: Array) -> None:
        """It has come; it is read before the next update is computed, or at once by who waits."""
        worker = self.workers[to]
        worker.inbox.append((who, number, keys, values))
        if worker.waiting is not None or worker.made >= self.setting.updates:
            self._read(to)

    def _read(self, to: int) -> None:
        worker = self.workers[to]
        inbox, worker.inbox = worker.inbox, []
        for who, number, keys, values in inbox:
            worker.weights = worker.weights.copy()
            worker.weights[keys] += values
            for _ in range(1 + int(self._rng.random() < 0.3)):  # news may come twice, and late
                late = LATENCY * float(self._rng.uniform(1, 3))
                self._after(late, partial(self._acknowledged, who, to, number))

    def _acknowledged(self, who: int, by: int, number: int) -> None:
        """Worker ``by`` says that it has seen this message of ``who``, and all before it."""
        worker = self.workers[who]
        for each, (_, _, missing) in list(worker.flying.items()):
            if each <= number:
                missing.discard(by)
                if not missing:
                    del worker.flying[each]
        reply = self._say(worker, "seen", by, number, self._question(who))
        if type(reply) is not list or len(reply) != 2:
            raise Wrong("expected what is flying, and what becomes of the update that waits")
        if self.exact and reply[0] != list(worker.flying):
            raise Wrong(
                f"{self.setting}, {self.now:.2f} s: worker {by} has seen message {number} of "
                f"worker {who}: expected the messages {list(worker.flying)} to be flying still, "
                f"got {str(reply[0])[:200]}"
            )
        if worker.waiting is not None:
            self._tried(who, reply[1])

    def _say(self, worker: Worker, *what: Any) -> Any:
        ended, reply = worker.talk.go_on(list(what))
        if ended:
            raise Wrong("the conversation has ended before its time")
        return reply


def flags(value: Any, size: int) -> Array:
    value = typed(value, np.ndarray, "what hinders returns")
    if value.shape != (size,) or value.dtype != np.bool_:
        raise Wrong(f"hinders: expected {size} bool, got {value.dtype} of shape {value.shape}")
    return value


def chosen_keys(value: Any, size: int) -> Array:
    value = typed(value, np.ndarray, "what worth_sending returns")
    if value.ndim != 1 or value.dtype != np.int64:
        raise Wrong(f"worth_sending: expected (k,) int64, got {value.dtype} of shape {value.shape}")
    if value.size and not (value.min() >= 0 and value.max() < size and (np.diff(value) > 0).all()):
        raise Wrong(f"worth_sending: expected ascending keys below {size}, got {value.tolist()}")
    return value


def synchronous(
    setting: Setting, rng: np.random.Generator, done: Callable[[Array], bool]
) -> tuple[float, int]:
    """BSP: seconds and updates until it is done, if all wait for the slowest in each round."""
    weights, seconds, made = np.zeros(setting.size), 0.0, 0
    while not done(weights):
        updates = [setting.update(who, weights) for who in range(len(setting.pace))]
        weights = weights + sum(updates)
        seconds += max(pace * float(rng.uniform(0.9, 1.1)) for pace in setting.pace) + 2 * LATENCY
        made += len(updates)
    return seconds, made
