"""Floors against scikit-learn's metrics and against what any other prediction loses."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.datasets.bayes import auc, greatest_auc, least_log_loss

chances = st.lists(st.floats(0.01, 0.99), min_size=2, max_size=40).map(np.array)
seeds = st.integers(0, 2**32 - 1)


def expected_log_loss(p, q):
    """Of predicting q where the truth is p."""
    return -(p * np.log(q) + (1 - p) * np.log(1 - q)).mean()


@given(chances, seeds)
def test_no_prediction_has_a_smaller_expected_loss_than_the_truth(p, seed):
    other = np.random.default_rng(seed).uniform(0.01, 0.99, len(p))
    assert least_log_loss(p) == pytest.approx(expected_log_loss(p, p))
    assert least_log_loss(p) <= expected_log_loss(p, other) + 1e-12


@given(chances, seeds)
def test_auc_is_scikit_learns_with_ties(p, seed):
    rng = np.random.default_rng(seed)
    score, label = p.round(1), rng.integers(0, 2, len(p))
    label[:2] = 0, 1
    assert auc(score, label) == pytest.approx(sklearn.metrics.roc_auc_score(label, score))


@given(chances)
def test_the_greatest_auc_is_that_of_rows_split_in_proportion(p):
    rows = np.concatenate([p, p])
    label = np.repeat([1, 0], len(p))
    oracle = sklearn.metrics.roc_auc_score(label, rows, sample_weight=np.concatenate([p, 1 - p]))
    assert greatest_auc(p) == pytest.approx(oracle)


def test_uniform_chances_rank_five_pairs_of_six():
    p = (np.arange(100_000) + 0.5) / 100_000  # integral of 4 x (y - y²/2) ... = 5/6
    assert greatest_auc(p) == pytest.approx(5 / 6, abs=1e-6)


@given(chances, seeds)
def test_no_order_ranks_better_than_that_by_the_truth(p, seed):
    other = np.random.default_rng(seed).random(len(p))
    oracle = sklearn.metrics.roc_auc_score(
        np.repeat([1, 0], len(p)), np.tile(other, 2), sample_weight=np.concatenate([p, 1 - p])
    )
    assert oracle <= greatest_auc(p) + 1e-9


@pytest.mark.parametrize("bad", [[], [0.5, 1.1], [-0.1], [float("nan")], [[0.5]]])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(ValueError, match="probabilities in"):
        least_log_loss(bad)


def test_one_kind_of_label_has_no_auc():
    with pytest.raises(ValueError, match="one kind"):
        auc([0.1, 0.2], [1, 1])
    with pytest.raises(ValueError, match="one kind"):
        greatest_auc([0.0, 0.0])
