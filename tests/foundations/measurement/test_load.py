"""Queues against closed forms, and the two clocks of a load test against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import (
    closed_loop,
    fill_omitted,
    finish_times,
    finish_times_one_by_one,
    mean_wait,
    open_loop,
    paced,
    poisson_arrivals,
)

gaps = st.floats(0, 5)
seconds = st.floats(0.001, 5)
work = st.lists(st.tuples(gaps, seconds), min_size=1, max_size=40)


def arrivals_and_service(pairs):
    gap, service = np.array(pairs).T
    return np.cumsum(gap), service


@given(work)
def test_the_sum_over_all_requests_at_once_agrees_with_the_loop(pairs):
    arrivals, service = arrivals_and_service(pairs)
    slow, fast = finish_times_one_by_one(arrivals, service), finish_times(arrivals, service)
    np.testing.assert_allclose(fast, slow, rtol=1e-12)


@given(work)
def test_the_server_is_never_idle_while_work_waits_nor_faster_than_it_is(pairs):
    arrivals, service = arrivals_and_service(pairs)
    finished = open_loop(arrivals, service).finished
    started = finished - service
    assert (started >= arrivals - 1e-9).all() and (started[1:] >= finished[:-1] - 1e-9).all()
    free = np.concatenate([[0.0], finished[:-1]])
    np.testing.assert_allclose(started, np.maximum(arrivals, free), atol=1e-9)


@given(work)
def test_a_paced_tool_makes_the_server_do_the_same_and_reports_less(pairs):
    arrivals, service = arrivals_and_service(pairs)
    told, true = paced(arrivals, service), open_loop(arrivals, service)
    assert np.array_equal(told.finished, true.finished)
    assert np.array_equal(told.latency, true.latency)  # timed from the intended start: repaired
    np.testing.assert_allclose(told.measured, service, atol=1e-9)  # it never sees a queue
    assert (told.measured <= true.measured + 1e-9).all()


def test_one_stall_is_one_slow_request_to_a_paced_tool_and_a_second_of_them_to_users():
    arrivals, service = np.arange(10_000) / 1000, np.full(10_000, 0.0005)
    service[5000] = 2.0  # 2 s
    run = paced(arrivals, service)
    assert (run.measured > 0.01).sum() == 1
    assert (run.latency > 0.01).sum() > 3900


@given(st.integers(1, 5), st.floats(0, 3), st.lists(seconds, min_size=5, max_size=30))
def test_a_closed_loop_has_at_most_its_clients_in_the_system(clients, think, service):
    run = closed_loop(service, clients, think)
    inside = [((run.sent <= t) & (t < run.finished)).sum() for t in run.sent]
    assert max(inside) <= clients
    assert (run.latency >= np.array(service) - 1e-9).all()


@pytest.mark.parametrize(("clients", "think"), [(1, 0.0), (3, 2.0), (8, 5.0)])
def test_a_closed_loop_obeys_the_response_time_law(clients, think):
    service = np.random.default_rng(3).exponential(1.0, 20_000)
    run = closed_loop(service, clients, think)
    assert run.throughput * (run.latency.mean() + think) == pytest.approx(clients, rel=0.01)


def test_at_the_same_load_a_closed_loop_waits_far_less_than_an_open_one():
    rng = np.random.default_rng(5)
    service = rng.exponential(1.0, 100_000)
    closed = closed_loop(service, clients=4, think=1.7)
    load = closed.throughput  # of a server that does one request a second
    opened = open_loop(poisson_arrivals(load, service.size, rng), service)
    assert 0.85 < load < 0.95
    assert (opened.latency - service).mean() > 3 * (closed.latency - service).mean()


@pytest.mark.parametrize("load", [0.3, 0.7])
@pytest.mark.parametrize(
    ("draw", "second_moment"),
    [(lambda rng, n: np.ones(n), 1.0), (lambda rng, n: rng.exponential(1.0, n), 2.0)],
    ids=["M/D/1", "M/M/1"],
)
def test_the_mean_wait_is_that_of_the_closed_form(load, draw, second_moment):
    rng, n = np.random.default_rng(4), 200_000
    service = draw(rng, n)
    waits = open_loop(poisson_arrivals(load, n, rng), service).latency - service
    assert waits.mean() == pytest.approx(mean_wait(load, 1.0, second_moment), rel=0.06)


def test_the_closed_form_is_the_textbooks_for_exponential_service():
    for load in (0.1, 0.5, 0.9):
        assert mean_wait(load, 1.0, 2.0) == pytest.approx(load / (1 - load))
    assert mean_wait(1.0, 1.0, 2.0) == math.inf


def test_filling_in_restores_the_mean_of_a_tool_that_stalled():
    arrivals, service = np.arange(100_000) / 100, np.full(100_000, 0.001)
    service[::1000] = 3.0  # every 10 s a stall of 3 s
    run = paced(arrivals, service)
    filled = fill_omitted(run.measured, interval=0.01)
    assert run.measured.mean() < 0.1 * run.latency.mean()
    assert np.percentile(filled, 90) == pytest.approx(np.percentile(run.latency, 90), rel=0.2)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.floats(0.5, 10))
def test_filling_in_adds_one_sample_per_interval_missed(measured, interval):
    filled = fill_omitted(measured, interval)
    assert filled.size == len(measured) + sum(max(0, int(v // interval) - 1) for v in measured)
    assert filled.max() == max(measured) and filled.min() >= min(min(measured), interval - 1e-9)


@pytest.mark.parametrize(
    ("arrivals", "service", "says"),
    [
        ([1.0, 0.5], [1.0, 1.0], "in order"),
        ([1.0], [1.0, 1.0], "one service time per arrival"),
        ([1.0], [-1.0], ">= 0"),
        ([math.nan], [1.0], "finite"),
        ([], [], "at least one"),
    ],
)
def test_impossible_loads_are_refused(arrivals, service, says):
    for run in (open_loop, paced):
        with pytest.raises(ValueError, match=says):
            run(arrivals, service)


def test_impossible_rates_and_clients_are_refused():
    with pytest.raises(ValueError, match="rate > 0"):
        poisson_arrivals(0.0, 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least one client"):
        closed_loop([1.0], clients=0)
    with pytest.raises(ValueError, match="between requests"):
        fill_omitted([1.0], interval=0.0)
