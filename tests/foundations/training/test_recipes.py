"""The recipes on real data: accuracy, bits, and the same parameters for the same seed."""

import math
from collections import Counter

import numpy as np
import pytest

from mlsys.foundations.datasets import alice
from mlsys.foundations.training.recipes import RECIPES, alice_lm, digits_mlp, moved

pytest.importorskip("sklearn")


def accuracy(recipe: str, seed: int, steps: int) -> float:
    run = RECIPES[recipe].build(seed, steps)
    run.evaluate_every = steps
    run.train(steps)
    report = RECIPES[recipe].report(run)
    assert report == f"test accuracy {run.history.evaluations[-1][1]:.1%}"
    return run.history.evaluations[-1][1]


@pytest.mark.parametrize("recipe, steps", [("digits-mlp", 800), ("digits-cnn", 200)])
def test_digits_reach_97_percent(recipe: str, steps: int) -> None:
    assert accuracy(recipe, 0, steps) >= 0.97


@pytest.mark.soak
@pytest.mark.parametrize("recipe", ["digits-mlp", "digits-cnn"])
@pytest.mark.parametrize("seed", range(10))
def test_digits_reach_97_percent_with_every_seed(recipe: str, seed: int) -> None:
    assert accuracy(recipe, seed, RECIPES[recipe].steps) >= 0.97


def frequencies_need() -> float:
    """Bits a character of a model that knows how often each letter comes, and nothing else."""
    shares = np.array([*Counter(alice()).values()]) / len(alice())
    return float(-(shares * np.log2(shares)).sum())


def test_a_transformer_leaves_letter_frequencies_behind() -> None:
    """A few steps are enough to need fewer bits than the frequencies of letters do."""
    run = alice_lm(0, 80)
    assert run.measure() == pytest.approx(math.log2(72), rel=0.02)  # untrained: a guess among 72
    run.train(80)
    bits = run.history.evaluations[-1][1]
    assert bits < frequencies_need()
    report = RECIPES["alice"].report(run)
    assert report.startswith(f"{bits:.2f} bits per character\n\nA")
    assert len(report) > 300


def test_a_seed_decides_everything() -> None:
    digests = []
    for seed in (5, 5, 6):
        run = digits_mlp(seed, 20)
        run.train(20)
        digests.append(run.checkpoint().digest())
    assert digests[0] == digests[1] != digests[2]


def test_images_move_by_at_most_a_pixel_and_lose_nothing_in_the_middle() -> None:
    images = np.zeros((400, 5, 5))
    images[:, 2, 2] = 1
    places = np.argwhere(moved(images, np.random.default_rng(0)))
    assert len(places) == 400
    down, across = places[:, 1:].T
    assert set(down.tolist()) == set(across.tolist()) == {1, 2, 3}
    assert 100 < np.sum(down == 2) < 300  # 200 expected, standard deviation 10
