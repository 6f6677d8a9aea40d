"""What caches, bandits and votes are worth: experiments, the same for everybody.

On arrays where order is all that matters, and on the virtual clock where time does. Models are
real, small and quick to make: five or more for handwritten digits that make different mistakes.
Sources: Crankshaw and others, NSDI 2017 (Clipper), sections 4.2 and 5; Che, Tung and Wang, IEEE
J. Sel. Areas Commun. 20, 2002, on caches.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys.foundations.datasets import Zipf, digits
from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.foundations.measurement.percentiles import nearest_rank
from mlsys.foundations.simulation.service import Service
from mlsys.serving.batching.virtual import run_virtual
from mlsys.serving.server.cache import CLOCK, LRU, Cache, Coalescing
from mlsys.serving.server.ensembles import Ensemble, combined
from mlsys.serving.server.errors import TimedOut
from mlsys.serving.server.selection import Exp3, Floats, Shares
from mlsys.serving.server.tensors import Array, Info, Spec

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class HitRate:
    """The share of requests that a cache of so many entries answers.

    expected: of LRU, by `lru_hit_rate`. best: of a cache that holds the most frequent keys.
    """

    entries: int
    lru: float
    clock: float
    expected: float
    best: float


def hit_rates(
    keys: Zipf, entries: Sequence[int], requests: int, rng: np.random.Generator
) -> list[HitRate]:
    """Independent requests, from caches that have seen as many before."""
    drawn = keys.draw(2 * requests, rng).tolist()
    return [
        HitRate(
            size,
            _hits(LRU(size), drawn) / requests,
            _hits(CLOCK(size), drawn) / requests,
            lru_hit_rate(keys.probability, size),
            keys.share_of_top(size),
        )
        for size in entries
    ]


def _hits(cache: Cache[int], keys: Sequence[int]) -> int:
    """In the second half of the requests."""
    found = []
    for key in keys:
        found.append(cache.get(key) is not None)
        if not found[-1]:
            cache.put(key, key)
    return sum(found[len(keys) // 2 :])


def lru_hit_rate(probability: Floats, entries: int) -> float:
    """Of LRU under independent requests, by the approximation of Che.

    A key is there if it was asked for within the last T requests, about: with probability
    1 - exp(-p T). T is the time within which ``entries`` different keys are asked for.
    """
    if entries >= len(probability):
        return 1.0
    low, high = 0.0, 1.0
    while _different(probability, high) < entries:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _different(probability, middle) < entries else (low, middle)
    return float(probability @ -np.expm1(-probability * high))


def _different(probability: Floats, requests: float) -> float:
    return float(-np.expm1(-probability * requests).sum())


@dataclass(frozen=True)
class Computed:
    """How often a model was asked for so many requests."""

    requests: int
    cached: int  # answers are kept, and that is all
    coalesced: int  # and nothing is computed that is under way


def computed(
    keys: Zipf, rate: float, seconds: float, requests: int, rng: np.random.Generator
) -> Computed:
    """Poisson arrivals at a cold cache with room for all; an answer takes ``seconds``."""
    arrivals = poisson_arrivals(rate, requests, rng)
    drawn = keys.draw(requests, rng).tolist()

    async def main() -> Computed:
        plain, plainly = LRU[int](keys.n), 0
        coalescing = Coalescing[int](LRU(keys.n))

        async def answer(key: int) -> int:
            await asyncio.sleep(seconds)
            return key

        async def ask(key: int, at: float) -> None:
            nonlocal plainly
            await asyncio.sleep(at)
            together = asyncio.ensure_future(coalescing.get(key, lambda: answer(key)))
            if plain.get(key) is None:
                plainly += 1
                plain.put(key, await answer(key))
            await together

        await asyncio.gather(*map(ask, drawn, arrivals.tolist()))
        return Computed(requests, plainly, coalescing.computed)

    return run_virtual(main())


@dataclass(frozen=True)
class Committee:
    """Models and a test set. scores: (members, rows, classes); labels: (rows,)."""

    scores: Floats
    labels: Labels

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which rows each has wrong, (members, rows)."""
        return np.asarray(self.scores.argmax(axis=2) != self.labels)


def committee(widths: Sequence[int], seed: int = 0) -> Committee:
    """A model for digits of each width, trained on one half and tested on the other.

    Each sees the images through as many random cosines of its own, and is a linear model from
    there (Rahimi and Recht, 2007): the wider, the better, and no two make the same mistakes.
    """
    rng = np.random.default_rng(seed)
    train, test = digits().split(0.5, rng)
    x, u = (each.x.reshape(len(each), -1).astype(float) for each in (train, test))
    scores = []
    for width in widths:
        directions = rng.normal(0, 0.5, (x.shape[1], width))
        phases = rng.uniform(0, 2 * np.pi, width)
        features, unseen = np.cos(x @ directions + phases), np.cos(u @ directions + phases)
        scores.append(probabilities(unseen @ ridge(features, train.y)))
    return Committee(np.array(scores), np.asarray(test.y))


def ridge(features: Floats, labels: Array) -> Floats:
    """A linear model for ten digits, (width, 10), by least squares with a small penalty."""
    gram = features.T @ features + 0.1 * np.eye(features.shape[1])
    return np.asarray(np.linalg.solve(gram, features.T @ np.eye(10)[labels]))


def probabilities(scores: Floats) -> Floats:
    """Scores of a linear model, cut to positive ones that add up to 1. (n, 10) -> (n, 10)."""
    positive = np.clip(scores, 1e-3, 1)
    return np.asarray(positive / positive.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Voted:
    """Errors of the best member, of the vote, and of the vote where all say the same or not.

    agreed: the share of rows on which all members say the same.
    """

    best: float
    vote: float
    agreed: float
    error_if_agreed: float
    error_if_not: float


def voted(models: Committee) -> Voted:
    """Equal shares for all."""
    members = len(models.scores)
    opinion = combined([*models.scores], np.full(members, 1 / members))
    wrong, agreed = opinion.labels != models.labels, opinion.confidence == 1
    return Voted(
        best=float(models.wrong.mean(axis=1).min()),
        vote=float(wrong.mean()),
        agreed=float(agreed.mean()),
        error_if_agreed=float(wrong[agreed].mean()),
        error_if_not=float(wrong[~agreed].mean()),
    )


@dataclass(frozen=True)
class Recovered:
    """Whether each request was answered wrong, in order, by three ways of choosing.

    best: the model that is best at first, for ever; asked: the one that `Exp3` asks; vote: all,
    with shares that are learned. failing: from which request to which the best one guesses.
    """

    best: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    vote: NDArray[np.bool_]
    failing: tuple[int, int]

    def errors(self, wrong: NDArray[np.bool_]) -> tuple[float, float, float]:
        """Error rates before, during and after; the first third of each is the time to learn."""
        ends = [0, *self.failing, len(wrong)]
        return tuple(  # type: ignore[return-value]
            float(wrong[begin + (end - begin) // 3 : end].mean())
            for begin, end in itertools.pairwise(ends)
        )


def recovered(
    models: Committee,
    requests: int = 20_000,
    *,
    rate: float = 0.1,
    stir: float = 0.0,
    rng: np.random.Generator,
) -> Recovered:
    """The best model answers at random between a quarter and a half of the requests.

    rate, stir: of both ways of learning, see `Shares`.
    """
    failing = requests // 4, requests // 2
    rows = rng.integers(len(models.labels), size=requests)
    scores, labels = models.scores[:, rows], models.labels[rows]
    best = int(models.wrong.mean(axis=1).argmin())
    scores[best, slice(*failing)] = rng.dirichlet(np.ones(10), failing[1] - failing[0])
    wrong = scores.argmax(axis=2) != labels
    return Recovered(
        wrong[best], _asked(wrong, Exp3(len(wrong), rate, rng, stir)),
        _vote(scores, labels, wrong, Shares(len(wrong), rate, stir)), failing,
    )  # fmt: skip


def _asked(wrong: NDArray[np.bool_], bandit: Exp3) -> NDArray[np.bool_]:
    """Only the loss of the model that was asked becomes known."""
    seen = []
    for losses in wrong.T:
        seen.append(losses[bandit.choose()])
        bandit.learn(float(seen[-1]))
    return np.array(seen)


def _vote(
    scores: Floats, labels: Labels, wrong: NDArray[np.bool_], shares: Shares
) -> NDArray[np.bool_]:
    """The losses of all become known."""
    seen = []
    for given, label, losses in zip(scores.swapaxes(0, 1), labels, wrong.T.astype(float)):
        seen.append((shares.values @ given).argmax() != label)
        shares.learn(losses)
    return np.array(seen)


@dataclass(frozen=True)
class Straggled:
    """Votes of so many members, all waited for, and with a deadline. tail: of one in a hundred.

    missing: the share of members that were late. error: of all, and of those that were there.
    """

    members: int
    tail: float
    tail_in_time: float
    missing: float
    error: float
    error_in_time: float


def straggled(
    models: Committee,
    members: int,
    service: Service,
    deadline: float,
    requests: int,
    rng: np.random.Generator,
) -> Straggled:
    """One request after the other, to the first ``members``, each of which takes its own time."""
    rows = rng.integers(len(models.labels), size=requests)
    times = service.draw(requests * members, rng).reshape(requests, members)
    scores = models.scores[:members]
    all_wrong, all_took, _ = _ask(scores, models.labels, rows, times, math.inf)
    wrong, took, late = _ask(scores, models.labels, rows, times, deadline)
    return Straggled(
        members,
        nearest_rank(all_took, 99),
        nearest_rank(took, 99),
        late / times.size,
        float(np.mean(all_wrong)),
        float(np.mean(wrong)),
    )


def _ask(
    scores: Floats, labels: Labels, rows: Labels, times: Floats, patience: float
) -> tuple[list[bool], list[float], int]:
    """For each request whether it was answered wrong, and after how long; and how many were late.

    If nobody is there in time the answer counts as wrong.
    """

    async def main() -> tuple[list[bool], list[float], int]:
        loop = asyncio.get_running_loop()
        wrong, took = [], []
        members = [_Slow(each, taken) for each, taken in zip(scores, times.T)]
        ensemble = Ensemble("committee", members, patience=patience)
        for row in rows:
            begun = loop.time()
            try:
                opinion = await ensemble.ask({"row": np.array([[row]])})
                wrong.append(bool(opinion.labels[0] != labels[row]))
            except TimedOut:
                wrong.append(True)
            took.append(loop.time() - begun)
        return wrong, took, ensemble.late

    return run_virtual(main())


class _Slow:
    """An endpoint that knows its answers, and takes its time for each."""

    def __init__(self, scores: Floats, seconds: Floats) -> None:
        output = Spec("scores", "FP64", scores.shape[1:])
        self.info = Info("slow", "1", "table", (Spec("row", "INT64", (1,)),), (output,))
        self._scores, self._seconds = scores, iter(seconds.tolist())

    async def predict(self, inputs: dict[str, Array], seconds: float) -> dict[str, Array]:
        await asyncio.sleep(next(self._seconds))
        return {"scores": self._scores[inputs["row"][:, 0]]}

    async def close(self) -> None:
        """There is nothing to end."""
