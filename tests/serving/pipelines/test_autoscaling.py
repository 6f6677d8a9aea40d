"""An autoscaler against greedy batching with fixed replicas, and closed forms for cold starts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.serving.batching import Greedy, simulate
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.autoscaling import (
    Autoscaler,
    Utilisation,
    cold_share,
    kept_warm,
    paid_share,
)

CURVE = Linear(0.016, 0.004)


class Always:
    """So many replicas, whatever happens."""

    def __init__(self, count):
        self.count = count

    def wanted(self, now, ordered, busy):
        return self.count


class Script:
    """Replicas as a list says, one entry for each look; and what was seen."""

    def __init__(self, counts):
        self.counts, self.seen = list(counts), []

    def wanted(self, now, ordered, busy):
        self.seen.append((now, ordered, busy))
        return self.counts[min(len(self.seen), len(self.counts)) - 1]


@given(st.integers(1, 3), st.integers(1, 8), st.sampled_from([20.0, 80.0, 300.0]))
def test_with_a_fixed_number_it_is_greedy_batching(replicas, batch, rate):
    arrivals = poisson_arrivals(rate, 200, np.random.default_rng(0))
    found = Autoscaler(CURVE, batch, Always(replicas), period=0.5, replicas=replicas).run(arrivals)
    oracle = simulate(Greedy(batch), arrivals, CURVE, devices=replicas)
    np.testing.assert_allclose(found.latency, oracle.latency, atol=1e-12)
    begun, done, _ = oracle.batches.T
    assert found.busy == pytest.approx((done - begun).sum())
    assert found.paid == pytest.approx(replicas * found.end)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.sampled_from([0.0, 0.3, 2.0]))
def test_everybody_is_answered_and_nobody_works_unpaid(counts, startup):
    arrivals = poisson_arrivals(150, 600, np.random.default_rng(1))
    rule = Script(counts)
    found = Autoscaler(CURVE, 4, rule, period=0.4, startup=startup).run(arrivals)
    assert (found.latency >= CURVE.seconds(1) - 1e-9).all()
    # A replica that is taken away ends its batch, which is not on the bill.
    assert found.busy <= found.paid + len(counts) * 6 * CURVE.seconds(4)
    looks = np.array([now for now, _, _ in rule.seen])
    np.testing.assert_allclose(np.diff(looks), 0.4)
    assert all(0 <= busy <= 6 + 1e-9 for _, _, busy in rule.seen)


def test_what_is_ordered_works_after_its_start_and_not_before():
    """One replica, a second each, ten at once; at 1.5 s a second one is ordered."""
    rule = Script([2])
    found = Autoscaler(Linear(1.0, 0.0), 1, rule, period=1.5, startup=3.0).run(np.zeros(10))
    expected = [1, 2, 3, 4, 5, 5.5, 6, 6.5, 7, 7.5]
    assert sorted(found.latency) == pytest.approx(expected)
    assert found.paid == pytest.approx(7.5 + (7.5 - 1.5))


def test_a_start_that_is_not_wanted_any_more_is_called_off():
    rule = Script([3, 1])
    found = Autoscaler(Linear(1.0, 0.0), 1, rule, period=1.0, startup=5.0).run(np.zeros(8))
    assert sorted(found.latency) == pytest.approx(range(1, 9))
    assert found.ordered == [(0.0, 1), (1.0, 3), (2.0, 1)]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=30), st.sampled_from([0.5, 0.7, 1.0]))
def test_the_rule_goes_up_at_once_and_down_to_what_was_wanted_lately(busy, target):
    rule, ordered, wanted = Utilisation(target, calm=40.0), 1, []
    for number, each in enumerate(busy):
        wanted.append(max(1, math.ceil(each / target - 1e-9)))
        before, ordered = ordered, rule.wanted(15.0 * number, ordered, each)
        assert ordered >= wanted[-1]
        assert ordered == max(wanted[-1], min(before, max(wanted[-3:])))


def test_a_steady_load_is_met_with_the_target():
    """Without batches busy replicas are rate × seconds, whatever their number."""
    arrivals = np.arange(0, 120, 0.005)  # 200 a second, 20 ms each: 4 are busy
    scaler = Autoscaler(Linear(0.02, 0.0), 1, Utilisation(0.5), 10.0, 5.0, replicas=8)
    found = scaler.run(arrivals)
    assert found.busy == pytest.approx(4 * found.end, rel=0.01)
    assert found.ordered[-1][1] in (8, 9)


def test_batches_keep_replicas_busy_that_are_not_needed():
    """Two can do it in full batches; a target of 60 % keeps at least twice as many."""
    arrivals = poisson_arrivals(300, 30_000, np.random.default_rng(0))
    enough = math.ceil(300 * CURVE.seconds(16) / 16)
    found = Autoscaler(CURVE, 16, Utilisation(0.6), 5.0, 0.0, replicas=enough).run(arrivals)
    assert enough == 2
    assert found.ordered[-1][1] >= 2 * enough


@pytest.mark.parametrize("patience", [0.0, 10.0, 60.0, 200.0])
@pytest.mark.parametrize("startup", [0.0, 20.0])
def test_cold_starts_and_cost_against_their_closed_forms(patience, startup):
    arrivals = poisson_arrivals(1 / 60, 30_000, np.random.default_rng(3))
    found = kept_warm(arrivals, patience, startup)
    assert found.cold / arrivals.size == pytest.approx(
        cold_share(1 / 60, patience, startup), rel=0.1
    )
    assert found.paid / arrivals[-1] == pytest.approx(
        paid_share(1 / 60, patience, startup), rel=0.05, abs=1e-3
    )
    assert found.waited.max() <= startup


GAPS = st.lists(st.sampled_from([0.5, 1.0, 3.0, 5.0, 8.0, 20.0, 100.0]), min_size=1, max_size=40)


@given(GAPS, st.sampled_from([0.5, 2.0, 5.0, 30.0]))
def test_idling_as_long_as_a_start_costs_is_never_twice_as_dear_as_the_best(gaps, price):
    """price: of a start, in seconds of idling. The best knows each gap before it decides."""
    arrivals = np.concatenate([[0.0], np.cumsum(gaps)])
    found = kept_warm(arrivals, price, startup=0.0)
    mine = found.paid + price * found.cold
    best = price + sum(min(gap, price) for gap in gaps)
    assert best <= mine + 1e-9
    assert mine <= 2 * best + 1e-9


@given(GAPS, st.sampled_from([0.0, 4.0, 10.0]), st.sampled_from([0.0, 2.0]))
def test_more_patience_means_fewer_starts(gaps, patience, startup):
    arrivals = np.cumsum(gaps)
    some, more = (kept_warm(arrivals, p, startup) for p in (patience, patience + 5))
    assert more.cold <= some.cold
    assert some.cold == (some.waited == startup).sum() or not startup


@pytest.mark.parametrize(
    "arguments", [{"target": 0.0}, {"target": 1.2}, {"target": 0.5, "least": 0}]
)
def test_what_cannot_be_is_refused(arguments):
    with pytest.raises(ValueError, match="target"):
        Utilisation(**arguments)
