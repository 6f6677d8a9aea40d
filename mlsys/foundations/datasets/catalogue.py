"""All data sets by name: one table of cards, and one door to load what they describe."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mlsys.foundations.datasets import clicks, deliveries, graphs, real
from mlsys.foundations.datasets.cards import Card

Made = Callable[[np.random.Generator], object]


@dataclass(frozen=True)
class Real:
    """Data that is read."""

    card: Card
    read: Callable[[], object]


@dataclass(frozen=True)
class Generated:
    """Data that is drawn, here in a size for trying out."""

    card: Card
    draw: Made


def _communities(rng: np.random.Generator) -> object:
    within, between = 0.02, 0.001
    chance = np.full((4, 4), between) + (within - between) * np.eye(4)
    edges, community = graphs.block_model([500] * 4, chance, rng)
    return graphs.compressed(edges, len(community)), community


def _attachment(rng: np.random.Generator) -> object:
    return graphs.compressed(graphs.attachment(10_000, 4, rng), 10_000)


_READ = {"digits": real.digits, "mnist": real.mnist, "alice": real.alice}
_DRAWN: list[tuple[Card, Made]] = [
    (clicks.CARD, partial(clicks.plant_clicks, (100_000, 10_000, 1_000, 100))),
    (deliveries.CARD, partial(deliveries.plant_town, 50)),
    (graphs.CARDS[0], _communities),
    (graphs.CARDS[1], _attachment),
]
CATALOGUE: dict[str, Real | Generated] = {
    **{n: Real(card, _READ.get(n, partial(real.table, n))) for n, card in real.CARDS.items()},
    **{card.name: Generated(card, draw) for card, draw in _DRAWN},
}


def load(name: str, rng: np.random.Generator | None = None) -> object:
    """The data set of that name; one that is generated also needs ``rng``.

    Real data come as ``Examples`` (``alice`` as a string). ``clicks`` is a ``ClickLog`` and
    ``deliveries`` a ``Town``, both with all their rows still to come; ``communities`` is a
    ``Graph`` with the community of each node, ``attachment`` a ``Graph``.
    """
    entry = _entry(name)
    if isinstance(entry, Real):
        return entry.read()
    if rng is None:
        raise ValueError(f"load: {name!r} is generated; pass rng=numpy.random.default_rng(seed)")
    return entry.draw(rng)


def card(name: str) -> Card:
    """What is known of a data set.

    >>> card("alice").licence
    'public domain'
    """
    return _entry(name).card


def describe() -> str:
    """A table of all cards: name, size, licence, and what is planted (of real data: nothing)."""
    cards = [entry.card for entry in CATALOGUE.values()]
    rows = [(c.name, c.size, c.licence, c.planted) for c in cards]
    rows.insert(0, ("name", "size", "licence", "planted"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _entry(name: str) -> Real | Generated:
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no data set {name!r}; there are {', '.join(CATALOGUE)}{hint}")
