"""The race of training steps before any clock: both sides take the same steps."""

from __future__ import annotations

import numpy as np
import pytest
from engines.models import Convolutional, Language, OurModels, Perceptron
from race import Disagreement, agreement

SMALL = {
    "mlp": lambda rng: Perceptron.draw(rng, 4),
    "cnn": lambda rng: Convolutional.draw(rng, 4, 8, 3, 5),
    "transformer": lambda rng: Language.draw(rng, 2, 6, 8, 2),
}


def results(method, of_torch):
    if of_torch:
        pytest.importorskip("torch")
        from engines.pytorch_models import PyTorchModels as Engine
    else:
        Engine = OurModels
    return getattr(Engine(), method)(SMALL[method](np.random.default_rng(7))).results()


@pytest.mark.parametrize("method", SMALL)
def test_after_three_steps_both_sides_have_the_same_losses_and_parameters(method):
    ours, theirs = results(method, of_torch=False), results(method, of_torch=True)
    assert set(theirs) == set(ours)
    assert agreement(ours, theirs, 2e-3)


def test_another_model_would_be_noticed():
    theirs = results("mlp", of_torch=True)
    ours = results("mlp", of_torch=False)
    ours["3.bias"] = ours["3.bias"] * 1.01
    with pytest.raises(Disagreement, match=r"3\.bias"):
        agreement(ours, theirs, 1e-3)
