"""The experiments say the same each time, and what they say has the shape that theory gives it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import Run
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP
from mlsys.distributed.parameter_server.staleness import (
    bounded_delay,
    hiccups,
    outcome,
    stragglers,
)


def test_a_longer_delay_waits_less_and_there_is_a_best_one() -> None:
    none, best, long = bounded_delay((0, 8, 16), workers=4, passes=8)
    assert none.waiting > 0.3
    assert none.waiting > 2 * best.waiting > 2 * long.waiting
    assert best.seconds < none.seconds
    assert best.seconds < long.seconds
    assert none.updates < long.updates
    assert best.computing <= best.seconds


def test_a_bound_beats_both_of_its_limits_under_stragglers() -> None:
    """In seconds that without any delay; in updates that with any."""
    bulk, bounded, free = stragglers((BSP, SSP(4), ASP))
    assert bounded.seconds < bulk.seconds < math.inf
    assert bulk.updates < bounded.updates < free.updates
    assert free.waiting < 0.05 < bounded.waiting < bulk.waiting


def test_the_same_seed_gives_the_same_numbers() -> None:
    once, again, other = (bounded_delay((2,), workers=3, passes=1, seed=s) for s in (4, 4, 5))
    assert once == again
    assert once != other


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0, 1))
def test_a_level_is_reached_when_it_is_never_left_again(watched: list[float], level: float) -> None:
    seconds = np.arange(len(watched), dtype=float)
    track = SimpleNamespace(seconds=seconds, watched=np.array(watched), ended=99.0)
    traffic = SimpleNamespace(compute=np.array([0.0, 33.0]))
    result = outcome(Run([None, track], 99.0, traffic), [1], level)  # type: ignore[arg-type]
    assert result.waiting == pytest.approx(2 / 3)
    assert result.loss == watched[-1]
    if math.isinf(result.seconds):
        assert watched[-1] > level
    else:
        assert result.updates == result.seconds == int(result.seconds)
        assert max(watched[result.updates :]) <= level
        assert result.updates == 0 or watched[result.updates - 1] > level


def test_hiccups_come_as_often_as_they_should() -> None:
    draw, rng = hiccups(0.1, 6.0), np.random.default_rng(0)
    drawn = np.array([draw(rng) for _ in range(4000)])
    assert set(drawn) == {1.0, 6.0}
    assert abs((drawn == 6).sum() - 400) < 5 * np.sqrt(4000 * 0.1 * 0.9)
