"""The experiments against closed forms, and the claims in shape."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.datasets import Zipf
from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.foundations.simulation.service import Constant, Exponential, Lognormal
from mlsys.serving.server.cache import LRU
from mlsys.serving.server.experiments import (
    committee,
    computed,
    hit_rates,
    lru_hit_rate,
    recovered,
    straggled,
    voted,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def narrow():
    """Sixteen models that are right nine times in ten."""
    return committee([50] * 16)


@pytest.fixture(scope="module")
def mixed():
    """Five, each better than the one before."""
    return committee([10, 20, 40, 80, 160])


def exactly(probability, entries):
    """Of LRU: over all orders of last use, each drawn without replacement (King, 1971)."""
    total = 0.0
    for order in itertools.permutations(range(len(probability)), entries):
        chance, left = 1.0, 1.0
        for key in order:
            chance *= probability[key] / left
            left -= probability[key]
        total += chance * sum(probability[key] for key in order)
    return total


@given(st.integers(2, 6), st.floats(0, 1.5), st.data())
def test_the_approximation_is_near_the_truth_for_half_a_dozen_keys(n, exponent, data):
    entries = data.draw(st.integers(1, n))
    probability = Zipf(n, exponent).probability
    truth = exactly(probability, entries)
    assert lru_hit_rate(probability, entries) == pytest.approx(truth, abs=0.04)
    if entries == n:
        assert truth == pytest.approx(1)


def test_lru_hits_as_often_as_the_closed_form_says():
    """Caches that have each seen 39 requests of their own, so that their hits are independent."""
    keys, entries, caches, seed = Zipf(6, 1.0), 3, 2000, rng()
    hits = 0
    for drawn in keys.draw(40 * caches, seed).reshape(caches, 40).tolist():
        cache = LRU(entries)
        for key in drawn[:-1]:
            cache.put(key, key)
        hits += cache.get(drawn[-1]) is not None
    truth = exactly(keys.probability, entries)
    assert abs(hits / caches - truth) <= 5 * math.sqrt(truth * (1 - truth) / caches)


def test_under_zipf_a_tenth_of_the_keys_answers_most():
    small, large = hit_rates(Zipf(1000, 1.0), [10, 100], 10_000, rng())
    for found in (small, large):
        assert found.lru == pytest.approx(found.expected, abs=0.02)
        assert found.lru < found.clock < found.best
    assert large.lru > 0.55 and small.best > 0.35


@given(st.integers(1, 30), st.integers(1, 200))
def test_equal_requests_under_way_are_computed_once_and_else_many_times(n, requests):
    keys, same = Zipf(n), rng(5)
    slow = computed(keys, 1000.0, 10.0, requests, rng(5))  # all come before the first answer
    poisson_arrivals(1000.0, requests, same)
    different = len({*keys.draw(requests, same).tolist()})
    assert (slow.cached, slow.coalesced) == (requests, different)
    quick = computed(keys, 1.0, 1e-9, requests, rng(5))
    assert quick.cached == quick.coalesced == different


def test_a_vote_is_better_than_the_best_and_knows_when_to_be_trusted(narrow):
    found = voted(narrow)
    assert found.vote < 0.7 * found.best
    assert found.error_if_agreed < 0.01 < 0.05 < found.error_if_not
    shares = [found.agreed, 1 - found.agreed]
    errors = [found.error_if_agreed, found.error_if_not]
    assert np.dot(shares, errors) == pytest.approx(found.vote)


def test_a_bandit_leaves_a_model_that_fails_and_a_vote_takes_it_back(mixed):
    found = recovered(mixed, 4000, rng=rng())
    before, during, _ = found.errors(found.best)
    assert during == pytest.approx(0.9, abs=0.03)  # one guess in ten is right
    second = np.sort(mixed.wrong.mean(axis=1))[1]
    assert found.errors(found.asked)[0] < 2 * before + 0.05
    assert found.errors(found.asked)[1] < second + 0.1
    stirred = recovered(mixed, 4000, stir=0.01, rng=rng())
    assert max(stirred.errors(stirred.vote)) < second + 0.02
    assert stirred.errors(stirred.vote)[2] <= stirred.errors(stirred.best)[2] + 0.01


def test_who_waits_for_all_waits_for_the_slowest(narrow):
    """Exponential times: all of n are there by t with probability (1 - exp(-t / mean))^n."""
    mean, n = 0.01, 8
    found = straggled(narrow, n, Exponential(mean), 0.03, 600, rng())
    tail = -mean * math.log(1 - 0.99 ** (1 / n))
    assert found.tail == pytest.approx(tail, rel=0.25)
    assert found.tail_in_time == pytest.approx(0.03)
    late = math.exp(-3)
    assert abs(found.missing - late) <= 5 * math.sqrt(late * (1 - late) / (600 * n))


def test_a_deadline_cuts_the_tail_and_hardly_any_votes(narrow):
    found = straggled(narrow, 8, Lognormal(0.005, 1.5), 0.02, 600, rng())
    assert found.tail_in_time == pytest.approx(0.02) and found.tail > 2 * found.tail_in_time
    assert found.missing < 0.06
    assert abs(found.error_in_time - found.error) < 0.02


def test_without_stragglers_a_deadline_changes_nothing(narrow):
    found = straggled(narrow, 3, Constant(0.01), 0.02, 50, rng())
    assert found.tail == found.tail_in_time == pytest.approx(0.01)
    assert found.missing == 0 and found.error == found.error_in_time
