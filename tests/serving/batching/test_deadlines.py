"""Earliest deadline first: exhaustive search as the oracle, and what overload does to it."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.serving.batching.deadlines import EarliestDeadline, largest
from mlsys.serving.batching.policies import Fixed, Greedy
from mlsys.serving.batching.policy import Decision, Request
from mlsys.serving.batching.simulated import Linear, simulate

CURVE = Linear(0.01, 0.001)
FAST = Linear(850e-6, 33e-6)


class LazyDrop:
    """Earliest deadline first, in batches that the most urgent one can bear."""

    def __init__(self, device, most):
        self.device, self.most = device, most

    def decide(self, now, waiting):
        line = sorted(waiting, key=lambda request: request.deadline)
        drop = tuple(each for each in line if each.deadline < now + self.device.seconds(1))
        if not (alive := line[len(drop) :]):
            return Decision(drop=drop)
        slack = alive[0].deadline - now
        size = largest(self.device.seconds, slack, min(len(alive), self.most))
        return Decision(tuple(alive[:size]), drop)

    def done(self, now, batch, seconds): ...


@given(st.floats(0, 5), st.floats(0, 2), st.floats(0, 20), st.integers(0, 50))
def test_the_largest_batch_in_time(fixed, each, seconds, most):
    fits = [n for n in range(1, most + 1) if fixed + each * n <= seconds]
    assert largest(lambda n: fixed + each * n, seconds, most) == max(fits, default=0)


@given(st.lists(st.floats(0, 0.06), min_size=1, max_size=7), st.integers(1, 7))
def test_a_batch_is_in_time_for_all_and_of_the_best_rate(slack, most):
    waiting = [Request(n, 0.0, deadline) for n, deadline in enumerate(slack)]
    decision = EarliestDeadline(CURVE.seconds, most).decide(0.0, waiting)
    assert {*decision.drop} == {r for r in waiting if r.deadline < CURVE.seconds(1)}
    assert all(CURVE.seconds(len(decision.batch)) <= each.deadline for each in decision.batch)
    sizes = [
        size
        for size in range(1, min(most, len(waiting)) + 1)
        for chosen in itertools.combinations(waiting, size)
        if all(CURVE.seconds(size) <= each.deadline for each in chosen)
    ]
    assert len(decision.batch) == max(sizes, default=0)  # the rate grows with the size


def test_when_there_is_time_for_all_nobody_is_late():
    arrivals = poisson_arrivals(300.0, 5000, np.random.default_rng(0))
    objective = np.random.default_rng(1).choice([0.05, 0.5], arrivals.size)
    outcome = simulate(EarliestDeadline(CURVE.seconds), arrivals, CURVE, objective=objective)
    assert outcome.good.mean() > 0.999


def test_above_capacity_it_answers_in_time_what_can_be_answered():
    """In batches of 40, the most that 0.05 s allows, the device does 800 a second."""
    arrivals = poisson_arrivals(2000.0, 20_000, np.random.default_rng(2))
    for policy in (Greedy(40), Fixed(40, 0.01)):
        assert simulate(policy, arrivals, CURVE, objective=0.1).good.mean() < 0.05
    lazy = simulate(LazyDrop(CURVE, 40), arrivals, CURVE, objective=0.1)
    ours = simulate(EarliestDeadline(CURVE.seconds, most=40), arrivals, CURVE, objective=0.1)
    assert lazy.goodput < ours.goodput / 4
    assert ours.goodput > 0.9 * 40 / CURVE.seconds(40)
    assert (ours.finished <= ours.deadline)[ours.answered].all()


def test_one_who_has_no_time_left_does_not_make_a_small_batch_of_all():
    urgent = Request(0, 0.0, CURVE.seconds(1))
    waiting = [urgent, *(Request(n, 0.0, 1.0) for n in range(1, 30))]
    assert len(EarliestDeadline(CURVE.seconds).decide(0.0, waiting).batch) == 29
    assert EarliestDeadline(CURVE.seconds).decide(0.0, waiting[:1]).batch == (urgent,)


def test_a_rush_ends_with_early_drop_and_not_without():
    """In batches of 280 the device does 27,700 a second; 15,000 come, and 60,000 for 0.1 s."""
    rng, edges = np.random.default_rng(5), (0.0, 0.3, 0.4, 1.2)
    parts = [
        np.sort(rng.uniform(start, stop, rng.poisson(rate * (stop - start))))
        for rate, (start, stop) in zip((15e3, 60e3, 15e3), itertools.pairwise(edges), strict=True)
    ]
    arrivals = np.concatenate(parts)
    before, after = arrivals < 0.28, arrivals > 0.5
    for policy, least, most in [
        (EarliestDeadline(FAST.seconds, most=280), 0.99, 1.0),
        (LazyDrop(FAST, 280), 0.0, 0.5),
    ]:
        good = simulate(policy, arrivals, FAST, objective=0.030).good
        assert good[before].mean() > 0.99
        assert least <= good[after].mean() <= most
