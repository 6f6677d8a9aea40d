"""A stage at a time against the event queue, one request at a time, and closed forms."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import mean_wait, poisson_arrivals
from mlsys.foundations.simulation.events import Simulator
from mlsys.serving.batching import Greedy, simulate
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.estimator import estimate, served, service_time
from mlsys.serving.pipelines.graph import Edge, Graph, routed
from mlsys.serving.pipelines.profiles import Profile, Setting

CURVE = Linear(0.01, 0.002)
GRAPH = Graph(
    ("a", "b", "c", "d"),
    (Edge("a", "b", 0.6), Edge("a", "c", 1.5), Edge("b", "d", 2.0), Edge("c", "d", 0.3)),
)
CURVES = {"a": (0.001, 0.004), "b": (0.02, 0.01), "c": (0.01, 0.02), "d": (0.005, 0.003)}
CATALOGUE = {stage: {"x": Profile(Linear(*curve), 1.0)} for stage, curve in CURVES.items()}
SETTING = st.builds(Setting, st.just("x"), st.integers(1, 8), st.integers(1, 4))
PLANS = st.fixed_dictionaries(dict.fromkeys("abcd", SETTING))


def by_events(traffic, catalogue, plan):
    """The whole pipeline on the event queue. A stage is looked at when all of a moment has come."""
    graph, simulator = traffic.graph, Simulator()
    waiting = {stage: deque() for stage in graph.stages}
    idle = {stage: plan[stage].replicas for stage in graph.stages}
    first = {}  # of the visits over an edge, the number of the first in the target's numbering
    for stage in graph.stages:
        number = 0
        for edge in graph.into[stage]:
            first[edge], number = number, number + traffic.parent[edge].size
    done = traffic.arrivals.copy()

    def come(stage, visit):
        waiting[stage].append((simulator.now, visit))
        simulator.after(0, look, stage)

    def look(stage):
        while idle[stage] and waiting[stage]:
            line = sorted(waiting[stage])
            batch = [visit for _, visit in line[: plan[stage].batch]]
            waiting[stage] = deque(line[len(batch) :])
            idle[stage] -= 1
            seconds = catalogue[stage][plan[stage].hardware].curve.seconds(len(batch))
            simulator.after(seconds, end, stage, batch)

    def end(stage, batch):
        idle[stage] += 1
        for visit in batch:
            request = traffic.request[stage][visit]
            done[request] = max(done[request], simulator.now)
            for edge in (edge for edge in graph.edges if edge.source == stage):
                for child in np.flatnonzero(traffic.parent[edge] == visit):
                    come(edge.target, first[edge] + int(child))
        simulator.after(0, look, stage)

    for stage in graph.stages:
        if not graph.into[stage]:
            for number, time in enumerate(traffic.arrivals):
                simulator.at(time, come, stage, number)
    simulator.run()
    return done - traffic.arrivals


@given(PLANS, st.sampled_from([20.0, 60.0, 150.0]), st.integers(0, 99))
def test_a_stage_at_a_time_is_what_the_event_queue_says(plan, rate, seed):
    rng = np.random.default_rng(seed)
    traffic = routed(GRAPH, poisson_arrivals(rate, 25, rng), rng)
    found = estimate(traffic, CATALOGUE, plan)
    np.testing.assert_allclose(found.latency, by_events(traffic, CATALOGUE, plan), atol=1e-9)


@given(st.integers(1, 9), st.integers(1, 4), st.sampled_from([50.0, 200.0, 800.0]))
def test_one_stage_is_greedy_batching(batch, replicas, rate):
    arrivals = poisson_arrivals(rate, 300, np.random.default_rng(0))
    traffic = routed(Graph(("only",)), arrivals, np.random.default_rng(0))
    plan = {"only": Setting("x", batch, replicas)}
    found = estimate(traffic, {"only": {"x": Profile(CURVE, 1.0)}}, plan)
    oracle = simulate(Greedy(batch), arrivals, CURVE, devices=replicas)
    np.testing.assert_allclose(found.latency, oracle.latency, rtol=0, atol=1e-12)
    assert found.batches == {"only": len(oracle.batches)}


def test_without_batches_the_mean_wait_is_that_of_pollaczek_and_khinchine():
    arrivals = poisson_arrivals(0.7 / 0.012, 40_000, np.random.default_rng(0))
    finished, begun = served(arrivals, CURVE, batch=1, replicas=1)
    waited = (finished - arrivals).mean() - 0.012
    assert waited == pytest.approx(mean_wait(0.7 / 0.012, 0.012, 0.012**2), rel=0.1)
    assert begun == 40_000


@given(PLANS, st.integers(0, 99))
def test_nobody_is_faster_than_alone_and_everybody_gets_an_answer(plan, seed):
    rng = np.random.default_rng(seed)
    traffic = routed(GRAPH, poisson_arrivals(80, 60, rng), rng)
    found = estimate(traffic, CATALOGUE, plan)
    assert (found.latency >= CATALOGUE["a"]["x"].curve.seconds(1) - 1e-9).all()
    for stage in GRAPH.stages:
        visits = traffic.request[stage].size
        assert visits / plan[stage].batch <= found.batches[stage] <= visits
    assert found.missed(0.0) == 1.0 and found.missed(np.inf) == 0.0
    assert found.missed(found.tail(90)) <= 0.1


def test_with_room_for_all_a_chain_takes_its_service_time():
    graph = Graph(("a", "b"), (Edge("a", "b"),))
    traffic = routed(graph, np.arange(5.0), np.random.default_rng(0))
    plan = {stage: Setting("x", 1, 1) for stage in "ab"}
    latency = estimate(traffic, CATALOGUE, plan).latency
    np.testing.assert_allclose(latency, service_time(graph, CATALOGUE, plan))


def test_the_longest_way_counts():
    plan = {stage: Setting("x", 2, 1) for stage in "abcd"}
    seconds = {stage: CATALOGUE[stage]["x"].curve.seconds(2) for stage in "abcd"}
    slower = max(seconds["b"], seconds["c"])
    assert service_time(GRAPH, CATALOGUE, plan) == pytest.approx(
        seconds["a"] + slower + seconds["d"]
    )


def test_replicas_come_and_go():
    """Ten at once, a second each: one replica, three from 2.5 s on, two from 3.6 s on."""
    finished, _ = served(np.zeros(10), Linear(1.0, 0.0), 1, 1, [(2.5, 3), (3.6, 2)])
    # The first ends at 1, 2, 3 and 4, and goes; the others end at 3.5, 4.5 and 5.5.
    assert sorted(finished) == pytest.approx([1, 2, 3, 3.5, 3.5, 4, 4.5, 4.5, 5.5, 5.5])
    same, _ = served(np.zeros(10), Linear(1.0, 0.0), 1, 2, [(1.0, 2)])
    assert same.max() == pytest.approx(5)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2)), max_size=5))
def test_no_more_work_at_a_time_than_there_are_replicas(steps):
    """Who comes when more are there is served by more, at once."""
    changes, count = [], 1
    for time, more in sorted(steps):
        changes.append((time, count := count + more))
    arrivals = poisson_arrivals(300, 200, np.random.default_rng(1))
    finished, _ = served(arrivals, Linear(0.01, 0.0), 1, 1, changes)
    started = np.sort(finished - 0.01)
    assert (started >= arrivals - 1e-9).all()
    for moment in started:
        there = [count for time, count in changes if time <= moment + 1e-9]
        working = ((started <= moment + 1e-9) & (moment + 1e-9 < started + 0.01 - 1e-8)).sum()
        assert working <= (there[-1] if there else 1)


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0)])
def test_what_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        served(np.zeros(1), CURVE, *arguments)
    with pytest.raises(ValueError, match="at least 1 replica"):
        served(np.arange(3.0), CURVE, 1, 1, [(1.0, 0)])
