"""The race of simulators before any clock: both sides see every event at the same time."""

from __future__ import annotations

import numpy as np
import pytest
from engines.simulations import Line, OurSimulator, Timers
from race import Disagreement, agreement

simpy_worlds = pytest.importorskip("engines.simpy_worlds")
SMALL = {
    "timers": lambda rng: Timers.draw(rng, 7, 300),
    "line": lambda rng: Line.draw(rng, 3, 200),
}


def results(engine, method, problem):
    return getattr(engine(), method)(problem).results()


@pytest.mark.parametrize("method", SMALL)
def test_both_sides_see_every_event_at_the_same_time(method):
    problem = SMALL[method](np.random.default_rng(3))
    ours = results(OurSimulator, method, problem)
    theirs = results(simpy_worlds.SimPy, method, problem)
    assert agreement(ours, theirs, 1e-9)
    assert len(ours["times"]) == {"timers": 300, "line": 200}[method]


def test_another_order_of_service_would_be_noticed():
    problem = SMALL["line"](np.random.default_rng(3))
    other = Line(2, problem.arrivals, problem.service)
    ours, theirs = results(OurSimulator, "line", problem), results(OurSimulator, "line", other)
    with pytest.raises(Disagreement, match="times"):
        agreement(ours, theirs, 1e-9)
