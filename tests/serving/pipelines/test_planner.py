"""A plan keeps its promise, costs no more than the start, and is compared with the best of all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.estimator import estimate
from mlsys.serving.pipelines.experiments import TINY, TINY_MACHINES, cheapest
from mlsys.serving.pipelines.graph import Graph, routed, visits
from mlsys.serving.pipelines.planner import Objective, Planner, fewest, powers_of_two
from mlsys.serving.pipelines.profiles import Profile, price, throughput


def planner(rate, seconds, seed=0, count=150, machines=TINY_MACHINES, graph=TINY, percent=99.0):
    rng = np.random.default_rng(seed)
    traffic = routed(graph, poisson_arrivals(rate, count, rng), rng)
    return Planner(machines, traffic, Objective(seconds, percent))


PROMISES = st.sampled_from([0.03, 0.05, 0.08, 0.12, 0.2, 0.5])


@given(st.sampled_from([10.0, 40.0, 120.0]), PROMISES, st.integers(0, 99))
def test_a_plan_is_in_time_not_too_full_and_not_dearer_than_the_start(rate, seconds, seed):
    made = planner(rate, seconds, seed)
    plan = made.plan()
    assert estimate(made.traffic, TINY_MACHINES, plan).missed(seconds) <= 0.01
    for stage, often in visits(TINY).items():
        curve = TINY_MACHINES[stage][plan[stage].hardware].curve
        able = plan[stage].replicas * throughput(curve, plan[stage].batch)
        assert made.traffic.rate * often <= 0.8 * able * (1 + 1e-6)
    assert price(TINY_MACHINES, plan) <= price(TINY_MACHINES, made.start())


@given(st.sampled_from([10.0, 40.0]), PROMISES, st.integers(0, 99))
def test_no_single_step_is_left(rate, seconds, seed):
    """No replica can be spared, and no stage is cheaper on another kind of machine."""
    made = planner(rate, seconds, seed)
    plan = made.plan()
    for stage, setting in plan.items():
        one = {**plan, stage: type(setting)(setting.hardware, setting.batch, setting.replicas - 1)}
        assert setting.replicas == 1 or not made.feasible(one)
    assert made.step(plan) is None


@given(st.sampled_from([10.0, 40.0]), PROMISES, st.integers(0, 20))
def test_one_stage_is_planned_as_well_as_by_trying_all(rate, seconds, seed):
    """With one stage there is nobody from whom a greedy step could take what he needs."""
    only = {"only": TINY_MACHINES["large"]}
    made = planner(rate, seconds, seed, machines=only, graph=Graph(("only",)))
    best = cheapest(planner(rate, seconds, seed, machines=only, graph=Graph(("only",))), [20])
    found = price(only, made.plan())
    assert best - 1e-9 <= found <= 1.5 * best


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2, 0.5])
def test_two_stages_never_beat_the_best_plan_and_are_within_twice_and_a_half(seconds):
    made = planner(60.0, seconds, count=300)
    best = cheapest(planner(60.0, seconds, count=300), [16, 16])
    found = price(TINY_MACHINES, made.plan())
    assert best - 1e-9 <= found <= 2.5 * best


def test_a_large_batch_is_taken_where_it_saves_a_replica():
    machines = {"only": {"x": Profile(Linear(0.01, 0.001), 1.0, 32)}}
    made = planner(300.0, 0.2, machines=machines, graph=Graph(("only",)))
    assert made.start()["only"].replicas >= 4
    assert made.plan()["only"].replicas == 1 and made.plan()["only"].batch > 1


def test_a_promise_that_nobody_can_keep_is_refused():
    with pytest.raises(ValueError, match="no plan can do that"):
        planner(10.0, 0.01).plan()


@given(st.integers(1, 50), st.integers(0, 50), st.data())
def test_halving_finds_the_threshold(low, more, data):
    high = low + more
    least = data.draw(st.integers(low, high))
    assert fewest(lambda count: count >= least, low, high) == least


@given(st.integers(1, 10_000))
def test_powers_of_two(most):
    found = powers_of_two(most)
    assert found[0] <= most < 2 * found[0] and found[-1] == 1
    assert all(one == 2 * other for one, other in itertools.pairwise(found))
