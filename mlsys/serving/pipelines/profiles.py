"""What does a stage cost on each kind of hardware? Few measurements say it for every plan.

A replica answers a batch of n in fixed + each n seconds, and has a price. Stages do not know of
each other, so each is measured alone, with one replica: s stages on h kinds of hardware take s h
short measurements, and say what all (h × batches × replicas)^s plans do. InferLine (SoCC 2020)
plans from such profiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.graph import Array


@dataclass(frozen=True)
class Profile:
    """A stage on one kind of hardware.

    curve: seconds of a batch. price: of one replica for one hour. most: the largest batch.
    """

    curve: Linear
    price: float
    most: int = 64

    def __post_init__(self) -> None:
        if not (self.price > 0 and self.most >= 1):
            raise ValueError(f"expected price > 0, most >= 1, got {self.price}, {self.most}")


@dataclass(frozen=True)
class Setting:
    """How a stage is run: on what, in batches up to which size, by how many replicas."""

    hardware: str
    batch: int
    replicas: int


Catalogue = Mapping[str, Mapping[str, Profile]]  # stage -> kind of hardware -> profile
Plan = Mapping[str, Setting]  # of each stage


def fitted(sizes: Array, seconds: Array) -> tuple[float, float]:
    """The line fixed + each n closest to measured batches, in proportion; neither part below 0.

    sizes, seconds: shape (m,), positive. Least squares of the relative errors
    (fixed + each n) / seconds - 1: an error of 10 % counts alike for 1 ms and for 1 s. Where the
    best line has a negative part, that part is 0 and the other the best alone.

    >>> fixed, each = fitted(np.array([1.0, 2.0, 4.0]), np.array([3.0, 4.0, 6.0]))
    >>> round(fixed, 9), round(each, 9)
    (2.0, 1.0)
    """
    n, t = np.asarray(sizes, np.float64), np.asarray(seconds, np.float64)
    if n.shape != t.shape or n.ndim != 1 or np.unique(n).size < 2 or min(n.min(), t.min()) <= 0:
        raise ValueError("expected sizes and seconds > 0, shape (m,), of two sizes or more")
    once, many = 1 / t, n / t  # the columns that are to add up to 1
    fixed, each = np.linalg.lstsq(np.stack([once, many], 1), np.ones(n.size), rcond=None)[0]
    if fixed < 0:
        fixed, each = 0.0, many.sum() / (many @ many)
    elif each < 0:
        fixed, each = once.sum() / (once @ once), 0.0
    return float(fixed), float(each)


def throughput(curve: Linear, batch: int) -> float:
    """Answers a second of one replica that is given full batches of this size.

    >>> throughput(Linear(0.01, 0.01), 1), throughput(Linear(0.01, 0.01), 4)
    (50.0, 80.0)
    """
    return batch / curve.seconds(batch)


def replicas_needed(rate: float, each: float, load: float = 1.0) -> int:
    """How few replicas are asked for at most ``load`` of what they can do; at least 1.

    rate: visits a second of the stage. each: answers a second of one replica. load: in (0, 1].

    >>> replicas_needed(rate=100, each=80), replicas_needed(rate=100, each=80, load=0.6)
    (2, 3)
    """
    if not (rate >= 0 and each > 0 and 0 < load <= 1):
        raise ValueError(f"expected rate >= 0, each > 0, 0 < load <= 1, got {rate}, {each}, {load}")
    return max(1, math.ceil(rate / (each * load) - 1e-9))  # 3 means 3, not 3.0000000001


def price(catalogue: Catalogue, plan: Plan) -> float:
    """Of all replicas, for one hour."""
    return sum(
        setting.replicas * catalogue[stage][setting.hardware].price
        for stage, setting in plan.items()
    )
