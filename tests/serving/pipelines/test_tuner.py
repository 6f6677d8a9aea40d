"""Envelopes against all windows; a tuner never has fewer replicas than the envelope needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.estimator import estimate
from mlsys.serving.pipelines.graph import Graph, routed
from mlsys.serving.pipelines.profiles import Profile, Setting
from mlsys.serving.pipelines.tuner import (
    Tuner,
    delayed,
    envelope,
    follow,
    growth,
    replica_seconds,
    windows,
)

TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=40).map(lambda t: np.sort(t) / 4)
GRAPH = Graph(("only",))
MACHINES = {"only": {"x": Profile(Linear(0.02, 0.0), 1.0)}}
PLAN = {"only": Setting("x", 1, 4)}


def traffic(rate, seconds, seed=0):
    rng = np.random.default_rng(seed)
    return routed(GRAPH, poisson_arrivals(rate, int(rate * seconds), rng), rng)


@given(TIMES, st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_the_envelope_is_the_most_in_any_window(times, quarters):
    lengths = np.array(quarters) / 4
    ends = np.arange(-1, 80, 0.125)  # on a grid twice as fine as that of the arrivals
    brute = [max(((times > end - w) & (times <= end)).sum() for end in ends) for w in lengths]
    np.testing.assert_array_equal(envelope(times, lengths), brute)


@given(TIMES, st.integers(1, 40), st.integers(1, 40))
def test_the_envelope_is_subadditive_and_never_falls(times, one, other):
    both, a, b = envelope(times, np.array([one + other, one, other]) / 4)
    assert max(a, b) <= both <= a + b


@given(TIMES, st.integers(0, 60))
def test_only_windows_that_end_later_count(times, since):
    lengths = np.array([0.5, 2.0])
    found = envelope(times, lengths, since / 4)
    late = times[times > since / 4]
    brute = [
        max((((times > e - w) & (times <= e)).sum() for e in late), default=0) for w in lengths
    ]
    np.testing.assert_array_equal(found, brute)


def test_the_envelope_of_a_metronome_is_a_staircase():
    np.testing.assert_array_equal(
        envelope(np.arange(10.0), np.array([0.5, 1, 2.5, 100])), [1, 1, 3, 10]
    )


@given(st.floats(0.01, 1), st.floats(1, 60))
def test_windows_double(shortest, longest):
    found = windows(shortest, longest)
    assert found[0] == shortest and longest / 2 < found[-1] * (1 + 1e-6)
    assert found[-1] <= longest * (1 + 1e-6)
    np.testing.assert_allclose(found[1:] / found[:-1], 2)


@given(st.integers(0, 50))
def test_traffic_below_the_planned_envelope_changes_nothing_upwards(seed):
    known = traffic(100, 60)
    tuner = Tuner(MACHINES, PLAN, known)
    part = known.arrivals[seed * 20 : seed * 20 + 2000]
    steps = follow(tuner, part - part[0]).ordered["only"]
    assert max(count for _, count in steps) == 4


@given(st.sampled_from([50.0, 100.0, 150.0, 300.0]), st.integers(0, 20))
def test_never_fewer_than_the_envelope_needs(rate, seed):
    """At each look, of all windows that ended since the look before."""
    live = traffic(rate, 40, seed).arrivals
    tuner = Tuner(MACHINES, PLAN, traffic(100, 60, seed=99))
    for now in np.arange(1.0, 40.0):
        seen = live[live <= now]
        tuner.look(float(now), seen)
        times = growth(envelope(seen, tuner.lengths, now - 1), tuner.limit)
        assert tuner.replicas["only"] >= 4 * times - 1e-6


def test_nothing_is_taken_away_before_enough_has_been_seen():
    """Quiet from the beginning: not before the half minute that is to decide is over."""
    ordered = follow(Tuner(MACHINES, PLAN, traffic(100, 60)), traffic(20, 60, 7).arrivals).ordered
    assert ordered["only"][1][0] >= 30 and ordered["only"][-1][1] < 4


def test_up_at_once_and_down_after_a_while():
    low, high = traffic(100, 60, 1).arrivals, traffic(300, 30, 2).arrivals
    arrivals = np.concatenate([low, 60 + high, 90 + low])
    ordered = follow(Tuner(MACHINES, PLAN, traffic(100, 60)), arrivals).ordered["only"]
    times, counts = np.array(ordered).T
    up, down = times[np.argmax(counts >= 10)], times[np.argmax((counts <= 5) & (times > 70))]
    assert 60 < up <= 65 and 90 + 15 <= down <= 90 + 30 + 15 + 1
    assert counts.max() <= 4 * 4


def test_more_replicas_keep_the_promise_that_fewer_break():
    """Three times the traffic: late with the plan, in time with the tuner once it has replicas."""
    live = traffic(300, 60, 5)
    followed = follow(Tuner(MACHINES, PLAN, traffic(100, 60)), live.arrivals)
    stays = estimate(live, MACHINES, PLAN)
    tuned = estimate(live, MACHINES, PLAN, followed.working)
    assert stays.missed(0.1) > 0.9
    later = live.arrivals > 15
    assert (tuned.latency[later] > 0.1).mean() < 0.01


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(1, 9)), max_size=6, unique_by=lambda s: s[0]
    ),
    st.integers(0, 12),
)
def test_what_works_is_the_fewest_that_were_ordered_lately(later, startup):
    ordered = [(0.0, 3), *((float(t), count) for t, count in sorted(later))]
    found = delayed(ordered, float(startup))

    def at(steps, moment):
        return [count for time, count in steps if time <= moment][-1]

    for moment in np.arange(0.5, 80, 1.0):
        lately = np.arange(moment - startup, moment + 0.25, 0.5)
        assert at(found, moment) == min(at(ordered, max(each, 0.0)) for each in lately)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_replica_seconds_are_the_area_under_the_steps(counts):
    steps = [(2.0 * number, count) for number, count in enumerate(counts)]
    assert replica_seconds(steps, 2.0 * len(counts)) == pytest.approx(2.0 * sum(counts))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="shortest"):
        windows(2.0, 1.0)
