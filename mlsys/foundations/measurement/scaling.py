"""What more workers can buy: the part that does not split decides.

Amdahl (1967) keeps the problem and adds workers: the serial part is a wall. Gustafson
(1988) keeps the time and lets the problem grow with the workers: the wall recedes.
Both speak of the same program, measured at different sizes.
"""

from __future__ import annotations


def amdahl(parallel: float, workers: float) -> float:
    """Speed-up of a fixed problem: 1 / ((1 - f) + f / p), f the share of one worker's time
    that splits.

    >>> round(amdahl(parallel=0.95, workers=64), 2)
    15.42
    """
    _check(parallel, workers)
    return 1 / ((1 - parallel) + parallel / workers)


def gustafson(parallel: float, workers: float) -> float:
    """Speed-up of a problem that grows: (1 - f) + f p, f the share of the p workers' time
    that is split.

    >>> round(gustafson(parallel=0.95, workers=64), 2)
    60.85
    """
    _check(parallel, workers)
    return (1 - parallel) + parallel * workers


def serial_fraction(speedup: float, workers: float) -> float:
    """The serial share that explains a measured speed-up (Karp and Flatt, 1990).

    Constant over workers: a serial part. Growing: something else, such as
    communication, grows with them.

    >>> round(serial_fraction(amdahl(0.95, 8), 8), 6)
    0.05
    """
    if workers <= 1 or speedup <= 0:
        raise ValueError(f"expected workers > 1 and speed-up > 0, got {workers}, {speedup}")
    return (1 / speedup - 1 / workers) / (1 - 1 / workers)


def efficiency(speedup: float, workers: float) -> float:
    """Speed-up per worker; 1 is perfect."""
    _check(0.0, workers)
    return speedup / workers


def _check(parallel: float, workers: float) -> None:
    if not (0 <= parallel <= 1 and workers >= 1):
        raise ValueError(
            f"expected a parallel share from 0 to 1 and at least one worker, "
            f"got {parallel} and {workers}"
        )
