"""Who gets the next job: by turns, at random, or the shorter of two lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import finish_times_one_by_one, poisson_arrivals
from mlsys.foundations.simulation.dispatch import (
    dispatcher,
    round_robin,
    share_with,
    shortest_of,
)
from mlsys.foundations.simulation.events import Simulator
from mlsys.foundations.simulation.queues import Job, Log, Station, averages, feed

LOAD = 0.9


def fleet(choose, stations, arrivals, service):
    simulator = Simulator()
    servers = [Station(simulator) for _ in range(stations)]
    feed(simulator, arrivals, service, dispatcher(servers, choose))
    return simulator, servers


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_each_station_behind_a_dispatcher_is_lindleys_queue_of_what_it_got(seed, stations):
    rng = np.random.default_rng(seed)
    arrivals, service = poisson_arrivals(stations, 60, rng), rng.exponential(1.0, 60)
    for choose in (round_robin(), shortest_of(1, rng), shortest_of(2, rng)):
        simulator, servers = fleet(choose, stations, arrivals, service)
        simulator.run()
        assert sum(len(station.done) for station in servers) == 60
        for station in (s for s in servers if s.done):
            log = Log.of(station.done)
            expected = finish_times_one_by_one(
                log.arrival, np.array([j.service for j in station.done])
            )
            assert np.array_equal(log.finish, expected)
            assert averages(station).utilisation <= 1 + 1e-9


def test_round_robin_takes_turns():
    arrivals = np.arange(7.0)
    simulator, servers = fleet(round_robin(), 3, arrivals, np.ones(7))
    simulator.run()
    assert [[j.arrival for j in s.done] for s in servers] == [[0, 3, 6], [1, 4], [2, 5]]


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 8))
def test_the_chosen_station_is_the_shortest_of_those_drawn(seed, choices, stations):
    simulator = Simulator()
    servers = [Station(simulator) for _ in range(stations)]
    for n, station in enumerate(servers):
        for _ in range(n):
            station.arrive(Job(1.0))
    choose = shortest_of(choices, np.random.default_rng(seed))
    drawn = np.random.default_rng(seed).random((1024, choices))
    for row in drawn[:50]:
        assert choose(servers).inside == min(int(u * stations) for u in row)


def test_one_choice_is_uniform():
    servers = [Station(Simulator()) for _ in range(10)]
    choose = shortest_of(1, np.random.default_rng(1))
    counts = np.zeros(10)
    for _ in range(20_000):
        counts[servers.index(choose(servers))] += 1
    assert ((counts - 2000) ** 2 / 2000).sum() < 60  # chi-squared with 9 degrees of freedom


def shares(choices, seconds, settle, stations=300, seed=0):
    """Share of stations with 1, 2, ... jobs, from the state of many moments, and its error.

    The start is the equilibrium of random choice: each station has a geometric number of jobs.
    """
    rng = np.random.default_rng(seed)
    count = int(LOAD * stations * seconds)
    arrivals = poisson_arrivals(LOAD * stations, count, rng)
    choose = shortest_of(choices, rng)
    simulator, servers = fleet(choose, stations, arrivals, rng.exponential(1.0, count))
    for station, jobs in zip(servers, rng.geometric(1 - LOAD, stations) - 1, strict=True):
        for seconds_ in rng.exponential(1.0, jobs):
            station.arrive(Job(seconds_))
    seen = []
    for moment in np.linspace(settle, arrivals[-1], 40):
        simulator.run(until=moment)
        inside = np.array([station.inside for station in servers])
        seen.append([(inside >= i).mean() for i in range(1, 8)])
    return np.array(seen)


def test_two_choices_make_the_share_of_long_lines_fall_doubly_exponentially():
    seen = shares(choices=2, seconds=260, settle=100).mean(axis=0)
    expected = [share_with(i, LOAD, 2) for i in range(1, 8)]
    np.testing.assert_allclose(seen[:4], expected[:4], rtol=0.08)
    assert seen[6] < 0.002 < 100 * share_with(7, LOAD, 2) + 0.002 < share_with(7, LOAD, 1)


def test_one_choice_leaves_lines_that_fall_exponentially():
    seen = shares(choices=1, seconds=100, settle=0).mean(axis=0)
    np.testing.assert_allclose(seen[:5], [LOAD**i for i in range(1, 6)], rtol=0.15)


@given(st.integers(0, 20), st.floats(0, 0.99), st.integers(2, 5))
def test_the_closed_form_is_the_fixed_point_of_the_equations(jobs, load, choices):
    """In balance, stations reach i + 1 jobs as often as they fall below: s_i+1 = load s_i^d."""
    below, here = share_with(jobs, load, choices), share_with(jobs + 1, load, choices)
    assert here == pytest.approx(load * below**choices, rel=1e-9, abs=1e-300)
    assert share_with(jobs, load, 1) == pytest.approx(load**jobs)
    assert share_with(jobs, load, 2) == pytest.approx(load ** (2.0**jobs - 1), rel=1e-9, abs=1e-300)


def test_impossible_choices_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        shortest_of(0, np.random.default_rng(0))
    for load in (1.0, -0.1, math.nan):
        with pytest.raises(ValueError, match="below 1"):
            share_with(1, load, 2)
