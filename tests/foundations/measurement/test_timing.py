"""The timer on clocks that lie in known ways, and the bootstrap against its promise."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.timing import (
    Interval,
    bootstrap,
    compare,
    enough_calls,
    repeat,
    seconds_per_call,
)


class Machine:
    """A clock that moves only when work is done; ``speed(t)`` is the work done per second."""

    def __init__(self, speed: Callable[[float], float] = lambda now: 1.0) -> None:
        self.now, self.speed, self.calls = 0.0, speed, 0

    def clock(self) -> float:
        return self.now

    def work(self, amount: float) -> Callable[[], None]:
        def run() -> None:
            self.calls += 1
            self.now += amount / self.speed(self.now)

        return run


@given(st.floats(1e-6, 1e3), st.integers(1, 8), st.integers(0, 4), st.integers(1, 4))
def test_a_steady_machine_gives_the_same_time_in_every_sample(amount, repeats, warmup, calls):
    machine = Machine()
    samples = repeat(machine.work(amount), repeats, warmup, calls, machine.clock)
    np.testing.assert_allclose(samples, np.full(repeats, amount), rtol=1e-6)
    assert machine.calls == warmup + repeats * calls


def test_warm_up_calls_do_not_count():
    machine = Machine(speed=lambda now: 0.1 if now < 15 else 1.0)  # cold for 15 s
    assert repeat(machine.work(1.0), 5, warmup=2, clock=machine.clock).tolist() == [1.0] * 5
    machine = Machine(speed=lambda now: 0.1 if now < 15 else 1.0)
    assert repeat(machine.work(1.0), 5, warmup=0, clock=machine.clock).max() == 10.0


@given(st.floats(0.5, 2.0), st.integers(0, 2**32))
def test_interleaving_finds_the_true_ratio_on_a_machine_that_slows_down(ratio, seed):
    machine = Machine(speed=lambda now: 1 / (1 + now / 200))
    first, second = machine.work(ratio), machine.work(1.0)
    found = compare(first, second, np.random.default_rng(seed), 20, 0, 1, machine.clock).ratio
    assert found.estimate == pytest.approx(ratio, rel=0.01)


def test_timing_one_after_the_other_is_fooled_where_rounds_are_not():
    machine = Machine(speed=lambda now: 1.0 if now < 20 else 0.5)  # throttled half-way
    first = np.median(repeat(machine.work(1.0), 20, 0, clock=machine.clock))
    second = np.median(repeat(machine.work(1.0), 20, 0, clock=machine.clock))
    assert second / first == 2.0
    machine = Machine(speed=lambda now: 1.0 if now < 20 else 0.5)
    same = compare(machine.work(1.0), machine.work(1.0), np.random.default_rng(0), 20, 0,
                   clock=machine.clock)  # fmt: skip
    assert same.ratio == Interval(1.0, 1.0, 1.0)


def test_rounds_go_first_second_first_second():
    order: list[str] = []
    ticks = itertools.count()
    compare(lambda: order.append("A"), lambda: order.append("B"), np.random.default_rng(0),
            rounds=3, warmup=1, clock=lambda: float(next(ticks)))  # fmt: skip
    assert order == ["A", "B"] * 4


@given(st.floats(1e-9, 1e-2), st.floats(1e-4, 1e-2))
def test_enough_calls_last_long_enough_and_not_twice_as_long(amount, at_least):
    machine = Machine()
    calls = enough_calls(machine.work(amount), at_least, machine.clock)
    assert calls * amount >= at_least * (1 - 1e-6)
    assert calls == 1 or calls * amount < 2 * at_least * (1 + 1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.integers(0, 2**32))
def test_the_interval_lies_within_the_samples_and_around_their_median(samples, seed):
    interval = bootstrap(samples, np.random.default_rng(seed))
    assert interval.estimate == np.median(samples)
    assert min(samples) <= interval.low <= interval.high <= max(samples)


def test_ninety_percent_intervals_hold_the_true_median_about_nine_times_in_ten():
    rng = np.random.default_rng(1)
    truth = np.log(2.0)  # median of the exponential distribution
    hits = sum(truth in bootstrap(rng.exponential(size=60), rng, level=0.9, resamples=400)
               for _ in range(200))  # fmt: skip
    assert 0.83 * 200 <= hits <= 0.97 * 200


def test_the_interval_of_a_mean_agrees_with_the_central_limit_theorem():
    rng = np.random.default_rng(2)
    samples = rng.exponential(size=400)
    interval = bootstrap(samples, rng, statistic=np.mean)
    wanted = 2 * 1.96 * samples.std() / np.sqrt(samples.size)
    assert interval.high - interval.low == pytest.approx(wanted, rel=0.15)


@pytest.mark.parametrize("samples", [[], [np.nan], [-1.0], [1.0, np.inf], [[1.0]]])
def test_bad_samples_are_refused(samples):
    with pytest.raises(ValueError, match="expected"):
        bootstrap(samples, np.random.default_rng(0))


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_is_a_share(level):
    with pytest.raises(ValueError, match=r"try 0\.95"):
        bootstrap([1.0], np.random.default_rng(0), level=level)


@pytest.mark.parametrize("times", [(2.0, 1.0), (0.0, float("nan"))])
def test_a_clock_that_goes_back_is_named(times):
    ticks = iter(times)
    with pytest.raises(ValueError, match="monotonic"):
        seconds_per_call(lambda: None, clock=lambda: next(ticks))


def test_a_ratio_with_a_clock_too_coarse_is_refused():
    with pytest.raises(ValueError, match="raise calls"):
        compare(lambda: None, lambda: None, np.random.default_rng(0), clock=lambda: 1.0)


def test_counts_that_measure_nothing_are_refused():
    with pytest.raises(ValueError, match="repeats >= 1"):
        repeat(lambda: None, repeats=0)
