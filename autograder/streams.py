"""A student's server under load that the grader plays, on the grader's clock.

The server runs in the sandbox (`listening.listen`, called by the lab's probe); users, back ends and
the clock are here. Nothing is timed by a real clock, so latencies and counts are the same on every
machine, and an hour of traffic takes a second. A check writes users as functions on a `Simulator`:
they open connections, send bytes, and are called with what comes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograder.student import Student, StudentError
from mlsys.foundations.simulation.events import Simulator

PROBE = "serve"  # of the lab's probes.py: serve(talk, module, *arguments)
MOST_EXCHANGES = 20_000
MOST_BYTES = 2**26
Hears = Callable[[bytes], object]  # b"": the other side has closed


class Connection:
    """One end of a stream: the grader's."""

    def __init__(self, number: int, inbox: list[list[Any]], hears: Hears) -> None:
        self.number, self.hears = number, hears
        self.closed = False  # by the student
        self._inbox = inbox

    def send(self, data: bytes) -> None:
        """Bytes to the student."""
        self._inbox.append([self.number, "data", data])

    def end(self) -> None:
        """No more will come."""
        self._inbox.append([self.number, "end", b""])


class StudentServer:
    """The student's server, and the world around it.

    simulator: its clock is the server's. backend: called with a name and a connection when the
    server opens one; sets ``connection.hears``.
    """

    def __init__(
        self,
        student: Student,
        *arguments: object,
        simulator: Simulator,
        backend: Callable[[str, Connection], object] | None = None,
    ) -> None:
        self._conversation = student.converse(PROBE, *arguments)
        self._simulator, self._backend = simulator, backend
        self._inbox: list[list[Any]] = []
        self._connections: dict[int, Connection] = {}
        self._opened = self._exchanges = self._bytes = 0

    def open(self, hears: Hears) -> Connection:
        """A new connection of a user to the server."""
        connection = Connection(2 * self._opened, self._inbox, hears)
        self._opened += 1
        self._connections[connection.number] = connection
        self._inbox.append([connection.number, "open", b""])
        return connection

    def run(self, until: float = math.inf) -> None:
        """Let time pass until nothing more will happen, or until a moment.

        Raises `StudentError` if the server ends by itself, or says what no server says.
        """
        wake = self._exchange(None)
        while True:
            self._wait(min(wake, until))
            if self._simulator.now >= until or not (self._inbox or wake < math.inf):
                break
            wake = self._exchange([self._simulator.now, self._taken()])
        self._conversation.go_on(None)

    def _wait(self, wake: float) -> None:
        """Let the world go on until something comes for the student, or the moment ``wake``."""
        alarm = self._simulator.at(wake, lambda: None) if wake < math.inf else None
        while not self._inbox and (alarm is None or alarm.pending) and self._simulator.step():
            pass
        if alarm is not None:
            alarm.cancel()

    def _taken(self) -> list[list[Any]]:
        taken = list(self._inbox)
        self._inbox.clear()
        return taken

    def _exchange(self, heard: object) -> float:
        """Say what has happened, and hear: the time of the next timer, and what was sent."""
        self._exchanges += 1
        ended, said = self._conversation.go_on(heard)
        if ended:
            raise StudentError("ended", "the server ended, though there were still users")
        if self._exchanges > MOST_EXCHANGES:
            raise StudentError(
                "output_limit", f"the server acted more than {MOST_EXCHANGES:,} times"
            )
        wake, sent = _checked(said)
        for number, kind, data in sent:
            self._hear(number, kind, data)
        return max(wake, self._simulator.now)

    def _hear(self, number: int, kind: str, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            raise StudentError("output_limit", f"the server sent more than {MOST_BYTES:,} bytes")
        if kind == "connect":
            self._connect(number, data.decode("utf-8", "replace"))
            return
        connection = self._connections.get(number)
        if connection is None or connection.closed:
            return
        connection.closed = kind == "end"
        connection.hears(data)

    def _connect(self, number: int, name: str) -> None:
        if self._backend is None or number in self._connections or number % 2 == 0:
            raise StudentError("not_plain", f"there is no back end {name!r} to connect to")
        connection = Connection(number, self._inbox, lambda data: None)
        self._connections[number] = connection
        self._backend(name, connection)


def _checked(said: Any) -> tuple[float, list[list[Any]]]:
    """Plain data as `listening.listen` says it; anything else was said by somebody else."""
    try:
        wake, sent = said
        wake = math.inf if wake is None else float(wake)
        for number, kind, data in sent:
            plain = type(number) is int and type(kind) is str and type(data) is bytes
            if not plain or kind not in ("data", "end", "connect"):
                raise ValueError
        if math.isnan(wake):
            raise ValueError
    except (TypeError, ValueError):
        raise StudentError("not_plain", "the reply was none that a server gives") from None
    return wake, sent
