"""The virtual clock against closed forms, and laws that hold for every policy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import finish_times, mean_wait, poisson_arrivals
from mlsys.serving.batching.admission import EstimatedWait, QueueLimit
from mlsys.serving.batching.deadlines import EarliestDeadline
from mlsys.serving.batching.policies import AIMD, Fixed, Greedy, OneByOne
from mlsys.serving.batching.policy import Decision
from mlsys.serving.batching.quantiles import QuantileRegression
from mlsys.serving.batching.simulated import Linear, simulate

CURVE = Linear(0.01, 0.001)


def policies(objective=0.1):
    return [
        OneByOne(),
        Greedy(7),
        Fixed(5, 0.02),
        AIMD(objective / 2),
        QuantileRegression(objective / 2),
        EarliestDeadline(CURVE.seconds, most=9),
    ]


@st.composite
def traces(draw):
    gaps = draw(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.1]), min_size=1, max_size=60))
    kinds = draw(st.lists(st.sampled_from("ab"), min_size=len(gaps), max_size=len(gaps)))
    return np.cumsum(gaps), kinds


@given(
    traces(), st.sampled_from(range(6)), st.integers(1, 3), st.sampled_from([0.05, 0.2, math.inf])
)
def test_every_request_is_answered_once_or_dropped(trace, which, devices, objective):
    arrivals, kinds = trace
    outcome = simulate(
        policies()[which], arrivals, CURVE, kinds=kinds, devices=devices, objective=objective
    )
    assert (outcome.answered ^ outcome.dropped).all() and not outcome.refused.any()
    assert outcome.batches[:, 2].sum() == outcome.answered.sum()
    assert (outcome.started[outcome.answered] >= outcome.arrived[outcome.answered]).all()
    took = (outcome.finished - outcome.started)[outcome.answered]
    assert (took >= CURVE.seconds(1) - 1e-9).all()


@given(traces(), st.sampled_from(range(5)))
def test_within_a_kind_who_came_first_is_begun_first(trace, which):
    arrivals, kinds = trace
    outcome = simulate(policies()[which], arrivals, CURVE, kinds=kinds)
    for kind in "ab":
        mine = [number for number, each in enumerate(kinds) if each == kind]
        assert (np.diff(outcome.started[mine]) >= 0).all()


@given(traces(), st.integers(1, 3))
def test_no_device_answers_two_batches_at_a_time(trace, devices):
    outcome = simulate(Greedy(3), trace[0], CURVE, devices=devices)
    begun, done, _ = outcome.batches.T
    for moment in begun:
        assert ((begun <= moment) & (moment < done)).sum() <= devices


@given(traces())
def test_without_batches_it_is_lindleys_queue(trace):
    arrivals, _ = trace
    outcome = simulate(OneByOne(), arrivals, CURVE)
    service = np.full(arrivals.shape, CURVE.seconds(1))
    np.testing.assert_allclose(outcome.finished, finish_times(arrivals, service), rtol=1e-9)


def test_the_mean_wait_is_that_of_pollaczek_and_khinchine():
    seconds = CURVE.seconds(1)
    arrivals = poisson_arrivals(0.7 / seconds, 40_000, np.random.default_rng(0))
    outcome = simulate(OneByOne(), arrivals, CURVE)
    waited = float((outcome.started - outcome.arrived).mean())
    assert waited == pytest.approx(mean_wait(0.7 / seconds, seconds, seconds**2), rel=0.1)


def test_littles_law():
    """The time average of how many are inside, counted on a grid, is rate times mean latency."""
    arrivals = poisson_arrivals(400.0, 20_000, np.random.default_rng(1))
    outcome = simulate(Greedy(64), arrivals, CURVE)
    grid = np.linspace(arrivals[0], arrivals[0] + outcome.seconds, 200_001)[:-1]
    inside = np.searchsorted(arrivals, grid, "right") - np.searchsorted(
        np.sort(outcome.finished), grid, "right"
    )
    assert inside.mean() == pytest.approx(outcome.throughput * outcome.latency.mean(), rel=1e-3)


def test_greedy_batches_grow_until_they_keep_up():
    """With batches that are begun back to back, n = rate (a + b n): n = rate a / (1 - rate b)."""
    arrivals = poisson_arrivals(700.0, 50_000, np.random.default_rng(2))
    outcome = simulate(Greedy(10_000), arrivals, CURVE)
    assert outcome.batch_size == pytest.approx(700 * 0.01 / (1 - 0.7), rel=0.1)
    assert outcome.utilisation > 0.99


@pytest.mark.parametrize("change", [1.0, 2.0, 0.5])
def test_aimd_stays_near_the_largest_batch_that_is_in_time(change):
    """Also after the device has become another one."""
    objective, slow = 0.0505, Linear(0.01 * change, 0.001 * change)

    def service(batch, now):
        return (CURVE if now < 12 else slow)(batch, now)

    arrivals = np.arange(0, 24, 1 / 2500)
    policy = AIMD(objective)
    outcome = simulate(policy, arrivals, service, devices=1, admission=QueueLimit(500))
    late = outcome.batches[:, 0] > 18
    best = (objective / change - 0.01) / 0.001
    sizes = outcome.batches[late, 2]
    assert 0.85 * best <= sizes.mean() <= best + 1
    over = outcome.batches[late, 1] - outcome.batches[late, 0] > objective
    assert 0 < over.mean() < 0.5  # it finds out by trying


def test_a_policy_that_breaks_the_rules_is_told():
    class Twice:
        def decide(self, now, waiting):
            return Decision((waiting[0], waiting[0]))

        def done(self, now, batch, seconds): ...

    class Never:
        def decide(self, now, waiting):
            return Decision(wake=now)

        def done(self, now, batch, seconds): ...

    with pytest.raises(ValueError, match="twice"):
        simulate(Twice(), np.array([0.0]), CURVE)
    with pytest.raises(ValueError, match="asked again"):
        simulate(Never(), np.array([0.0]), CURVE)


def test_turned_away_is_turned_away():
    arrivals = np.zeros(10)
    outcome = simulate(OneByOne(), arrivals, CURVE, admission=QueueLimit(3))
    assert outcome.refused.sum() == 6 and outcome.answered.sum() == 4
    assert math.isnan(outcome.finished[-1])


def test_admission_by_estimated_wait_keeps_latency_near_its_objective_under_overload():
    arrivals = poisson_arrivals(3000.0, 30_000, np.random.default_rng(3))
    free = simulate(Greedy(20), arrivals, CURVE)
    guarded = simulate(Greedy(20), arrivals, CURVE, admission=EstimatedWait(0.2))
    assert free.tail(50) > 2 and guarded.tail(99) < 0.4
    assert guarded.throughput > 0.97 * free.throughput


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: simulate(OneByOne(), np.array([]), CURVE), "one or more times"),
        (lambda: simulate(OneByOne(), np.array([2.0, 1.0]), CURVE), "in order"),
        (lambda: simulate(OneByOne(), np.array([0.0]), CURVE, devices=0), "at least 1"),
        (lambda: Linear(0, 0), "not both 0"),
        (lambda: Linear(1, 1, spread=0.1), "give an rng"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
