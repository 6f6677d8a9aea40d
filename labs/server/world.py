"""Users and two servers on the grader's clock, and what has become of each question."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autograder.streams import Connection, StudentServer
from mlsys.foundations.simulation.events import Simulator

A, B = "a", "b"


@dataclass
class Asked:
    """A question of a user, and who was asked for it when."""

    at: float
    answers: list[tuple[float, bytes]] = field(default_factory=list)  # when, what
    servers: list[tuple[float, str]] = field(default_factory=list)
    given_up: list[tuple[float, str]] = field(default_factory=list)  # closed before it had answered

    @property
    def latency(self) -> float:
        """Seconds to the first answer."""
        return self.answers[0][0] - self.at if self.answers else float("inf")


class World:
    """seconds: how long each server takes for each question, (n, 2); nan: it fails after 1 ms."""

    def __init__(self, student, arrivals: np.ndarray, seconds: np.ndarray) -> None:
        self.simulator = Simulator()
        self.seconds = seconds
        self.asked = [Asked(float(at)) for at in arrivals]
        self.server = StudentServer(student, simulator=self.simulator, backend=self._connected)
        for number, each in enumerate(self.asked):
            self.simulator.at(each.at, self._ask, number)
        last = float(arrivals[-1]) + 2 * float(np.nanmax(seconds)) + 1
        self.server.run(until=last)

    def _ask(self, number: int) -> None:
        asked = self.asked[number]

        def hears(data: bytes) -> None:
            if data:
                asked.answers.append((self.simulator.now, data))

        self.server.open(hears).send(b"question %d\n" % number)

    def _connected(self, name: str, connection: Connection) -> None:
        def hears(data: bytes) -> None:
            words = data.split()
            if len(words) == 2 and words[1].isdigit() and int(words[1]) < len(self.asked):
                self._work(name, connection, int(words[1]))

        connection.hears = hears

    def _work(self, name: str, connection: Connection, number: int) -> None:
        asked, now = self.asked[number], self.simulator.now
        asked.servers.append((now, name))
        taken = self.seconds[number, 0 if name == A else 1]
        done = []

        def answer() -> None:
            done.append(True)
            if np.isnan(taken):
                connection.end()
            else:
                connection.send(b"answer %d of %s\n" % (number, name.encode()))

        def hears(data: bytes) -> None:
            if not data and not done:
                asked.given_up.append((self.simulator.now, name))

        connection.hears = hears
        self.simulator.after(0.001 if np.isnan(taken) else float(taken), answer)


EVERY = 40  # questions from one that is slow to the next


def usual(rng: np.random.Generator, count: int, seconds: float = 0.005) -> np.ndarray:
    """What both servers take: about so long, and every 40th 40 times as long, never both."""
    taken = seconds * np.clip(rng.lognormal(0, 0.25, (count, 2)), 0.5, 2)
    first = int(rng.integers(EVERY))
    taken[first::EVERY, 0] = 40 * seconds
    taken[(first + EVERY // 2) % EVERY :: EVERY, 1] = 40 * seconds
    return taken


def slow_ones(world: World, since: int) -> list[Asked]:
    """The questions from ``since`` on for which a takes long."""
    usually = np.median(world.seconds[since:, 0])
    slow = np.flatnonzero(world.seconds[:, 0] > 20 * usually)
    return [world.asked[number] for number in slow if number >= since]


def arrivals(rng: np.random.Generator, count: int, rate: float) -> np.ndarray:
    """Poisson."""
    return np.cumsum(rng.exponential(1 / rate, count))
