"""Who is let in? A queue that only grows answers everybody too late.

Above capacity no order of service helps: some must be turned away, and best at the door, where it
costs nothing and they can go elsewhere. The answer says when to come again (HTTP's 429 with
``Retry-After``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from mlsys.serving.batching.policy import Request


class Admission(Protocol):
    """Decides at the door."""

    def admit(self, now: float, waiting: int, request: Request) -> float:
        """0: come in. More: seconds after which to try again. waiting: how many are inside."""

    def done(self, now: float, answered: int, seconds: float) -> None:
        """So many requests have been answered by now, in one batch that took so long."""


class Unlimited:
    """Everybody."""

    def admit(self, now: float, waiting: int, request: Request) -> float:
        """Come in."""
        return 0.0

    def done(self, now: float, answered: int, seconds: float) -> None:
        """Nothing is learned."""


@dataclass
class QueueLimit(Unlimited):
    """No more than ``most`` who wait; the others shall try again in ``retry`` seconds."""

    most: int
    retry: float = 1.0

    def __post_init__(self) -> None:
        if self.most < 1 or not self.retry > 0:
            raise ValueError(f"expected most >= 1 and retry > 0 s, got {self.most}, {self.retry}")

    def admit(self, now: float, waiting: int, request: Request) -> float:
        """Is there a place?"""
        return 0.0 if waiting < self.most else self.retry


@dataclass
class EstimatedWait:
    """Only those whose turn comes within ``objective`` seconds, as things go.

    By Little's law a queue of L that is answered at rate r takes L / r. The rate is that
    of ``devices`` devices while they work: answers over seconds of the last batches,
    where one that lies ``memory`` seconds of work back is worth 1/e of a new one. A server
    that had little to do knows the rate of small batches; in a rush it learns that of
    larger ones.
    """

    objective: float
    memory: float = 0.1
    devices: int = 1

    def __post_init__(self) -> None:
        if not (self.objective > 0 and self.memory > 0 and self.devices >= 1):
            raise ValueError(
                f"expected objective and memory > 0 s and devices >= 1, got {self.objective}, "
                f"{self.memory}, {self.devices}"
            )
        self._answered = self._worked = 0.0

    @property
    def rate(self) -> float:
        """Answers a second when there is work; infinite before the first batch."""
        return self.devices * self._answered / self._worked if self._worked else math.inf

    def admit(self, now: float, waiting: int, request: Request) -> float:
        """Would it wait too long?"""
        return max(0.0, waiting / self.rate - self.objective)

    def done(self, now: float, answered: int, seconds: float) -> None:
        """What was learned before fades, by the time that was worked."""
        kept = math.exp(-seconds / self.memory)
        self._answered = kept * self._answered + answered
        self._worked = kept * self._worked + seconds
