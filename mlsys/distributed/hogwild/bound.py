"""How much worse is it to read late? A bound for every problem, and the limit of one weight.

The theorem of Hogwild (Recht, Re, Wright and Niu, NIPS 2011) bounds the updates that reach a loss
when no step reads more than tau updates late. Asynchrony enters as one factor, made of three
numbers about the problem (`conflicts`). For a single weight one can do without a bound, and say
from which rate on late reading diverges; a problem has such a weight in its steepest direction.
"""

from __future__ import annotations

import numpy as np

from mlsys.distributed.hogwild.problems import LeastSquares


def slowdown(omega: int, delta: float, rho: float, tau: float) -> float:
    """By which factor the bound on the number of updates grows, against reading in time.

    omega, delta, rho: as `conflicts` gives them. tau: the longest delay, in updates.

    >>> slowdown(omega=3, delta=0.01, rho=0.03, tau=0)
    1.0
    >>> round(slowdown(omega=3, delta=0.01, rho=0.03, tau=7), 1)
    90.5
    """
    return float(1 + 6 * rho * tau + 6 * tau**2 * omega * np.sqrt(delta))


def largest_rate(delay: int) -> float:
    """The least ``a`` for which ``w[t+1] = w[t] - a w[t - delay]`` does not shrink.

    It is compared with rate times curvature. Put ``w[t] = z^t``: a root of
    ``z^(delay+1) = z^delay - a`` leaves the unit circle at the angle pi / (2 delay + 1).
    Levin and May, A note on difference-delay equations (1976).

    >>> [round(largest_rate(delay), 3) for delay in (0, 1, 7)]
    [2.0, 1.0, 0.209]
    """
    if delay < 0:
        raise ValueError(f"delay: expected at least 0 updates, got {delay}")
    return float(2 * np.sin(np.pi / (2 * (2 * delay + 1))))


def steepest(problem: LeastSquares) -> float:
    """The curvature of the mean loss in its steepest direction.

    That is the largest eigenvalue of the mean of ``values values^T``. Builds the dense matrix.
    """
    matrix = np.zeros((len(problem), problem.size))
    matrix[np.repeat(np.arange(len(problem)), np.diff(problem.starts)), problem.keys] = (
        problem.values
    )
    return float(np.linalg.norm(matrix, 2) ** 2 / len(problem))


def workers_allowed(problem: LeastSquares, rate: float) -> int:
    """How many workers may take turns before the mean of the weights diverges; at least 1.

    With P workers a step has missed P - 1 others. Necessary, not sufficient: the noise of single
    examples, which the mean does not show, makes large rates diverge sooner.
    """
    product, workers = rate * steepest(problem), 1
    while product < largest_rate(workers):
        workers += 1
    return workers
