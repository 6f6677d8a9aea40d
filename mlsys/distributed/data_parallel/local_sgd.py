"""Local SGD: each rank goes its own way for τ steps, then all take the mean of their weights.

A step costs Y seconds of work and an averaging D, so that with one averaging in τ steps a step
takes Y + D/τ. What is saved is paid for in error: between two averagings the ranks drift towards
the optima of their own examples, the more the larger τ, and the mean of where they end is not where
all together would have gone. So a large τ is fast at first and stops at a higher loss. Adaptive
communication begins with a large τ and lowers it with the loss, and has both.
Source: Stich, "Local SGD converges fast and communicates little", ICLR 2019; Wang and Joshi,
"Adaptive communication strategies to achieve the best error-runtime trade-off in local-update
SGD", MLSys 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster.communicator import Array, Communicator

Period = Callable[[float, float], int]  # (seconds so far, loss) -> steps until the next averaging


class Trajectory(NamedTuple):
    """One row for the start and for each averaging; arrays of one length, for a figure."""

    seconds: Array  # on the cluster's clock, as this rank reads it
    steps: Array  # of each rank, so far
    loss: Array  # of the averaged weights
    period: Array  # τ: the steps that follow


def local_sgd(
    comm: Communicator,
    weights: Array,
    gradient: Callable[[Array, int], Array],
    loss: Callable[[Array], float],
    lr: float,
    period: Period,
    step_seconds: float,
    until: float,
) -> Trajectory:
    """Train for ``until`` seconds of the cluster's clock; changes ``weights``, (n,), in place.

    gradient: of this rank's examples, (n,), from its weights and the number of the step.
    loss: a number that every rank can compute, such as that of held-out examples: it must be the
        same on all, who decide by it without talking.
    step_seconds: what one step costs on the virtual clock.
    """
    steps, now, rows = 0, 0.0, []
    while True:
        tau = period(now, error := loss(weights))
        rows.append((comm.now(), steps, error, tau))
        if now >= until:
            return Trajectory(*map(np.array, zip(*rows, strict=True)))
        for _ in range(tau):
            weights -= lr * gradient(weights, steps)
            steps += 1
            comm.compute(step_seconds)
        now = average_weights(comm, weights)


def average_weights(comm: Communicator, weights: Array) -> float:
    """Replace weights by their mean over the ranks, in place; returns a time, the same on all.

    Clocks of different ranks differ. They travel along with the weights, as they were at the
    start, and whatever is decided by the clock is decided by their mean.
    """
    both = np.append(weights, weights.dtype.type(comm.now()))
    ring_allreduce(comm, both)
    both /= comm.size
    weights[:] = both[:-1]
    return float(both[-1])


def fixed(tau: int) -> Period:
    """The same number of steps each time; 1 is synchronous training."""
    return lambda seconds, loss: tau


# ------------------------------------------------------------ adaptive communication


def next_period(first: int, now: int, loss: float, first_loss: float, shrink: float = 0.5) -> int:
    """AdaComm's τ for the next interval, from that of the first and that of the interval now.

    After T seconds the bound on the error has a term that τ shrinks, 2F/(ηT) · (Y + D/τ), and one
    that it grows, η²L²σ²(τ - 1), with F the loss at the start, η the learning rate, L the
    smoothness and σ² the variance of gradients. Their sum is least at τ² = 2FD/(η³L²σ²T): from one
    interval to the next τ goes with the root of the loss, and the constants, which nobody knows,
    cancel; a learning rate that changes would not. Where that gives no smaller τ, ``shrink`` makes
    it smaller: the loss falls towards its least value, which need not be zero.

    >>> [next_period(20, 20, loss, 2.0) for loss in (2.0, 0.5, 0.02)]
    [10, 10, 2]
    """
    wanted = math.ceil(first * math.sqrt(loss / first_loss))
    return max(1, wanted if wanted < now else math.ceil(shrink * now))


class AdaComm:
    """``next_period`` at the end of each interval; a `Period` with a memory, one for each rank.

    first: τ of the first interval, found by trying a few. interval: seconds, some dozens of steps.
    """

    def __init__(self, first: int, interval: float, shrink: float = 0.5) -> None:
        if first < 1 or not interval > 0 or not 0 < shrink < 1:
            raise ValueError(
                f"expected first >= 1, interval > 0 s and 0 < shrink < 1, "
                f"got {first}, {interval} and {shrink}"
            )
        self.first, self.interval, self.shrink = first, interval, shrink
        self._now, self._end, self._first_loss = first, interval, math.nan

    def __call__(self, seconds: float, loss: float) -> int:
        """τ from now on."""
        if math.isnan(self._first_loss):
            self._first_loss = loss
        elif seconds >= self._end:
            self._now = next_period(self.first, self._now, loss, self._first_loss, self.shrink)
            self._end = seconds + self.interval
        return self._now
