"""The meter: bytes live and at most, allocations, operations; counted, not timed.

Counts are the same on every machine and on every run, so a claim about them can be tested.
Where no one counts by hand, ``measure_peak`` asks Python's own allocator, to which NumPy
reports its arrays.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Meter:
    """Explicit counters. Sizes are bytes.

    >>> meter = Meter()
    >>> meter.allocate(100); meter.allocate(50); meter.free(100); meter.count("matmul", 3)
    >>> meter.live, meter.peak, meter.allocations, meter.operations["matmul"]
    (50, 150, 2, 3)
    """

    live: int = 0
    peak: int = 0
    allocations: int = 0
    operations: Counter[str] = field(default_factory=Counter)

    def allocate(self, size: int) -> None:
        """``size`` more bytes are in use."""
        self.live += _checked(size, "allocate")
        self.allocations += 1
        self.peak = max(self.peak, self.live)

    def free(self, size: int) -> None:
        """``size`` bytes are in use no longer."""
        if _checked(size, "free") > self.live:
            raise ValueError(
                f"free: {size} bytes are more than the {self.live} that are live; "
                f"look for a block that is freed twice"
            )
        self.live -= size

    def count(self, operation: str, times: int = 1) -> None:
        """``operation`` was done ``times`` more times."""
        self.operations[operation] += _checked(times, f"count {operation!r}")


@dataclass
class PeakMemory:
    """Bytes that a block of code held at most, and still held at its end."""

    peak: int = 0
    live: int = 0


@contextmanager
def measure_peak() -> Iterator[PeakMemory]:
    """Real bytes that Python and NumPy allocate inside the block; filled in at its end.

    What was allocated before does not count. Code runs slower while it is watched: do not
    time it at the same time.

    >>> with measure_peak() as memory:
    ...     block = bytes(1_000_000)
    ...     del block
    >>> memory.peak >= 1_000_000 > memory.live
    True
    """
    if tracemalloc.is_tracing():
        raise RuntimeError(
            "measure_peak: memory is being traced already, probably by an outer "
            "measure_peak; measure one block at a time"
        )
    memory = PeakMemory()
    tracemalloc.start()
    try:
        yield memory
    finally:
        memory.live, memory.peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()


def _checked(n: int, what: str) -> int:
    if n < 0:
        raise ValueError(f"{what}: expected a count >= 0, got {n}")
    return n
