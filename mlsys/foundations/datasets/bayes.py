"""How well can anyone do? What the best of all models loses, when the truth is planted.

A label that was drawn with probability p cannot be foretold better than by p. So a generator that
knows its p knows the least loss and the greatest AUC that any model can reach, and a model's
distance from them is its own fault. No real data set allows this.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weights = npt.NDArray[Any]


def least_log_loss(p: object) -> float:
    """Mean log-loss, in nats, of whoever knows each row's probability p of a 1; shape (n,).

    It is the mean entropy of the labels, what is left to chance.

    >>> round(least_log_loss([0.5, 0.5]), 4), least_log_loss([0.0, 1.0])
    (0.6931, 0.0)
    """
    p = _probabilities(p)
    q = np.array([p, 1 - p])
    return float((q * np.log(1 / np.where(q > 0, q, 1))).sum(axis=0).mean())


def greatest_auc(p: object) -> float:
    """The AUC that ranking by p reaches in expectation over labels, for many rows; p of shape (n,).

    The chance that a random 1 has a higher p than a random 0, a tie counting one half. Row i is
    a 1 with weight p_i and a 0 with weight 1 - p_i.

    >>> greatest_auc([0.3, 0.3]), greatest_auc([0.0, 1.0])
    (0.5, 1.0)
    """
    p = _probabilities(p)
    return _area(p, ones=p, zeros=1 - p)


def auc(score: object, label: object) -> float:
    """The chance that a random 1 of the data has a higher score than a random 0, a tie one half.

    score, label: shape (n,). One sort, instead of a look at all pairs (Mann and Whitney, 1947).
    """
    labels = np.asarray(label)
    return _area(np.asarray(score, dtype=float), ones=labels == 1, zeros=labels != 1)


def _area(score: Array, ones: Weights, zeros: Weights) -> float:
    _, rank = np.unique(score, return_inverse=True)
    ones, zeros = np.bincount(rank, weights=ones), np.bincount(rank, weights=zeros)
    if not (ones.sum() and zeros.sum()):
        raise ValueError(
            "AUC: expected some rows that may be 1 and some that may be 0, got one kind"
        )
    below = np.cumsum(zeros) - zeros / 2  # zeros ranked lower, and half of the ties
    return float(ones @ below / (ones.sum() * zeros.sum()))


def _probabilities(p: object) -> Array:
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or not values.size or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p: expected probabilities in [0, 1] of shape (n,), one or more")
    return values
