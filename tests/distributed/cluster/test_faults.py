"""Accidents on purpose: as often as asked for, repeatable, and refused when they make no sense."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from mlsys.distributed.cluster.faults import NOTHING_WRONG, UNHARMED, Faults

shares, seeds = st.floats(0, 1), st.integers(0, 2**32)
MANY = 4000


@given(shares, shares, seeds)
def test_messages_are_lost_and_overtake_as_often_as_asked_for(drop, reorder, seed):
    faults, rng = Faults(drop=drop, reorder=reorder), np.random.default_rng(seed)
    fates = [faults.fate(rng) for _ in range(MANY)]
    for share, seen in (
        (drop, [f.dropped for f in fates]),
        (reorder, [f.overtakes for f in fates]),
    ):
        count = binom(MANY, share)
        assert min(count.cdf(sum(seen)), count.sf(sum(seen) - 1)) > 1e-10


@given(seeds)
def test_the_same_seed_gives_the_same_accidents(seed):
    faults = Faults(drop=0.5, reorder=0.5, delay=lambda rng: rng.exponential(3.0))
    one, two = (np.random.default_rng(seed) for _ in range(2))
    assert [faults.fate(one) for _ in range(20)] == [faults.fate(two) for _ in range(20)]


@given(st.floats(1e-3, 1e3), st.floats(0, 1e3), st.floats(0, 1e3))
def test_work_takes_longer_on_slow_ranks_and_when_they_straggle(speed, factor, seconds):
    rng = np.random.default_rng(0)
    faults = Faults(speed={1: speed}, straggle=lambda rng: factor)
    assert faults.work(0, seconds, rng) == seconds * factor
    assert faults.work(1, seconds, rng) == seconds * factor / speed
    assert Faults(speed={1: speed}).work(1, seconds, rng) == seconds / speed


def test_nothing_goes_wrong_by_default():
    rng = np.random.default_rng(0)
    assert NOTHING_WRONG.fate(rng) == UNHARMED
    assert NOTHING_WRONG.work(0, 2.5, rng) == 2.5
    assert not (NOTHING_WRONG.of_messages or NOTHING_WRONG.of_work)
    assert rng.random() == np.random.default_rng(0).random(), "and nothing is drawn"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"drop": 1.5}, "drop"),
        ({"reorder": -0.1}, "drop, reorder"),
        ({"drop": math.nan}, "drop"),
        ({"speed": {0: 0.0}}, "speed"),
        ({"speed": {0: math.nan}}, "speed"),
        ({"crash": {0: -1.0}}, "crash"),
        ({"crash": {0: math.nan}}, "crash"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong, name):
    with pytest.raises(ValueError, match=f"{name}.*: expected "):
        Faults(**wrong)


@pytest.mark.parametrize("plan", [Faults(crash={4: 1.0}), Faults(speed={-1: 2.0, 0: 1.0})])
def test_a_plan_for_a_rank_that_is_not_there_is_refused(plan):
    with pytest.raises(ValueError, match=r"expected ranks from 0 to 3, got \[(4|-1)\]"):
        plan.check(4)
    plan.check(5) if 4 in plan.crash else None


@pytest.mark.parametrize("drawn", [-1.0, math.nan, math.inf])
def test_draws_that_make_no_sense_are_refused(drawn):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="straggle: expected to draw finite numbers >= 0"):
        Faults(straggle=lambda rng: drawn).work(0, 1.0, rng)
    with pytest.raises(ValueError, match="delay: expected to draw finite numbers >= 0"):
        Faults(delay=lambda rng: drawn).fate(rng)
