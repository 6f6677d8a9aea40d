"""What is known of a program after it ran on a cluster: values, time, traffic, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.cluster.communicator import ClusterError
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.rank import Rank
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

    def add(self, nbytes: int, messages: int, busy: float) -> None:
        """So much more."""
        self.nbytes += nbytes
        self.messages += messages
        self.busy += busy


@dataclass
class Traffic:
    """What every rank has sent and done; arrays of shape (ranks,)."""

    sent_bytes: Counts
    sent_messages: Counts
    received_bytes: Counts
    received_messages: Counts
    compute: Seconds  # seconds of work
    waited: Seconds  # seconds in which a call had to wait
    rounds: int  # messages in the longest chain, each of which could not leave before the last
    links: list[LinkTraffic]

    @classmethod
    def of(cls, ranks: Sequence[Rank], links: list[LinkTraffic]) -> Traffic:
        """What has been counted for each rank, as arrays."""
        return cls(
            sent_bytes=np.array([rank.sent_bytes for rank in ranks]),
            sent_messages=np.array([rank.sent_messages for rank in ranks]),
            received_bytes=np.array([rank.received_bytes for rank in ranks]),
            received_messages=np.array([rank.received_messages for rank in ranks]),
            compute=np.array([rank.compute for rank in ranks]),
            waited=np.array([rank.waited for rank in ranks]),
            rounds=max(rank.depth for rank in ranks),
            links=links,
        )


@dataclass
class Run:
    """A program that has run: ``values[r]`` is what rank r returned, None if it is in ``dead``."""

    values: list[Any]
    seconds: float  # on the cluster's clock, from the start to the last return
    traffic: Traffic | None = None  # None on MPI, where nobody counts
    trace: Trace | None = None
    dead: tuple[int, ...] = ()


def refuse_leftovers(ranks: Sequence[Rank], faults: Faults) -> None:
    """A message that nobody received is a mistake, as in MPI, unless something went wrong."""
    left = [message for rank in ranks for message in rank.box.left()]
    if left and not faults.of_messages and all(rank.alive for rank in ranks):
        rows = [
            f"rank {each.source} sent rank {each.dest} {each.nbytes} bytes (tag {each.tag})"
            for each in left[:4]
        ]
        raise ClusterError(
            f"the program ended, and {len(left)} message(s) were never received: {'; '.join(rows)}"
        )
