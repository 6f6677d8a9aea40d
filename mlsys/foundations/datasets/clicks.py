"""A click log without end: keys with Zipf frequencies, and a sparse logistic truth.

A row takes fields + 1 uniform numbers, one for each key and one for the label, and always the
same ones. Hence the log does not depend on the size of the chunks it is read in, it streams in
the memory of one chunk, and a worker may begin at any row without making those before it. The
model is that of Li et al., OSDI 2014, which learnt 65 billion weights from 170 billion rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlsys.foundations.datasets.cards import Card
from mlsys.foundations.datasets.zipf import Array, Keys, Zipf

CARD = Card(
    "clicks",
    "A click log",
    "generated: mlsys.foundations.datasets.clicks",
    "MIT",
    planted="Zipf keys, sparse logistic model, click rate",
    size="any number of rows",
)


@dataclass(frozen=True, eq=False)
class Clicks:
    """Some rows of the log."""

    keys: Keys  # (n, fields); field f has its own range, one after the other
    clicked: Keys  # (n,), 0 or 1

    def __len__(self) -> int:
        return len(self.clicked)


@dataclass(frozen=True, eq=False)
class ClickLog:
    """The planted truth: a row is clicked with probability sigmoid(intercept + sum of weights)."""

    fields: tuple[Zipf, ...]
    weights: Array  # (keys of all fields,); most are 0
    intercept: float

    @cached_property
    def first(self) -> Keys:
        """The first key of each field, shape (fields,)."""
        return np.cumsum([0] + [field.n for field in self.fields[:-1]])

    @property
    def uniforms(self) -> int:
        """Uniform numbers that a row takes."""
        return len(self.fields) + 1

    def probability(self, keys: Keys) -> Array:
        """The true chance of a click, shape (n,), for keys of shape (n, fields)."""
        return sigmoid(self.intercept + self.weights[keys].sum(axis=1))

    def rows(self, count: int, rng: np.random.Generator) -> Clicks:
        """The next ``count`` rows of the log that ``rng`` stands for."""
        u = rng.random((count, self.uniforms))
        columns = [field.look_up(u[:, f]) for f, field in enumerate(self.fields)]
        keys = np.column_stack(columns) + self.first
        return Clicks(keys, (u[:, -1] < self.probability(keys)).astype(np.int64))

    def stream(self, count: int, chunk: int, rng: np.random.Generator) -> Iterator[Clicks]:
        """The next ``count`` rows, ``chunk`` at a time; the last chunk may be shorter."""
        if chunk < 1:
            raise ValueError(f"chunk: expected one row or more at a time, got {chunk}")
        for start in range(0, count, chunk):
            yield self.rows(min(chunk, count - start), rng)

    def skip(self, count: int, rng: np.random.Generator) -> None:
        """Move ``rng`` past ``count`` rows, in a time that does not depend on ``count``.

        It needs a bit generator that can jump, such as NumPy's default, PCG64.
        """
        jump = getattr(rng.bit_generator, "advance", None)
        if jump is None:
            raise TypeError(
                f"skip: expected a bit generator with advance(), such as PCG64, "
                f"got {type(rng.bit_generator).__name__}; use numpy.random.default_rng(seed)"
            )
        jump(count * self.uniforms)


def plant_clicks(
    sizes: tuple[int, ...],
    rng: np.random.Generator,
    *,
    exponent: float = 1.05,
    rate: float = 0.03,
    nonzero: float = 0.1,
    spread: float = 1.0,
) -> ClickLog:
    """Draw a truth: a share ``nonzero`` of the keys has a normal weight, the others have none.

    sizes: the number of keys of each field. exponent: of their Zipf frequencies. rate: the share
    of rows that are clicked, up to the error of a sample of 100,000 rows (see ``calibrate``).
    spread: standard deviation of the weights that are not 0.
    """
    if not sizes or not (0 < rate < 1 and 0 <= nonzero <= 1):
        raise ValueError(
            f"expected one field or more, 0 < rate < 1 and 0 <= nonzero <= 1, "
            f"got {sizes}, {rate}, {nonzero}"
        )
    fields = tuple(Zipf(size, exponent) for size in sizes)
    total = sum(sizes)
    weights = rng.normal(0, spread, total) * (rng.random(total) < nonzero)
    unbiased = ClickLog(fields, weights, intercept=0.0)
    sample = unbiased.rows(100_000, rng).keys
    return ClickLog(fields, weights, calibrate(weights[sample].sum(axis=1), rate))


def calibrate(score: Array, rate: float) -> float:
    """The intercept b for which sigmoid(b + score) has the mean ``rate``, found by halving."""
    logit = np.log(rate / (1 - rate))
    low, high = logit - score.max(), logit - score.min()  # all below the rate, all above it
    for _ in range(60):
        middle = (low + high) / 2
        if sigmoid(middle + score).mean() < rate:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), without overflow at either end."""
    e = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, e) / (1 + e))
