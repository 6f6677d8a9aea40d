"""First values have the variance that their docstrings state, and carry a signal through depth."""

import math

import numpy as np
import pytest

from mlsys.foundations.nn import initialization as init

SHAPES = [(300, 200), (64, 16, 5, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("draw", "variance"),
    [
        (init.he_normal, lambda i, o: 2 / i),
        (init.glorot_uniform, lambda i, o: 2 / (i + o)),
        (init.fan_in_uniform, lambda i, o: 1 / (3 * i)),
        (init.normal(0.02), lambda i, o: 0.0004),
    ],
)
def test_weights_have_mean_zero_and_the_stated_variance(draw, variance, shape) -> None:
    weights = draw(shape, np.random.default_rng(0))
    area = math.prod(shape[2:])
    wanted = variance(shape[1] * area, shape[0] * area)
    n = weights.size
    assert weights.shape == shape
    assert abs(weights.mean()) < 6 * math.sqrt(wanted / n)
    assert abs(weights.var() / wanted - 1) < 6 * math.sqrt(2 / n)


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_those_of_pytorch(shape) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert init.fans(shape) == theirs


def test_he_keeps_the_second_moment_through_fifty_relu_layers() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 512))
    for _ in range(50):
        x = np.maximum(x @ init.he_normal((512, 512), rng).T, 0)
    # A layer's factor has a relative deviation of about sqrt(5 / 512), so 50 of them 0.7 in log.
    assert abs(math.log((x * x).mean())) < 3.5
