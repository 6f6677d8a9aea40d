"""The model that the README serves."""

import numpy as np

from mlsys.foundations import datasets
from mlsys.serving.server.examples import digits


def test_the_digits_are_told_apart():
    model, images = digits(), datasets.digits()
    x = images.x.reshape(len(images), -1).astype(float)
    assert model.info.inputs[0].shape == x.shape[1:] and model.info.outputs[0].shape == (10,)
    answer = model.predict({"x": x})["y"]
    assert np.allclose(answer.sum(axis=1), 1)
    assert (answer.argmax(axis=1) == images.y).mean() > 0.95
