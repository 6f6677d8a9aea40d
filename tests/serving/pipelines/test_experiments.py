"""The experiments of the chapter: what must hold whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from mlsys.serving.pipelines.estimator import estimate, service_time
from mlsys.serving.pipelines.experiments import (
    END,
    FALL,
    HIGH,
    LOW,
    MACHINES,
    RISE,
    VIDEO,
    against_optimum,
    as_one,
    changing_arrivals,
    peak,
    provisioned,
    video,
)
from mlsys.serving.pipelines.graph import visits
from mlsys.serving.pipelines.planner import Objective
from mlsys.serving.pipelines.profiles import throughput


def test_copies_are_alike_and_enough():
    traffic, objective = video(count=500), Objective(0.2)
    plan = as_one(MACHINES, traffic, objective, 400.0)
    assert len({(setting.batch, setting.replicas) for setting in plan.values()}) == 1
    assert 2 * service_time(VIDEO, MACHINES, plan) <= 0.2
    for stage, often in visits(VIDEO).items():
        curve = MACHINES[stage][plan[stage].hardware].curve
        assert plan[stage].replicas * throughput(curve, plan[stage].batch) >= 400 * often
        kinds = MACHINES[stage].values()
        assert curve.seconds(1) == min(kind.curve.seconds(1) for kind in kinds)
    assert estimate(traffic, MACHINES, plan).missed(0.2) <= 0.01


def test_the_peak_is_above_the_mean_and_near_it_in_long_windows():
    arrivals = video(count=1000).arrivals
    short, long = peak(arrivals, 0.1), peak(arrivals, 5.0)
    assert short > long > 0.95 * 150 and long < 1.2 * 150


def test_traffic_trebles_and_falls_again():
    arrivals = changing_arrivals()
    for begin, end, rate in ((0, RISE, LOW), (RISE + 60, FALL, HIGH), (FALL + 60, END, LOW)):
        count = ((begin <= arrivals) & (arrivals < end)).sum()
        assert count / (end - begin) == pytest.approx(rate, rel=0.05)
    assert (np.diff(arrivals) >= 0).all()


def test_a_plan_by_stages_is_cheaper_than_copies_and_in_time_on_traffic_it_has_not_seen():
    (found,) = provisioned([0.3])
    assert found.planned < found.mean <= found.peak
    assert found.times == pytest.approx(found.peak / found.planned)
    assert max(found.late) < 0.03


def test_greedy_steps_do_not_always_find_the_best():
    """At least once they do, at least once they do not, and they never beat it."""
    pairs = against_optimum([0.05, 0.1])
    assert all(planned >= best - 1e-9 for planned, best in pairs)
    assert pairs[0][0] == pytest.approx(pairs[0][1]) and pairs[1][0] > 1.2 * pairs[1][1]
