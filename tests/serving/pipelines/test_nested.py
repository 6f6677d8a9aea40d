"""Nested models for digits: the small one is the beginning of the large one."""

from __future__ import annotations

import numpy as np
import pytest

from mlsys.foundations.datasets import digits
from mlsys.serving.pipelines.nested import (
    CLASSES,
    OPERATORS,
    PIXELS,
    cosines,
    early_exit,
    features,
    flat,
    nested,
    pipelines,
    probabilities,
    ridge,
    shared,
)
from mlsys.serving.pipelines.sharing import Store


def test_the_first_features_are_the_same():
    rng = np.random.default_rng(0)
    directions, phases = cosines(50, rng)
    x = rng.normal(size=(7, PIXELS))
    part = features(x, directions[:, :20], phases[:20])
    np.testing.assert_allclose(features(x, directions, phases)[:, :20], part)


def test_ridge_solves_the_normal_equations():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 6)), rng.integers(0, CLASSES, 30)
    found, y = ridge(x, labels), np.eye(CLASSES)[labels]
    gradient = x.T @ (x @ found - y) + 0.1 * found
    np.testing.assert_allclose(gradient, 0, atol=1e-10)


def test_probabilities_add_up_and_keep_the_order_of_the_best():
    scores = np.random.default_rng(0).uniform(-0.5, 0.9, (40, CLASSES))
    found = probabilities(scores)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found > 0).all() and (found.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_validation_and_test_are_different_images_and_larger_is_better():
    validation, test = nested((20, 200))
    assert validation.labels.size + test.labels.size == len(digits()) - round(len(digits()) / 2)
    for part in (validation, test):
        assert part.right[1].mean() > part.right[0].mean() + 0.05


@pytest.mark.parametrize("seed", range(3))
def test_with_an_exit_it_is_nearly_as_good_for_less(seed):
    found = early_exit(seed=seed)
    alone, cascade, early = found.cost
    assert found.small < found.accuracy
    assert found.accuracy > found.large - 0.01
    assert early < cascade < 0.75 * alone
    assert cascade == pytest.approx((60 + found.asked * 400) * (PIXELS + CLASSES))
    assert cascade - early == pytest.approx(found.asked * 60 * PIXELS)


def test_a_hundred_pipelines_share_what_is_before_their_last_layer():
    found = shared(count=20, versions=2, width=50)
    own, scale, wave = (PIXELS + 50) * CLASSES, 2 * PIXELS, (PIXELS + 1) * 50
    assert found.nbytes[0] == 8 * 20 * (own + scale + wave)
    assert found.nbytes[1] == 8 * (20 * own + scale + 2 * wave)
    # A scale, two versions of cosines and of what is put together, twenty last layers. The scale
    # occurs twice in each pipeline, and is computed once even there.
    assert found.steps == (20 * 4, 1 + 2 + 2 + 20)


def test_shared_pipelines_are_right_about_most_digits():
    data, store = digits(), Store(OPERATORS)
    loaded = [store.load(each) for each in pipelines(2, 1)]
    for scores in store.answer(loaded, flat(data.x)):
        assert (scores.argmax(axis=1) == data.y).mean() > 0.9
