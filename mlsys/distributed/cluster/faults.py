"""What goes wrong on purpose: slow ranks, late, lost and overtaking messages, and deaths.

The same description serves the simulated cluster and the processes of a real one. It is drawn from
one seeded generator, in the order in which things happen: on the virtual clock the same seed gives
the same accidents at the same moments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Fate(NamedTuple):
    """What happens to one message."""

    dropped: bool
    delay: float  # seconds on top of its way
    overtakes: bool  # arrives whenever it does, before earlier ones too


UNHARMED = Fate(dropped=False, delay=0.0, overtakes=False)
Draw = Callable[[np.random.Generator], float]


@dataclass(frozen=True)
class Faults:
    """A plan of accidents; nothing goes wrong by default.

    speed: for a rank, how much of the work of a healthy one it does in a second (0.5: half).
    straggle: draws a factor >= 0 for the seconds of each piece of work.
    drop: the share of messages that are lost.
    delay: draws the seconds by which each message is late.
    reorder: the share of messages that may overtake earlier ones of the same sender which are
        late, against MPI's rule.
    crash: for a rank, the second in which it dies.
    """

    speed: Mapping[int, float] = field(default_factory=dict)
    straggle: Draw | None = None
    drop: float = 0.0
    reorder: float = 0.0
    delay: Draw | None = None
    crash: Mapping[int, float] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.drop <= 1 and 0 <= self.reorder <= 1):
            raise ValueError(
                f"drop, reorder: expected shares from 0 to 1, got {self.drop}, {self.reorder}"
            )
        if any(not speed > 0 for speed in self.speed.values()):
            raise ValueError(f"speed: expected numbers > 0, got {dict(self.speed)}")
        if any(not at >= 0 for at in self.crash.values()):
            raise ValueError(f"crash: expected seconds >= 0, got {dict(self.crash)}")

    @property
    def of_messages(self) -> bool:
        """Whether messages meet accidents at all."""
        return bool(self.drop or self.reorder or self.delay)

    @property
    def of_work(self) -> bool:
        """Whether work does."""
        return bool(self.speed or self.straggle)

    def work(self, rank: int, seconds: float, rng: np.random.Generator) -> float:
        """How long that much work takes on this rank."""
        factor = _drawn("straggle", self.straggle, rng) if self.straggle else 1.0
        return seconds * factor / self.speed.get(rank, 1.0)

    def fate(self, rng: np.random.Generator) -> Fate:
        """What happens to the next message."""
        return Fate(
            bool(self.drop) and rng.random() < self.drop,
            _drawn("delay", self.delay, rng) if self.delay else 0.0,
            bool(self.reorder) and rng.random() < self.reorder,
        )

    def check(self, ranks: int) -> None:
        """Raise ValueError if a rank is named that a cluster of so many does not have."""
        if strangers := {*self.speed, *self.crash} - {*range(ranks)}:
            raise ValueError(
                f"speed, crash: expected ranks from 0 to {ranks - 1}, got {sorted(strangers)}"
            )


def _drawn(name: str, draw: Draw, rng: np.random.Generator) -> float:
    value = float(draw(rng))
    if not 0 <= value < math.inf:
        raise ValueError(f"{name}: expected to draw finite numbers >= 0, got {value}")
    return value


NOTHING_WRONG = Faults()
