"""Must the large model see every request? Only those of which the small one is not sure.

A cascade asks the small model first, and the large one where the small one's confidence is below a
threshold. With costs c and C, of which the share q goes on, a request costs c + q C on average:
less than C as long as q < 1 - c / C. Early exit is the same inside one network, where the layers
that both have in common are computed once. Viola and Jones (2001) found faces so, with 38 stages;
BranchyNet (2016) put exits into networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys.serving.pipelines.graph import Array, Integers

Booleans = NDArray[np.bool_]


def confidence(scores: Array) -> Array:
    """The probability of the likeliest class: (n, classes) -> (n,)."""
    return np.asarray(scores.max(axis=1))


def cascaded(small: Array, large: Array, threshold: float) -> tuple[Integers, Booleans]:
    """The class of each of n requests, and whether the large model had to say it. Shapes (n,).

    small, large: probabilities, (n, classes). The large one is asked where the small one's
    confidence is below ``threshold``: at 0 never, above 1 always.

    >>> small, large = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.8, 0.2], [0.2, 0.8]])
    >>> [found.tolist() for found in cascaded(small, large, threshold=0.7)]
    [[0, 1], [False, True]]
    """
    doubted = confidence(small) < threshold
    return np.where(doubted, large.argmax(axis=1), small.argmax(axis=1)), doubted


def expected_cost(costs: Sequence[float], shares: Sequence[float], common: float = 0.0) -> float:
    """Of one request, on average, in a cascade of k models: each is paid by those who reach it.

    costs: of each model alone, k numbers. shares: of those who reach a model, how many go on to the
    next: k - 1 numbers from 0 to 1. common: what each model computes again of the one before it; an
    early exit does not pay that twice.

    >>> expected_cost([1, 10], [0.2]), expected_cost([4, 10], [0.2], common=3)
    (3.0, 5.4)
    """
    if len(shares) != len(costs) - 1 or not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"expected {len(costs) - 1} shares from 0 to 1, got {list(shares)}")
    if not 0 <= common <= min(costs):
        raise ValueError(f"common: expected a part of each of {list(costs)}, got {common}")
    cost, reached = float(costs[0]), 1.0
    for share, each in zip(shares, costs[1:]):
        reached *= share
        cost += reached * (each - common)
    return cost


@dataclass(frozen=True)
class Choice:
    """A threshold, and what it does on the data that it was chosen on."""

    threshold: float
    asked: float  # the share of requests that the large model sees
    accuracy: float


def choose(sure: Array, small_right: Booleans, large_right: Booleans, accuracy: float) -> Choice:
    """The lowest threshold, hence the least cost, with at least this accuracy. Sorts once.

    sure: the small model's confidence, (n,); small_right, large_right: whether each model is right,
    (n,). All of validation data: on the data that a model was trained with it is too sure.
    Raises ValueError if no threshold is accurate enough.
    """
    order = np.argsort(sure, kind="stable")
    large = np.concatenate([[0], np.cumsum(large_right[order])])  # right among the k least sure
    small = np.concatenate([[0], np.cumsum(small_right[order])])
    right = (large + small[-1] - small) / sure.size  # if the k least sure go on; (n + 1,)
    ranked = sure[order]
    possible = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])  # equals go together
    enough = np.flatnonzero(possible & (right >= accuracy - 1e-12))
    if not enough.size:
        best = right[possible].max()
        raise ValueError(f"accuracy: no threshold gives {accuracy:.4g}; the best gives {best:.4g}")
    k = int(enough[0])
    threshold = 0.0 if k == 0 else np.nextafter(ranked[k - 1], np.inf)
    return Choice(float(threshold), k / sure.size, float(right[k]))
