"""Where a worker's time goes, iteration by iteration: how long it waits, how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from mlsys.distributed.parameter_server.messages import Array


class Trajectory(NamedTuple):
    """One number for each iteration, as it begins to compute."""

    seconds: Array  # on the cluster's clock
    waited: Array  # seconds so far in which it waited for what it pulled
    watched: Array  # whatever was noted of its weights


class Pending(Protocol):
    """A task of a client."""

    def wait(self) -> Any:
        """Its values, once they have come."""


@dataclass
class Recorder:
    """Keeps the trajectory of a worker whose clock is ``now``."""

    now: Callable[[], float]
    waited: float = 0.0
    rows: list[tuple[float, float, float]] = field(default_factory=list)

    def wait(self, task: Pending) -> Any:
        """What ``task.wait`` returns, with the time that it takes on the account."""
        before = self.now()
        values = task.wait()
        self.waited += self.now() - before
        return values

    def begin(self, watched: float = np.nan) -> None:
        """An iteration begins to compute."""
        self.rows.append((self.now(), self.waited, watched))

    def trajectory(self) -> Trajectory:
        """All of it, as arrays of shape (iterations,)."""
        return Trajectory(*np.array(self.rows).reshape(-1, 3).T)
