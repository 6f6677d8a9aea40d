"""Keys as a log has them: the k-th most frequent comes in proportion to 1 / k^s (Zipf, 1949).

The distribution is exact over n keys, not the endless one cut off. Either way of drawing takes
one uniform number for a key, so that a stream of keys does not depend on how it is cut.
Searching the cumulative distribution takes log2 n steps; the alias table of Walker (1977) takes
one look, at 16 bytes a key. It is filled here without a loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Zipf:
    """Keys 0, 1, ..., n - 1 in order of frequency; key k has probability (k + 1)^-s / H(n, s).

    >>> Zipf(3, exponent=1.0).probability.round(3).tolist()  # 6/11, 3/11, 2/11
    [0.545, 0.273, 0.182]
    """

    n: int
    exponent: float = 1.0  # s; 0 makes all keys equally frequent

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.exponent < np.inf:
            raise ValueError(
                f"expected n >= 1 keys and an exponent >= 0, got {self.n} and {self.exponent}"
            )

    @cached_property
    def probability(self) -> Array:
        """Of each key, shape (n,)."""
        weights = np.arange(1, self.n + 1, dtype=float) ** -self.exponent
        return np.asarray(weights / weights.sum())

    def share_of_top(self, k: int) -> float:
        """The share of all draws that the k most frequent keys answer: H(k, s) / H(n, s)."""
        return float(self.probability[:k].sum())

    def search(self, uniform: Array) -> Keys:
        """A key for each number in [0, 1): the first whose cumulative probability exceeds it."""
        cumulative = np.cumsum(self.probability)
        return np.searchsorted(cumulative[:-1], uniform, side="right")

    def look_up(self, uniform: Array) -> Keys:
        """A key for each number in [0, 1), by one look into the alias table.

        n times the number chooses a column by its whole part, and one of the column's two keys
        by its fraction.
        """
        threshold, alias = self.table
        place = uniform * self.n
        column = np.minimum(place.astype(np.int64), self.n - 1)  # u n may round up to n
        return np.where(place - column < threshold[column], column, alias[column])

    def draw(self, count: int, rng: np.random.Generator) -> Keys:
        """``count`` independent keys, shape (count,)."""
        return self.look_up(rng.random(count))

    @cached_property
    def table(self) -> tuple[Array, Keys]:
        """The alias table of ``probability``: thresholds and second keys, shape (n,) each."""
        return alias_table(self.probability)


def alias_table(probability: Array) -> tuple[Array, Keys]:
    """Cut a distribution into n columns of equal mass that hold two keys each.

    Column c holds key c up to its threshold and key alias[c] above. Rare keys leave their
    columns unfilled; frequent keys, one after the other, pour in what they have too much of. The
    one that the last pour overdraws has a gap then, which the next fills.

        n p = 3/2, 3/4, 3/4:     A A A A | b b b A | c c c A     threshold 1, 3/4, 3/4

    probability: shape (n,), sums to 1. returns: threshold (n,) in [0, 1], alias (n,).
    """
    n = len(probability)
    mass = probability * n
    frequent = mass >= min(1.0, mass.max())  # at least one, whatever was rounded
    rare, rich = np.flatnonzero(~frequent), np.flatnonzero(frequent)
    threshold, alias = np.minimum(mass, 1.0), np.arange(n)
    missing = np.cumsum(1 - mass[rare])  # of rare columns, up to and with each
    spare = np.cumsum(mass[rich] - 1)  # of rich keys, up to and with each
    before = np.concatenate([[0.0], missing])[:-1]
    donor = np.searchsorted(spare, before, side="right")
    alias[rare] = rich[np.minimum(donor, len(rich) - 1)]
    overdrawn = np.searchsorted(missing, spare[:-1], side="right")  # by which rare column
    reached = spare[:-1] > np.append(before, np.inf)[overdrawn]  # not where a pour just fits
    gap = missing[overdrawn[reached]] - spare[:-1][reached]
    threshold[rich[:-1][reached]] = 1 - gap
    alias[rich[:-1][reached]] = rich[1:][reached]
    return threshold, alias
