"""What a data set must say about itself, and labelled examples that carry it along.

Data without an origin cannot be trusted, compared or shared. So each data set here has a card
with its source, its licence and, if it was generated, the truth that was planted in it; and
examples keep their card through every split. After Gebru et al., "Datasheets for datasets",
Communications of the ACM, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Card:
    """Where data came from, what one may do with it, and what is known to be in it."""

    name: str
    title: str
    source: str
    licence: str
    planted: str = ""  # the truth that a generator put in; "" for real data
    size: str = ""


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled examples; what is wrong with their shapes raises ``ValueError``."""

    x: Array  # (n, ...) float32
    y: Array  # (n,) int64 labels, or float32 targets for regression
    card: Card

    def __post_init__(self) -> None:
        if self.y.ndim != 1 or self.x.shape[:1] != self.y.shape:
            raise ValueError(
                f"{self.card.name}: expected x of shape (n, ...) and y of shape (n,), "
                f"got {self.x.shape} and {self.y.shape}"
            )

    def __len__(self) -> int:
        return len(self.y)

    def split(self, share: float, rng: np.random.Generator) -> tuple[Examples, Examples]:
        """Shuffle, then cut: the first part has ``share`` of the rows, rounded.

        It treats rows as independent of each other. Rows that belong together, such as those of
        one user or one day, must be cut along that line instead.
        """
        first = round(share * len(self)) if 0 < share < 1 else 0
        if not 0 < first < len(self):
            raise ValueError(
                f"share: expected a part of the {len(self)} rows that leaves some on both "
                f"sides, got {share}"
            )
        order = rng.permutation(len(self))
        return self._rows(order[:first]), self._rows(order[first:])

    def _rows(self, index: Array) -> Examples:
        return Examples(self.x[index], self.y[index], self.card)
