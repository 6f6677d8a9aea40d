"""The race of simulated rings before any clock: all end when the formula says, with the sums."""

from __future__ import annotations

import numpy as np
import pytest
from bench_cluster import RACE
from engines.rings import OnFewer, Ours, Ring, SimPy, StopWatch
from race import agreement


@pytest.mark.parametrize("ranks", [2, 5, 8])
def test_every_side_needs_the_seconds_of_the_formula_and_has_the_sums(ranks):
    pytest.importorskip("simpy")
    ring = Ring(ranks)
    ours = Ours().allreduce(ring).results()
    for peer in (SimPy(), Ours(trace=True)):
        assert agreement(ours, peer.allreduce(ring).results(), 1e-6)
    assert float(ours["seconds ÷ formula"]) == pytest.approx(1, rel=1e-9)
    assert np.all(ours["sums ÷ right ones"] == 1)


def test_fewer_ranks_send_about_as_many_messages():
    ring = Ring(32)
    assert agreement(Ours().allreduce(ring).results(), OnFewer().allreduce(ring).results(), 1e-6)
    few = Ring(8)
    assert abs(ring.messages // few.messages * few.messages - ring.messages) < few.messages


def test_a_process_that_took_its_own_time_is_charged_no_other():
    watch = StopWatch()
    start = watch()
    watch.instead(start, 5.0)
    assert watch() - start == pytest.approx(5.0, abs=0.5)


def test_whoever_is_no_package_is_named_with_the_option_that_gives_it():
    peers, _ = RACE.enter({"simgrid": None})
    assert "--simgrid" in {peer.peer: peer.note for peer in peers}["simgrid"]
