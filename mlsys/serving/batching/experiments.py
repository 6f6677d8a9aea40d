"""What batches are worth: experiments on the virtual clock, the same for everybody.

The curves are those of a device that takes a fixed time for a batch and some for each request in
it. Sources: Crankshaw and others, NSDI 2017 (Clipper), figures 3 to 5; Dean and Barroso, CACM 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.serving.batching.admission import QueueLimit
from mlsys.serving.batching.deadlines import largest
from mlsys.serving.batching.policies import AIMD, Fixed
from mlsys.serving.batching.policy import Policy, Request
from mlsys.serving.batching.simulated import Linear, Outcome, Service, simulate

Array = NDArray[np.float64]
OBJECTIVE = 0.020  # seconds that a batch may take
LINEAR = Linear(850e-6, 33e-6)  # a linear model behind Python: nearly all is paid once
CONVOLUTIONAL = Linear(2e-3, 1.4e-3)  # a network of convolutions: nearly all is paid for each


def saturated(
    policy: Policy, device: Linear, seconds: float, service: Service | None = None
) -> Outcome:
    """More requests than can be answered, so that the device is never idle.

    A tenth more come than the largest batches in time could take, at equal distances; no more wait
    than three such batches.
    """
    size = largest(device.seconds, OBJECTIVE, most=4096)
    arrivals = np.arange(0, seconds, device.seconds(size) / (1.1 * size))
    return simulate(policy, arrivals, service or device, admission=QueueLimit(3 * size))


@dataclass(frozen=True)
class Gain:
    """Answers a second without batches, with batches that adapt, and with the best fixed size."""

    one_by_one: float
    adaptive: float
    best: float
    best_size: int
    late: float  # share of adaptive batches that took longer than the objective

    @property
    def times(self) -> float:
        """How many times as many answers adapting gives."""
        return self.adaptive / self.one_by_one


def gain(device: Linear, seconds: float = 4.0) -> Gain:
    """Adaptive batches against none, and against the largest size whose batches are in time.

    The adaptive ones begin with one request, and their way up counts.
    """
    size = largest(device.seconds, OBJECTIVE, most=4096)
    adaptive = saturated(AIMD(OBJECTIVE), device, seconds)
    begun, done, _ = adaptive.batches.T
    return Gain(
        one_by_one=1 / device.seconds(1),
        adaptive=adaptive.throughput,
        best=size / device.seconds(size),
        best_size=size,
        late=float(np.mean(done - begun > OBJECTIVE)),
    )


@dataclass(frozen=True)
class Tracked:
    """Batches before and after the device has become slower, in the order of time."""

    begun: Array
    sizes: Array
    change: float  # when, in seconds
    best: tuple[float, float]  # the largest in time, before and after

    def settled(self, tolerance: float = 0.2) -> float:
        """Seconds from the change until a batch is no more than so much above the new best."""
        after = self.begun >= self.change
        small = self.sizes <= (1 + tolerance) * self.best[1]
        return float(self.begun[after & small][0] - self.change)


def slower_device(device: Linear = LINEAR, times: float = 2.0, change: float = 7.0) -> Tracked:
    """AIMD on a device that takes ``times`` as long from one moment on, always saturated."""
    slow = Linear(times * device.fixed, times * device.each)

    def service(batch: Sequence[Request], now: float) -> float:
        return (device if now < change else slow)(batch, now)

    begun, _, sizes = saturated(AIMD(OBJECTIVE), device, 1.5 * change, service).batches.T
    before, after = ((OBJECTIVE - each.fixed) / each.each for each in (device, slow))
    return Tracked(begun, sizes, change, (before, after))


@dataclass(frozen=True)
class Waited:
    """What it is worth to wait for company, at one rate of arrivals."""

    wait: float  # seconds that the first of a batch may wait
    latency: float  # mean, seconds
    tail: float  # of which one in a hundred is slower
    utilisation: float
    size: float


def worth_of_waiting(
    rate: float, waits: Sequence[float], device: Linear = LINEAR, count: int = 20_000
) -> list[Waited]:
    """Poisson arrivals, batches that go after ``wait`` seconds or at 512, for each of ``waits``."""
    found = []
    for wait in waits:
        arrivals = poisson_arrivals(rate, count, np.random.default_rng(0))
        outcome = simulate(Fixed(512, wait), arrivals, device)
        found.append(
            Waited(
                wait,
                float(outcome.latency.mean()),
                outcome.tail(99),
                outcome.utilisation,
                outcome.batch_size,
            )
        )
    return found


def fan_out(slow: float, machines: int) -> float:
    """The share of requests that wait for a slow machine, if each asks so many.

    slow: the share of answers of one machine that are slow. 1 - (1 - slow)^machines.

    >>> round(fan_out(0.01, 100), 2)
    0.63
    """
    return 1 - (1 - slow) ** machines
