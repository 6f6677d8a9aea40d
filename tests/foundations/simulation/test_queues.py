"""Stations against Lindley, Erlang, Pollaczek and Khinchine, and against Little to the last bit."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import (
    closed_loop,
    finish_times,
    finish_times_one_by_one,
    mean_wait,
    poisson_arrivals,
)
from mlsys.foundations.measurement.trace import Trace, union
from mlsys.foundations.simulation.events import Simulator
from mlsys.foundations.simulation.queues import (
    Job,
    Log,
    Station,
    averages,
    feed,
    first_come,
    last_come,
    pooled_wait,
    shortest_first,
)
from mlsys.foundations.simulation.service import BoundedPareto, Constant, Exponential, Lognormal

pairs = st.tuples(st.floats(0, 5), st.floats(0.001, 5))
whole_pairs = st.tuples(st.integers(0, 5), st.integers(1, 9))
disciplines = st.sampled_from([first_come, last_come, shortest_first])


def run(arrivals, service, servers=1, discipline=first_come):
    simulator = Simulator()
    station = Station(simulator, servers, discipline)
    feed(simulator, np.asarray(arrivals, float), np.asarray(service, float), station.arrive)
    simulator.run()
    return station


def cut(work):
    gaps, service = np.array(work).T
    return np.cumsum(gaps), service


@given(st.lists(pairs, min_size=1, max_size=40))
def test_one_server_first_come_is_lindleys_recursion_to_the_last_bit(work):
    arrivals, service = cut(work)
    log = Log.of(run(arrivals, service).done)
    assert np.array_equal(log.finish, finish_times_one_by_one(arrivals, service))
    np.testing.assert_allclose(log.finish, finish_times(arrivals, service), rtol=1e-12)


@given(st.lists(pairs, min_size=1, max_size=40), st.integers(1, 4))
def test_many_servers_each_take_the_first_in_line_when_they_are_free(work, servers):
    arrivals, service = cut(work)
    free, expected = [0.0] * servers, []
    for arrival, seconds in zip(arrivals, service, strict=True):
        start = max(arrival, min(free))
        free[free.index(min(free))] = start + seconds
        expected.append(start)
    assert Log.of(run(arrivals, service, servers).done).start.tolist() == expected


@given(st.lists(whole_pairs, min_size=1, max_size=40), st.integers(1, 4), disciplines)
def test_littles_law_is_an_identity_for_every_order_of_service(work, servers, discipline):
    arrivals, service = cut(work)
    station = run(arrivals, service, servers, discipline)
    log = Log.of(station.done)
    whole = [Fraction(t) for t in log.latency.tolist()]
    assert Fraction(station.area) == sum(whole)  # integers, so that nothing is rounded
    moments = sorted({*log.arrival, *log.finish})
    counted = sum(
        (end - start) * ((log.arrival <= start) & (start < log.finish)).sum()
        for start, end in itertools.pairwise(moments)
    )
    assert counted == station.area
    if log.finish.max() > log.arrival.min():
        all_in_all = averages(station)
        assert all_in_all.number == pytest.approx(all_in_all.rate * all_in_all.time)


@given(st.lists(whole_pairs, min_size=1, max_size=40), st.integers(1, 3), disciplines)
def test_no_server_is_idle_while_a_job_waits_and_none_serves_two(work, servers, discipline):
    arrivals, service = cut(work)
    log = Log.of(run(arrivals, service, servers, discipline).done)
    assert sorted(log.finish - log.start) == sorted(service)  # nobody is cut short
    assert (log.start >= log.arrival).all()
    for moment in {*log.arrival, *log.start, *log.finish}:
        served = ((log.start <= moment) & (moment < log.finish)).sum()
        waiting = ((log.arrival <= moment) & (moment < log.start)).sum()
        assert served <= servers and (served == servers or not waiting)


@given(st.lists(whole_pairs, min_size=1, max_size=40))
def test_the_order_of_service_moves_no_work(work):
    """The server is busy at the same moments whatever it does first."""
    arrivals, service = cut(work)
    ends = [
        union((job.start, job.finish) for job in run(arrivals, service, 1, rule).done)
        for rule in (first_come, last_come, shortest_first)
    ]
    assert ends[0] == ends[1] == ends[2]


def test_the_three_orders_of_service_on_one_small_line():
    arrivals, service = [0, 1, 2, 3], [10, 4, 2, 3]
    order = {
        rule: [job.service for job in run(arrivals, service, 1, rule).done]
        for rule in (first_come, last_come, shortest_first)
    }
    assert order[first_come] == [10, 4, 2, 3]
    assert order[last_come] == [10, 3, 2, 4]
    assert order[shortest_first] == [10, 2, 3, 4]


@pytest.mark.parametrize(
    "service",
    [Constant(1.0), Exponential(1.0), Lognormal(1.0, 1.5), BoundedPareto(0.4, 40.0, 2.0)],
    ids=lambda service: type(service).__name__,
)
def test_the_mean_wait_is_that_of_pollaczek_and_khinchine(service):
    rate, count, rng = 0.6 / service.mean, 24_000, np.random.default_rng(5)
    log = Log.of(run(poisson_arrivals(rate, count, rng), service.draw(count, rng)).done)
    batches = log.wait.reshape(40, -1).mean(axis=1)
    error = batches.std(ddof=1) / np.sqrt(40)
    expected = mean_wait(rate, service.mean, service.second_moment)
    assert log.wait.mean() == pytest.approx(expected, abs=6 * error)
    assert error < 0.25 * expected  # or the line above says nothing


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (3, 0.8), (10, 0.9)])
def test_the_mean_wait_of_a_pool_is_erlangs(servers, load):
    count, rng = 24_000, np.random.default_rng(6)
    arrivals = poisson_arrivals(load * servers, count, rng)
    station = run(arrivals, rng.exponential(1.0, count), servers)
    batches = Log.of(station.done).wait.reshape(40, -1).mean(axis=1)
    expected, error = pooled_wait(load * servers, 1.0, servers), batches.std(ddof=1) / np.sqrt(40)
    assert batches.mean() == pytest.approx(expected, abs=6 * error) and error < 0.25 * expected
    assert averages(station).utilisation == pytest.approx(load, rel=0.05)


@given(st.integers(1, 30), st.floats(0.05, 0.9))
def test_erlangs_formula_solves_the_balance_of_the_chain(servers, load):
    """States 0, 1, ... jobs; up at the rate of arrivals, down at min(jobs, servers)."""
    rate, states = load * servers, servers + 600
    climb = rate / np.minimum(np.arange(1, states), servers)
    share = np.concatenate([[1.0], np.cumprod(climb)])
    share /= share.sum()
    waiting = (share * np.maximum(np.arange(states) - servers, 0)).sum()
    assert pooled_wait(rate, 1.0, servers) == pytest.approx(waiting / rate, rel=1e-6)


def test_erlangs_formula_for_one_server_is_the_known_one():
    for load in (0.1, 0.5, 0.9):
        assert pooled_wait(load, 2.0, 2) <= mean_wait(load / 2, 2.0, 8.0)
        assert pooled_wait(load / 2, 2.0, 1) == pytest.approx(mean_wait(load / 2, 2.0, 8.0))
    assert pooled_wait(3.0, 1.0, 3) == np.inf


@given(st.integers(1, 5), st.floats(0, 3), st.lists(st.floats(0.001, 5), min_size=5, max_size=30))
def test_clients_that_wait_for_their_answer_make_a_closed_loop(clients, think, service):
    simulator, left = Simulator(), iter(service)

    def send():
        for seconds in itertools.islice(left, 1):
            station.arrive(Job(seconds))

    station = Station(simulator, then=lambda job: simulator.after(think, send))
    for _ in range(clients):
        simulator.after(0.0, send)
    simulator.run()
    log, expected = Log.of(station.done), closed_loop(service, clients, think)
    np.testing.assert_allclose(np.sort(log.arrival), np.sort(expected.sent[: log.arrival.size]))
    np.testing.assert_allclose(np.sort(log.finish), np.sort(expected.finished[: log.finish.size]))


def test_stations_in_a_row_pass_jobs_on():
    simulator, out = Simulator(), []
    second = Station(simulator, then=lambda job: out.append(simulator.now))
    first = Station(simulator, then=lambda job: second.arrive(Job(job.service)))
    feed(simulator, np.array([0.0, 0.0, 1.0]), np.ones(3), first.arrive)
    simulator.run()
    assert out == [2.0, 3.0, 4.0]


def test_the_feed_keeps_one_arrival_on_the_queue():
    simulator = Simulator()
    feed(simulator, np.arange(1000.0), np.ones(1000), lambda job: None)
    assert simulator.pending == 1
    simulator.run(until=500.5)
    assert simulator.pending == 1 and simulator.ran == 501


def test_a_log_tells_its_trace():
    station, trace = run([0, 1, 5], [2, 2, 1]), Trace()
    Log.of(station.done).record(trace, "server")
    assert trace.busy("server") == 5 and trace.makespan == 6
    assert trace.utilisation("server") == pytest.approx(averages(station).utilisation)


def test_bookkeeping_that_does_not_add_up_is_told():
    station = run([0, 1], [2, 2])
    station.done[0].finish += 0.5
    with pytest.raises(RuntimeError, match="Little's law is broken"):
        averages(station)


def test_impossible_stations_are_refused():
    simulator = Simulator()
    with pytest.raises(ValueError, match="at least 1"):
        Station(simulator, servers=0)
    station = Station(simulator)
    with pytest.raises(ValueError, match="has done something"):
        averages(station)
    station.arrive(Job(1.0))
    with pytest.raises(ValueError, match="1 jobs inside"):
        averages(station)
    with pytest.raises(ValueError, match="one moment"):
        averages(run([0.0], [0.0]))
