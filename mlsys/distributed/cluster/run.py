"""What is known of a program after it ran on a cluster: values, time, traffic, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.cluster.communicator import ClusterError
from mlsys.foundations.measurement.trace import Trace

Counts = NDArray[np.int64]
Seconds = NDArray[np.float64]


class ProgramFailed(ClusterError):
    """One rank or more has raised. ``errors``: the exception of each; the text has a traceback."""

    def __init__(self, message: str, errors: dict[int, BaseException]) -> None:
        super().__init__(message)
        self.errors = errors


@dataclass
class LinkTraffic:
    """What went over one link."""

    name: str
    nbytes: int = 0
    messages: int = 0
    busy: float = 0.0  # seconds


@dataclass
class Traffic:
    """What every rank has sent and done; arrays of shape (ranks,)."""

    sent_bytes: Counts
    sent_messages: Counts
    received_bytes: Counts
    received_messages: Counts
    compute: Seconds  # seconds of work
    waited: Seconds  # seconds in which a call had to wait
    rounds: int = 0  # messages in the longest chain, each of which could not leave before the last
    links: list[LinkTraffic] = field(default_factory=list)

    @classmethod
    def none(cls, ranks: int) -> Traffic:
        """Nothing yet."""
        counts = [np.zeros(ranks, np.int64) for _ in range(4)]
        return cls(*counts, np.zeros(ranks), np.zeros(ranks))


@dataclass
class Run:
    """A program that has run: ``values[r]`` is what rank r returned, None if it is in ``dead``."""

    values: list[Any]
    seconds: float  # on the cluster's clock, from the start to the last return
    traffic: Traffic | None = None  # None on MPI, where nobody counts
    trace: Trace | None = None
    dead: tuple[int, ...] = ()
