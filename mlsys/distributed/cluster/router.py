"""The cluster side on the real clock: one place that all traffic between ranks passes.

    router = Router(4)
    threads of `serve(rank, channel)`, one for each rank; and here
    router.run(timeout=60)

A rank's thread reads a call, waits until the exchange has its value and writes the reply: what
ranks share is under one lock, a monitor (Hoare, 1974), and each thread that waits has a condition
of its own. Cost: two crossings a call and, where a rank waits for another, one change of threads.

The router knows nothing of processes: a channel may lead to one, to a sandbox, or to a thread. What
comes out of it is checked, and never unpickled here.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from mlsys.distributed.cluster.calls import Call, Raised, Reply, Returned
from mlsys.distributed.cluster.communicator import ClusterError, Deadlock, RankFailed
from mlsys.distributed.cluster.exchange import PENDING, Exchange, Seat
from mlsys.distributed.cluster.faults import NOTHING_WRONG, Faults
from mlsys.distributed.cluster.run import Run, Traffic, refuse_leftovers
from mlsys.distributed.cluster.shipping import program_failed
from mlsys.distributed.cluster.untrusted import checked

STILL = 0.25  # seconds of standstill in which a death may yet be noticed that ends it


class Channel(Protocol):
    """The way to one rank. Both methods raise EOFError or OSError when the rank is gone."""

    def receive(self) -> tuple[Call | Returned | Raised, str]:
        """What the rank says next, and the line of its program ("" if unknown)."""

    def send(self, reply: Reply) -> None:
        """Let the rank go on."""


class Gone(Exception):
    """There is no rank left that could be answered."""


class Router:
    """Serves ``ranks`` ranks until each has returned, raised or died.

    faults: delays, drops and overtaking are done to messages; a crash calls ``kill(rank)``.
    eager, buffer: as in `Exchange`. room: bytes that one rank may have under way at most.
    """

    def __init__(
        self,
        ranks: int,
        *,
        faults: Faults = NOTHING_WRONG,
        eager: float = math.inf,
        buffer: float = math.inf,
        room: float = math.inf,
        kill: Callable[[int], None] = lambda rank: None,
    ) -> None:
        self.exchange = Exchange(ranks, faults, eager=eager, buffer=buffer, room=room)
        self.returned: dict[int, Any] = {}  # by rank, what it returned
        self.raised: dict[int, Raised] = {}
        self._kill = kill
        self._crashes = sorted(((at, rank) for rank, at in faults.crash.items()), reverse=True)
        self._hung_up: set[int] = set()  # their processes have ended; more may be read from them
        self._error: ClusterError | None = None
        self._over = False
        self._still_at = math.inf  # when a standstill counts as a deadlock
        self._lock = threading.Lock()
        self._freed = [threading.Condition(self._lock) for _ in range(ranks)]
        self._news = threading.Condition(self._lock)  # for whoever runs
        self._start, self._ended = time.perf_counter(), 0.0

    # A rank's thread.

    def serve(self, rank: int, channel: Channel) -> None:
        """Answer a rank's calls until it ends, or all is over."""
        try:
            while True:
                said, line = channel.receive()
                if isinstance(said, Returned | Raised):
                    return self.end(rank, said)
                channel.send(self.answer(rank, said, line))
        except Gone:
            pass
        except (EOFError, OSError):
            self.lose(rank)
        except Exception as error:  # what it said makes no sense: its end, not ours
            self.end(rank, Raised(error, f"{type(error).__name__}: {error}"))
            self._kill(rank)

    def answer(self, rank: int, call: Call, line: str = "") -> Reply:
        """The reply to a call; returns when there is one. Raises `Malformed`, and `Gone`."""
        with self._lock:
            self._refuse_the_gone(rank)
            began, seat = self.now(), self.exchange.ranks[rank]
            self.exchange.take(rank, checked(call, len(self._freed)), began, line)
            self._changed()
            if seat.value is PENDING:
                self._wait_for(seat)
                seat.waited += self.now() - began
            return self.now(), seat.value

    def _wait_for(self, seat: Seat) -> None:
        while seat.value is PENDING:
            self._refuse_the_gone(seat.number)
            self._freed[seat.number].wait()

    def end(self, rank: int, how: Returned | Raised) -> None:
        """A rank's program has returned or raised.

        One that raised because of a death is as good as dead to the others, who so come to their
        own error, or go on; any other error ends them all.
        """
        with self._lock:
            if self._over or not self.exchange.ranks[rank].alive:
                return
            if isinstance(how, Returned):
                self.returned[rank] = how.value
                self.exchange.dismiss(rank)
                self._ended = self.now()
            else:
                self.raised[rank] = how
                self._over = not isinstance(how.error, RankFailed)
                self._bury(rank)
            self._changed()

    def lose(self, rank: int) -> None:
        """A rank is dead."""
        with self._lock:
            self._bury(rank)
            self._changed()

    def hang_up(self, rank: int) -> None:
        """A rank's process has ended: it is dead, unless its channel still holds what it said."""
        with self._lock:
            self._hung_up.add(rank)
            self._changed()

    # The thread of whoever waits for all of them.

    def run(self, timeout: float) -> None:
        """Keep time until all ranks have ended; ``timeout`` in seconds from now.

        Raises `ProgramFailed`, `Deadlock`, and `ClusterError` when time is up.
        """
        with self._lock:
            deadline = self.now() + timeout
            while not self._over:
                self._keep_time(deadline)
        if self._error is not None:
            raise self._error
        if self.raised:
            raise program_failed(self.raised)

    def outcome(self) -> Run:
        """What is known after all have ended well, or died."""
        values = [self.returned.get(rank) for rank in range(len(self._freed))]
        ranks = self.exchange.ranks
        refuse_leftovers(ranks, self.exchange.faults)
        dead = tuple(sorted(self.exchange.dead))
        return Run(values, self._ended, Traffic.of(ranks, links=[]), None, dead)

    def now(self) -> float:
        """Seconds since the router was made."""
        return time.perf_counter() - self._start

    def close(self) -> None:
        """Let every thread that serves a rank end."""
        with self._lock:
            self._finish()

    # All of these hold the lock.

    def _keep_time(self, deadline: float) -> None:
        """Do what is due, then wait for the next of it, or for news."""
        now = self.now()
        if now >= self._still_at:
            self._finish(Deadlock(self.exchange.stuck()))
        if now >= deadline:
            self._finish(ClusterError(self._too_late(now)))
        while self._crashes and self._crashes[-1][0] <= now:
            self._crash(self._crashes.pop()[1])
        self.exchange.advance(now)
        self._changed()
        if not self._over:
            crash = self._crashes[-1][0] if self._crashes else math.inf
            due = min(deadline, crash, self.exchange.next_arrival, self._still_at)
            self._news.wait(max(0.0, due - self.now()))

    def _changed(self) -> None:
        """Wake whoever can go on, and see what the change means for all."""
        for rank in self._hung_up:
            if self.exchange.ranks[rank].call is not None:
                self._bury(rank)
        while self.exchange.freed:
            self._freed[self.exchange.freed.pop()].notify()
        left = self.exchange.left()
        self._crashes = [crash for crash in self._crashes if self.exchange.ranks[crash[1]] in left]
        if not self._crashes and self.exchange.stuck():
            self._still_at = min(self._still_at, self.now() + STILL)
        else:
            self._still_at = math.inf
        if self._over or not left:
            self._finish()
        if min(self._still_at, self.exchange.next_arrival) < math.inf:
            self._news.notify()

    def _finish(self, error: ClusterError | None = None) -> None:
        self._error, self._over = self._error or error, True
        for condition in (*self._freed, self._news):
            condition.notify_all()

    def _crash(self, rank: int) -> None:
        if self._bury(rank):
            self._kill(rank)

    def _bury(self, rank: int) -> bool:
        """Whether the rank was alive until now."""
        seat = self.exchange.ranks[rank]
        if self._over or not seat.alive or seat.returned:
            return False
        self.exchange.bury(rank)
        self._freed[rank].notify()
        return True

    def _refuse_the_gone(self, rank: int) -> None:
        if self._over or not self.exchange.ranks[rank].alive:
            raise Gone

    def _too_late(self, now: float) -> str:
        """Where each rank is when time is up."""
        rows = [f"the program has not ended after {now:.1f} s"]
        for seat in self.exchange.left():
            at = f", at {seat.line}" if seat.line else ""
            if seat.call is not None:
                what = seat.waiting(seat.line, self.exchange.ranks).what
                rows.append(f"rank {seat.number} waits {what}{at}")
            else:
                rows.append(f"rank {seat.number} has not called for {now - seat.since:.1f} s{at}")
        return "\n  ".join(rows)
