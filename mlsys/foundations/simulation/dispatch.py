"""Many stations, and a rule that says which of them gets the next job.

The best rule asks all n stations for the length of their lines; the cheapest asks none. Asking two,
chosen at random, costs two messages a job and has nearly the effect of asking all: the share of
stations with i jobs or more falls from load^i to load^(2^i - 1) (Vvedenskaya, Dobrushin and
Karpelevich, 1996; Mitzenmacher, 2001).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mlsys.foundations.simulation.queues import Job, Station

Choice = Callable[[Sequence[Station]], Station]


def round_robin() -> Choice:
    """The stations by turns."""
    turn = itertools.count()
    return lambda stations: stations[next(turn) % len(stations)]


def shortest_of(choices: int, rng: np.random.Generator) -> Choice:
    """The one with fewest jobs of ``choices`` stations drawn at random.

    With one choice: any. One may be drawn twice. A tie goes to the one drawn first.
    """
    if choices < 1:
        raise ValueError(f"choices: expected at least 1, got {choices}")
    drawn = _draws(choices, rng)

    def choose(stations: Sequence[Station]) -> Station:
        candidates = [stations[int(u * len(stations))] for u in next(drawn)]
        return min(candidates, key=_jobs_inside)

    return choose


def dispatcher(stations: Sequence[Station], choose: Choice) -> Callable[[Job], None]:
    """A function that hands each job that it gets to the station that ``choose`` names."""

    def receive(job: Job) -> None:
        choose(stations).arrive(job)

    return receive


def share_with(jobs: int, load: float, choices: int) -> float:
    """The share of stations with at least so many jobs, as their number grows without bound.

    Poisson arrivals, exponential service, the shortest of ``choices``:
    load^(1 + d + ... + d^(jobs - 1)) with d = choices.

    >>> share_with(jobs=3, load=0.5, choices=2) == 0.5**7
    True
    """
    if not 0 <= load < 1:
        raise ValueError(f"load: expected a share from 0 to below 1, got {load}")
    return float(load ** sum(choices**i for i in range(jobs)))


def _jobs_inside(station: Station) -> int:
    return station.inside


def _draws(choices: int, rng: np.random.Generator) -> Iterator[list[float]]:
    """Numbers from [0, 1), ``choices`` at a time; drawn in blocks, one by one would be slow."""
    while True:
        yield from rng.random((1024, choices)).tolist()
