"""Models with their promises, and who comes when: drawn anew for each check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Model = tuple[float, float, float]  # fixed, each, objective: seconds
TIGHT, LOOSE = "tight", "loose"


@dataclass(frozen=True)
class Trace:
    """arrivals: seconds, ascending, (n,). kinds: which model each of the n is for."""

    models: dict[str, Model]
    arrivals: Array
    kinds: list[str]

    @property
    def objectives(self) -> Array:
        """What each of the n is promised, in seconds."""
        return np.array([self.models[kind][2] for kind in self.kinds])


@dataclass(frozen=True)
class Pair:
    """Two models, and how many a second of each a device could answer that had only it to serve,
    in batches of a fifth to a half of what the tight one has promised.
    """

    models: dict[str, Model]
    rates: dict[str, float]

    def trace(self, comes: dict[str, Array]) -> Trace:
        """All who come, in order."""
        times = np.concatenate([comes[kind] for kind in comes])
        kinds = np.repeat(list(comes), [len(comes[kind]) for kind in comes])
        order = np.argsort(times, kind="stable")
        return Trace(self.models, times[order], kinds[order].tolist())

    @property
    def tight(self) -> float:
        """The shorter promise, in seconds."""
        return self.models[TIGHT][2]

    @property
    def loose(self) -> float:
        """The longer one."""
        return self.models[LOOSE][2]


def pair(
    rng: np.random.Generator,
    *,
    tight_size: tuple[int, int] = (5, 12),
    tight_fixed: tuple[float, float] = (0.3, 0.8),
    patience: tuple[float, float] = (3, 6),
) -> Pair:
    """tight_size: of a batch of a fifth to a third of its objective; tight_fixed: what share of
    its seconds is paid once; patience: how many times as long the loose one's objective is.
    """
    objective = rng.uniform(0.02, 0.06)
    tight, tight_rate = _model(
        rng, objective, objective * rng.uniform(0.2, 0.33), tight_size, tight_fixed
    )
    loose, loose_rate = _model(
        rng,
        objective * rng.uniform(*patience),
        objective * rng.uniform(0.35, 0.5),
        (3, 8),
        (0.2, 0.7),
    )
    models, rates = {TIGHT: tight, LOOSE: loose}, {TIGHT: tight_rate, LOOSE: loose_rate}
    if rng.random() < 0.5:  # no order of a dictionary says which is which
        models = dict(reversed(models.items()))
    return Pair(models, rates)


def _model(
    rng: np.random.Generator,
    objective: float,
    seconds: float,
    sizes: tuple[int, int],
    fixed: tuple[float, float],
) -> tuple[Model, float]:
    """A model whose batches of some size take ``seconds``, and their rate."""
    size, share = int(rng.integers(*sizes)), rng.uniform(*fixed)
    return (share * seconds, (1 - share) * seconds / size, objective), size / seconds


Shape = Callable[[np.random.Generator, float, float, float], Array]  # rate, seconds, objective


def poisson(rng: np.random.Generator, rate: float, begin: float, end: float) -> Array:
    """Independent of each other."""
    return np.sort(rng.uniform(begin, end, rng.poisson(rate * (end - begin))))


def day(rng: np.random.Generator, rate: float, seconds: float, objective: float) -> Array:
    """A rate that swings, twice or so, between a fifth of the mean and nine fifths."""
    period, phase = seconds / rng.uniform(1.5, 2.5), rng.uniform(0, 2 * np.pi)
    times = poisson(rng, 1.8 * rate, 0, seconds)
    share = (1 + 0.8 * np.sin(2 * np.pi * times / period + phase)) / 1.8
    return times[rng.random(times.size) < share]


def bursts(rng: np.random.Generator, rate: float, seconds: float, objective: float) -> Array:
    """By turns much and little, for some of the tight one's objectives each time."""
    much, spell = rng.uniform(1.6, 2.0), objective * rng.uniform(3, 8)
    now, factor, found = 0.0, much, [np.zeros(0)]
    while now < seconds:
        end = now + rng.exponential(spell)
        found.append(poisson(rng, factor * rate, now, min(end, seconds)))
        now, factor = end, 2 - factor
    return np.concatenate(found)


def clumps(rng: np.random.Generator, rate: float, seconds: float, objective: float) -> Array:
    """Several at the same moment: mostly one or two, now and then dozens (a Pareto tail)."""
    moments = poisson(rng, rate / 2.5, 0, seconds)
    return np.repeat(
        moments, np.minimum(60, np.ceil(rng.pareto(1.5, moments.size) + 0.3)).astype(int)
    )


def mixed(rng: np.random.Generator, shape: Shape, load: float, objectives: float) -> Trace:
    """Both models with a shape, for so many objectives of the loose one."""
    models, share = pair(rng), rng.uniform(0.3, 0.7)
    seconds = objectives * models.loose
    comes = {
        kind: shape(rng, load * part * models.rates[kind], seconds, models.tight)
        for kind, part in ((TIGHT, share), (LOOSE, 1 - share))
    }
    return models.trace(comes)


def albums(rng: np.random.Generator, objectives: float) -> Trace:
    """The tight one is asked by many users, one by one; the loose one for ten or more at once,
    work for more than twice the tight one's objective. Six tenths of what the device can do.
    """
    models = pair(rng, tight_size=(5, 9), tight_fixed=(0.2, 0.4), patience=(6, 8))
    end, rate = objectives * models.loose, models.rates[LOOSE]
    moments = np.cumsum(rng.uniform(4, 6, int(objectives * 2)) * models.tight)
    moments = moments[moments < end]
    sizes = (rng.uniform(2, 2.5, moments.size) * models.tight * rate).astype(int)
    return models.trace(
        {
            TIGHT: poisson(rng, 0.15 * models.rates[TIGHT], 0, end),
            LOOSE: np.repeat(moments, sizes),
        }
    )


def flood(
    rng: np.random.Generator, flooder: str, times: float, other: float, objectives: float
) -> Trace:
    """One model is asked ``times`` what the device could do for it, the other a part of that."""
    models = pair(rng, tight_fixed=(0.2, 0.5))
    load = {kind: times if kind == flooder else other for kind in (TIGHT, LOOSE)}
    end = objectives * models.loose
    return models.trace(
        {kind: poisson(rng, load[kind] * models.rates[kind], 0, end) for kind in load}
    )


def rush(rng: np.random.Generator) -> tuple[Trace, float]:
    """Six tenths of what the device can do, and for one objective three times as much as it can.
    Also when that has been over for two objectives, in seconds.
    """
    models = pair(rng, tight_size=(120, 150), tight_fixed=(0.15, 0.2))
    rate, edges = models.rates[TIGHT], models.tight * np.array([0, 1, 2, 7])
    tight = [
        poisson(rng, load * rate, begin, end)
        for load, begin, end in zip((0.6, 3.0, 0.6), edges, edges[1:])
    ]
    comes = {
        TIGHT: np.concatenate(tight),
        LOOSE: poisson(rng, 0.1 * models.rates[LOOSE], 0, edges[-1]),
    }
    return models.trace(comes), float(edges[2] + 2 * models.tight)
