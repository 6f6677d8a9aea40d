"""The race of threads before any clock: all sides take the same steps, as far as races repeat."""

from __future__ import annotations

import numpy as np
import pytest
from bench_hogwild import RACE
from engines.lockfree import Passes, ScikitLearn, Threads
from race import agreement

pytest.importorskip("numba")


@pytest.fixture
def passes():
    return Passes.draw(np.random.default_rng(3), count=500, size=200, nonzeros=4, epochs=3)


def test_one_thread_and_scikit_learn_take_the_same_steps(passes):
    pytest.importorskip("sklearn")
    ours, theirs = (e.steps(passes).results() for e in (Threads(1, "free"), ScikitLearn()))
    assert agreement(ours, theirs, 1e-9)
    assert ours["after"][1] < ours["before"] / 2


@pytest.mark.parametrize("how", ["free", "locked"])
def test_two_threads_end_near_one(passes, how):
    one = Threads(1, "free").steps(passes).results()
    assert agreement(one, Threads(2, how).steps(passes).results(), 0.02)


def test_every_case_names_every_peer():
    peers = {entrant.peer for entrant in RACE.entrants}
    assert all(set(heat.targets) == peers for heat in RACE.heats)
