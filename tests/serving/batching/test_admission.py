"""Who is let in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.admission import EstimatedWait, QueueLimit, Unlimited
from mlsys.serving.batching.policy import Request

ANYBODY = Request(0, 0.0)


def test_there_are_so_many_places():
    assert Unlimited().admit(0.0, 10**9, ANYBODY) == 0
    door = QueueLimit(3, retry=2.5)
    assert [door.admit(0.0, waiting, ANYBODY) for waiting in (0, 2, 3, 9)] == [0, 0, 2.5, 2.5]


def test_the_estimate_is_littles():
    door = EstimatedWait(objective=0.5, memory=1.0)
    assert door.admit(0.0, 1000, ANYBODY) == 0  # nothing is known yet
    for tick in range(1, 4):
        door.done(tick * 0.1, 10, 0.1)
        assert door.rate == pytest.approx(100)
    assert door.admit(40.0, 49, ANYBODY) == 0
    assert door.admit(40.0, 150, ANYBODY) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0.01, 2)), min_size=1, max_size=20))
def test_the_rate_is_a_weighted_mean_and_forgets(batches):
    door = EstimatedWait(objective=1.0, memory=0.5, devices=3)
    for answered, seconds in batches:
        door.done(0.0, answered, seconds)
    age = np.cumsum([seconds for _, seconds in batches][::-1])[::-1]
    weights = np.exp(-(age - [seconds for _, seconds in batches]) / 0.5)
    answers, worked = (weights * np.array(batches).T).sum(axis=1)
    assert door.rate == pytest.approx(3 * answers / worked)


def test_an_idle_hour_teaches_nothing():
    door = EstimatedWait(objective=0.1)
    door.done(10.0, 100, 0.1)
    door.done(3610.0, 1, 0.001)
    assert door.rate == pytest.approx(1000)


@pytest.mark.parametrize(
    "make", [lambda: QueueLimit(0), lambda: QueueLimit(1, 0.0), lambda: EstimatedWait(0.0)]
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()
