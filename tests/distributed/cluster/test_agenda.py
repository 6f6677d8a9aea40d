"""The agenda against the foundations' simulator: the same events in the same order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.agenda import Agenda
from mlsys.foundations.simulation.events import Simulator

DELAYS = st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5]), max_size=3), max_size=30)


class Played:
    """Every event schedules the next list of delays after itself, and is written down."""

    def __init__(self, clock: Agenda | Simulator, delays: list[list[float]]) -> None:
        self.clock, self.left, self.seen = clock, list(reversed(delays)), list[tuple[float, int]]()
        self.names = 0
        self.schedule(0.0)

    def schedule(self, delay: float) -> None:
        self.names += 1
        self.clock.at(self.clock.now + delay, self.happen, self.names)

    def happen(self, name: int) -> None:
        self.seen.append((self.clock.now, name))
        for delay in self.left.pop() if self.left else ():
            self.schedule(delay)


@given(DELAYS)
def test_events_happen_when_and_in_the_order_in_which_the_simulator_has_them(delays):
    ours, theirs = Played(Agenda(), delays), Played(Simulator(), delays)
    while event := ours.clock.next():
        call, arguments = event
        call(*arguments)
    theirs.clock.run()
    assert ours.seen == theirs.seen and ours.clock.now == theirs.clock.now
    assert ours.clock.next() is None


@pytest.mark.parametrize("time", [0.5, math.nan, math.inf, -1.0])
def test_nothing_happens_in_the_past_or_never(time):
    agenda = Agenda()
    agenda.at(1.0, print)
    agenda.next()
    with pytest.raises(ValueError, match=r"from now \(1.0 s\) on, got"):
        agenda.at(time, print)
