"""Exponential shares against their definition, their bounds, and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlsys.serving.server.selection import Exp3, Exp4, Shares, best_rate

rounds = st.tuples(st.integers(1, 40), st.integers(1, 6)).flatmap(
    lambda shape: arrays(float, shape, elements=st.floats(0, 1))
)


@given(rounds, st.floats(0.01, 5))
def test_a_share_is_the_exponential_of_all_that_was_lost(losses, rate):
    shares = Shares(losses.shape[1], rate)
    for each in losses:
        shares.learn(each)
    total = losses.sum(axis=0)
    weights = np.exp(-rate * (total - total.min()))
    np.testing.assert_allclose(shares.values, weights / weights.sum(), atol=1e-12)


@given(rounds)
def test_a_vote_never_regrets_more_than_its_bound(losses):
    """sqrt(n ln(experts) / 2), for any losses at all (Cesa-Bianchi and Lugosi, 2006, thm 2.2)."""
    n, experts = losses.shape
    shares, lost = Shares(experts, math.sqrt(8 * math.log(max(experts, 2)) / n)), 0.0
    for each in losses:
        lost += shares.values @ each
        shares.learn(each)
    regret = lost - losses.sum(axis=0).min()
    assert regret <= math.sqrt(n * math.log(max(experts, 2)) / 2) + 1e-9


@given(rounds, st.data())
def test_who_was_not_there_keeps_its_share(losses, data):
    shares = Shares(losses.shape[1], 1.0)
    for each in losses:
        there = np.array(data.draw(st.lists(st.booleans(), min_size=each.size, max_size=each.size)))
        before = shares.values
        shares.learn(np.where(there, each, np.nan))
        np.testing.assert_allclose(shares.values[~there], before[~there])
        assert shares.values.sum() == pytest.approx(1)
        if there.any():  # and among those that were there it is as among themselves
            weights = before[there] * np.exp(-each[there])
            np.testing.assert_allclose(
                shares.values[there] / shares.values[there].sum(), weights / weights.sum()
            )


def test_nothing_is_lost_to_rounding_and_stirred_shares_come_back():
    for stir, least in ((0.0, 0.0), (0.01, 0.005)):
        shares = Shares(2, 10.0, stir)
        for _ in range(1000):
            shares.learn(np.array([1.0, 0.0]))
        assert shares.values[0] >= least and shares.values.sum() == pytest.approx(1)
        rounds_back = 0
        while shares.values[0] < 0.5:
            shares.learn(np.array([0.0, 1.0]))
            rounds_back += 1
        assert rounds_back == (1 if stir else 1000)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0.01, 2))
def test_exp3_is_its_definition(arms, seed, rate):
    """Weights times exp(-rate × loss / probability), for the arm that was asked."""
    bandit, rng = Exp3(arms, rate, np.random.default_rng(seed)), np.random.default_rng(seed + 1)
    weights = np.ones(arms)
    for _ in range(30):
        probability = weights / weights.sum()
        np.testing.assert_allclose(bandit.shares, probability, atol=1e-9)
        arm, loss = bandit.choose(), rng.random()
        bandit.learn(loss)
        weights[arm] *= math.exp(-rate * loss / probability[arm])


def test_choices_follow_the_advice_by_the_shares():
    advice = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.2, 0.0, 0.8]])
    bandit, n = Exp4(2, 0.1, np.random.default_rng(0)), 10_000
    counts = np.bincount([bandit.choose(advice) for _ in range(n)], minlength=4)
    expected = advice.mean(axis=0)
    assert counts[2] == 0
    assert (abs(counts - n * expected) <= 5 * np.sqrt(n * expected)).all()


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1), st.floats(0.01, 2))
def test_exp4_is_its_definition(experts, actions, seed, rate):
    bandit, rng = Exp4(experts, rate, np.random.default_rng(seed)), np.random.default_rng(seed + 1)
    weights = np.ones(experts)
    for _ in range(20):
        advice = rng.dirichlet(np.ones(actions), experts)
        shares = weights / weights.sum()
        np.testing.assert_allclose(bandit.shares, shares, atol=1e-9)
        action, loss = bandit.choose(advice), rng.random()
        bandit.learn(loss)
        weights *= np.exp(-rate * advice[:, action] * loss / (shares @ advice[:, action]))


def adversarial(n: int, arms: int) -> np.ndarray:
    """Losses by a fixed plan: the first arm is good at first, and the last one over all."""
    losses = np.full((n, arms), 0.6)
    losses[: n // 3, 0] = 0.0
    losses[n // 3 :, 0] = 1.0
    losses[:, -1] = np.where(np.arange(n) % 2, 0.0, 0.5)
    return losses


def regrets(losses, rate, runs):
    """Of each run, what it lost above the best arm."""
    best = losses.sum(axis=0).min()
    found = []
    for run in range(runs):
        bandit, lost = Exp3(losses.shape[1], rate, np.random.default_rng(run)), 0.0
        for each in losses:
            loss = each[bandit.choose()]
            bandit.learn(loss)
            lost += loss
        found.append(lost - best)
    return np.array(found)


def test_the_mean_regret_of_exp3_is_within_its_bound_and_that_of_a_coin_is_not():
    n, arms, runs = 600, 4, 30
    losses = adversarial(n, arms)
    bound = math.sqrt(2 * n * arms * math.log(arms))
    learned = regrets(losses, best_rate(n, arms), runs)
    error = learned.std(ddof=1) / math.sqrt(runs)
    assert learned.mean() + 5 * error <= bound
    assert losses.mean(axis=1).sum() - losses.sum(axis=0).min() > 1.5 * bound
    unlearned = regrets(losses, 1e-9, 3)
    assert (unlearned > bound).all()


def test_only_the_last_choice_is_learned_from_and_only_once():
    bandit = Exp3(3, 0.5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no choice"):
        bandit.learn(0.5)
    bandit.choose()
    with pytest.raises(ValueError, match=r"loss in \[0, 1\], got 2"):
        bandit.learn(2)
    bandit.learn(1.0)
    with pytest.raises(ValueError, match="once"):
        bandit.learn(1.0)
    with pytest.raises(ValueError, match="rate > 0"):
        Shares(2, 0.0)
