"""The experiments say the same each time, and count right; their shapes are in test_claims."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.consistency import SSP
from mlsys.distributed.parameter_server.staleness import hiccups, outcome, stragglers
from mlsys.distributed.parameter_server.trajectory import Trajectory


def test_the_same_seed_gives_the_same_numbers() -> None:
    once, again, other = (stragglers((SSP(1),), workers=3, steps=9, seed=s) for s in (4, 4, 5))
    assert once == again
    assert once != other


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0, 1))
def test_a_level_is_reached_when_it_is_never_left_again(watched: list[float], level: float) -> None:
    seconds = np.arange(len(watched)) + 1.0
    first = Trajectory(seconds, 0.25 * seconds, np.array(watched))
    other = Trajectory(seconds, 0.75 * seconds, np.full(len(watched), np.nan))
    result = outcome([first, other], level)
    assert result.waiting == pytest.approx(0.5)
    assert result.loss == watched[-1]
    if math.isinf(result.seconds):
        assert watched[-1] > level
        assert result.updates == 2 * len(watched)
    else:
        at = int(result.seconds) - 1
        assert max(watched[at:]) <= level
        assert at == 0 or watched[at - 1] > level
        assert result.updates == 2 * (at + 1)


def test_what_comes_after_others_have_ended_does_not_count() -> None:
    first = Trajectory(np.arange(1.0, 5), np.zeros(4), np.array([4.0, 3, 2, 1]))
    other = Trajectory(np.arange(1.0, 3), np.zeros(2), np.zeros(2))
    assert outcome([first, other], 3.0).seconds == 2
    assert outcome([first, other], 2.0).seconds == math.inf


def test_hiccups_come_as_often_as_they_should() -> None:
    draw, rng = hiccups(0.1, 6.0), np.random.default_rng(0)
    drawn = np.array([draw(rng) for _ in range(4000)])
    assert set(drawn) == {1.0, 6.0}
    assert abs((drawn == 6).sum() - 400) < 5 * np.sqrt(4000 * 0.1 * 0.9)
