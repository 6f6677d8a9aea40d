"""A roofline: no program is faster than the machine computes, or than memory feeds it.

An operator that does I FLOPs per byte can reach min(peak, I x bandwidth) FLOP/s (Williams,
Waterman and Patterson, 2009). Left of the ridge, at I = peak / bandwidth, more bandwidth
would help and faster arithmetic would not; right of it, the reverse. The roof is a bound,
not a forecast: it takes memory to be read in long runs and the arithmetic to overlap it.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.measurement.timing import Clock, repeat


class Bound(enum.Enum):
    """What keeps an operator from being faster."""

    MEMORY = "memory"
    COMPUTE = "compute"


@dataclass(frozen=True)
class Machine:
    """Two numbers that bound what a machine can do.

    >>> laptop = Machine(peak=100e9, bandwidth=20e9)
    >>> laptop.ridge, laptop.attainable(0.25), laptop.classify(0.25)
    (5.0, 5000000000.0, <Bound.MEMORY: 'memory'>)
    """

    peak: float  # FLOP/s
    bandwidth: float  # bytes/s
    name: str = ""

    def __post_init__(self) -> None:
        for what, value in (("peak", self.peak), ("bandwidth", self.bandwidth)):
            if not 0 < value < math.inf:
                raise ValueError(
                    f"{what}: expected a finite rate > 0 per second, got {value}; "
                    f"measure it with measure_machine()"
                )

    @property
    def ridge(self) -> float:
        """The intensity, in FLOPs per byte, from which arithmetic is the limit."""
        return self.peak / self.bandwidth

    def attainable(self, intensity: float) -> float:
        """FLOP/s that an operator of this intensity can reach at most."""
        return min(self.peak, _checked(intensity) * self.bandwidth)

    def classify(self, intensity: float) -> Bound:
        """Which roof an operator of this intensity is under; at the ridge, it is compute."""
        return Bound.MEMORY if _checked(intensity) < self.ridge else Bound.COMPUTE

    def seconds(self, flops: float, moved_bytes: float) -> float:
        """The least time for so many FLOPs and bytes, each done while the other is."""
        return max(flops / self.peak, moved_bytes / self.bandwidth)


def measure_machine(
    name: str = "", side: int = 768, elements: int = 1 << 24, clock: Clock = time.perf_counter
) -> Machine:
    """This machine, as NumPy sees it, in single precision. About a second.

    Peak: a (side, side) matrix product. Bandwidth: a sum a = b + c of arrays of ``elements``,
    too many for the caches, counted as two reads and one write (the STREAM benchmark's
    rule). Of several repeats the fastest counts: a roof is what the machine can do.
    """
    x = np.ones((side, side), np.float32)
    product = np.empty_like(x)
    b = np.ones(elements, np.float32)
    c, a = np.ones_like(b), np.zeros_like(b)
    return Machine(
        peak=2 * side**3 / fastest(lambda: np.matmul(x, x, out=product), clock),
        bandwidth=3 * a.nbytes / fastest(lambda: np.add(b, c, out=a), clock),
        name=name,
    )


def fastest(work: Callable[[], object], clock: Clock) -> float:
    """Seconds of the quickest of twenty calls."""
    return float(repeat(work, repeats=20, warmup=2, clock=clock).min())


def _checked(intensity: float) -> float:
    if not 0 <= intensity < math.inf:
        raise ValueError(
            f"intensity: expected finite FLOPs per byte >= 0, got {intensity}; "
            f"divide the FLOPs by the bytes moved"
        )
    return intensity
