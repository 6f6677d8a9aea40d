"""The experiments of the chapter against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.experiments import (
    CONVOLUTIONAL,
    LINEAR,
    OBJECTIVE,
    fan_out,
    gain,
    saturated,
    worth_of_waiting,
)
from mlsys.serving.batching.policies import AIMD, Fixed
from mlsys.serving.batching.simulated import Linear

OFTEN = Linear(0.0, 0.001)


def test_a_saturated_device_is_never_idle() -> None:
    outcome = saturated(Fixed(10, 1e-3), LINEAR, seconds=0.5)
    assert outcome.utilisation > 0.99
    assert outcome.throughput == pytest.approx(10 / LINEAR.seconds(10), rel=0.01)


def test_the_climb_takes_the_time_of_its_batches() -> None:
    """1, 2, ..., N one after the other: a N + b N^2 / 2, about."""
    begun, done, sizes = saturated(AIMD(OBJECTIVE), LINEAR, seconds=2.0).batches.T
    climbing = sizes[: int(np.argmax(done > 1.5))]
    np.testing.assert_array_equal(climbing, np.arange(1, climbing.size + 1))
    n = climbing.size
    expected = LINEAR.fixed * n + LINEAR.each * n * (n + 1) / 2
    assert done[n - 1] - begun[0] == pytest.approx(expected)


def test_a_device_without_a_fixed_cost_wins_nothing() -> None:
    assert gain(OFTEN, seconds=0.5).times == pytest.approx(1, abs=0.05)


def test_of_small_batches_every_third_is_late() -> None:
    """A late one of n + 1 leaves 0.9 (n + 1), from where it takes two to be above n = 12 again."""
    assert gain(CONVOLUTIONAL).late == pytest.approx(1 / 3, abs=0.03)


def test_waiting_makes_batches_larger_and_the_device_less_busy() -> None:
    none, some, much = worth_of_waiting(500, [0, 1e-3, 5e-3], count=3000)
    assert none.size < some.size < much.size
    assert none.utilisation > some.utilisation > much.utilisation
    assert none.latency < some.latency < much.latency
    busy = 500 / much.size * LINEAR.fixed + 500 * LINEAR.each
    assert much.utilisation == pytest.approx(busy, rel=0.03)


@given(st.floats(0, 1), st.integers(1, 200))
def test_pages_that_ask_many_meet_a_slow_one(slow: float, machines: int) -> None:
    none = np.prod(np.full(machines, 1 - slow))
    assert fan_out(slow, machines) == pytest.approx(1 - none)
