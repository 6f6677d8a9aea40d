"""What an allreduce must cost at least, what it did cost, and a network's two numbers.

In Hockney's model (1994) a message of n bytes takes α + β n seconds. From it come the prices beside
each algorithm, two bounds that none of them can beat, and, the other way round, α and β
from measured times. The model knows no computing, no contention and no rendezvous: a price is right
to a few percent on a quiet network, and an order of magnitude elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def latency_bound(ranks: int, alpha: float) -> float:
    """Seconds below which no allreduce gets: ⌈log2 P⌉ α.

    Each rank's number has to reach all others, and in α no more than twice as many can know of it
    as before, since a port deals with one message at a time.
    """
    return (ranks - 1).bit_length() * alpha


def bandwidth_bound(ranks: int, nbytes: float, beta: float) -> float:
    """Seconds below which no allreduce gets: 2 (P-1)/P n β (Patarasuk and Yuan, 2009).

    Each element has to be received P - 1 times to be added up and P - 1 times to be known to all,
    by P ranks with one port each.

    >>> [bandwidth_bound(ranks, 100, beta=1.0) for ranks in (2, 4, 100)]
    [100.0, 150.0, 198.0]
    """
    return 2 * (ranks - 1) / ranks * nbytes * beta


def algorithm_bandwidth(nbytes: float, seconds: float) -> float:
    """Bytes of result per second. Falls with the number of ranks even where all is perfect."""
    return nbytes / seconds


def bus_bandwidth(ranks: int, nbytes: float, seconds: float) -> float:
    """Bytes per second that a port has carried, had the algorithm been one of the best.

    NCCL's number: the algorithm bandwidth times 2 (P-1)/P. It can be compared with a
    cable's 1/β whatever the number of ranks.
    """
    return bandwidth_bound(ranks, nbytes, beta=1.0) / seconds


def fit(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """α and β of messages of these sizes (bytes) that took so long, one way. Neither is negative.

    Least squares of the relative error: else 64 MiB would drown out 1 KiB, which alone knows α.

    >>> alpha, beta = fit([0, 1000, 4000], [1.0, 3.0, 9.0])
    >>> round(alpha, 9), round(beta, 9)
    (1.0, 0.002)
    """
    n, t = np.asarray(sizes, float), np.asarray(seconds, float)
    if n.shape != t.shape or len(np.unique(n)) < 2 or not (t > 0).all():
        raise ValueError(
            f"expected times > 0 for at least two different sizes, got sizes {n} and seconds {t}"
        )
    start, slope = 1 / t, n / t  # alpha * start + beta * slope should be 1
    alpha, beta = np.linalg.lstsq(np.column_stack([start, slope]), np.ones(len(n)), rcond=None)[0]
    if alpha < 0:  # then the best line is one through the origin
        alpha, beta = 0.0, slope.sum() / (slope @ slope)
    if beta < 0:  # then the best is a level one
        alpha, beta = start.sum() / (start @ start), 0.0
    return float(alpha), float(beta)
