"""Cascades at their ends are the models themselves; thresholds and costs against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.pipelines.cascades import cascaded, choose, confidence, expected_cost


def scores(seed, n=50, classes=3):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), n)


@given(st.integers(0, 99))
def test_at_0_and_above_1_it_is_one_of_the_models(seed):
    small, large = scores(seed), scores(seed + 1000)
    labels, asked = cascaded(small, large, 0.0)
    assert (labels == small.argmax(axis=1)).all() and not asked.any()
    labels, asked = cascaded(small, large, 1.01)
    assert (labels == large.argmax(axis=1)).all() and asked.all()


@given(st.integers(0, 99), st.floats(0.3, 1))
def test_each_answer_is_that_of_the_model_that_was_asked(seed, threshold):
    small, large = scores(seed), scores(seed + 1000)
    labels, asked = cascaded(small, large, threshold)
    for row in range(len(small)):
        model = large if max(small[row]) < threshold else small
        assert labels[row] == np.argmax(model[row])
        assert asked[row] == (model is large)
    np.testing.assert_array_equal(confidence(small), [max(row) for row in small])


@given(
    st.lists(st.floats(1, 100), min_size=1, max_size=5),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_the_expected_cost_is_what_requests_cost_on_average(costs, common, seed):
    """Each request goes as far as it goes; the shares are counted, and so is the cost."""
    rng, n = np.random.default_rng(seed), 40
    last = rng.integers(0, len(costs), n)  # the model at which each ends
    reached = [(last >= model).sum() for model in range(len(costs))]
    pairs = itertools.pairwise(reached)
    shares = [after / before if before else 0.0 for before, after in pairs]
    paid = sum(costs[0] + sum(each - common for each in costs[1 : end + 1]) for end in last)
    assert expected_cost(costs, shares, common) == pytest.approx(paid / n)


def test_it_pays_as_long_as_few_enough_go_on():
    small, large = 2.0, 10.0
    for share in (0.0, 0.5, 0.79):
        assert expected_cost([small, large], [share]) < large
    assert expected_cost([small, large], [0.8]) == pytest.approx(large)


@st.composite
def judged(draw):
    n = draw(st.integers(1, 25))
    sure = draw(st.lists(st.integers(1, 8), min_size=n, max_size=n))
    small, large = (draw(st.lists(st.booleans(), min_size=n, max_size=n)) for _ in range(2))
    return np.array(sure) / 10, np.array(small), np.array(large)


@given(judged(), st.floats(0, 1))
def test_the_threshold_asks_fewest_of_all_that_are_accurate_enough(data, accuracy):
    sure, small, large = data
    tried = []
    for threshold in [0.0, *(np.unique(sure) + 1e-9)]:
        asked = sure < threshold
        tried.append((asked.mean(), np.where(asked, large, small).mean()))
    enough = [asked for asked, right in tried if right >= accuracy - 1e-12]
    if not enough:
        with pytest.raises(ValueError, match="the best gives"):
            choose(sure, small, large, accuracy)
        return
    found = choose(sure, small, large, accuracy)
    asked = sure < found.threshold
    assert found.asked == pytest.approx(min(enough)) == pytest.approx(asked.mean())
    assert found.accuracy == pytest.approx(np.where(asked, large, small).mean())
    assert found.accuracy >= accuracy - 1e-9


@pytest.mark.parametrize(
    ("costs", "shares", "common", "match"),
    [
        ([1, 2], [], 0, "1 shares"),
        ([1, 2], [1.5], 0, "from 0 to 1"),
        ([1, 2], [0.5], 1.5, "a part of each"),
    ],
)
def test_what_cannot_be_is_refused(costs, shares, common, match):
    with pytest.raises(ValueError, match=match):
        expected_cost(costs, shares, common)
