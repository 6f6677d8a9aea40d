"""Clipping by the global norm, against PyTorch and by its laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.training.clipping import clip, global_norm

seeds = st.integers(0, 2**32)


def arrays(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [(3, 2), (4,), (1,)]
    return [
        (rng.standard_normal(s) * 10.0 ** rng.integers(-3, 3)).astype(np.float32) for s in shapes
    ]


@given(seeds, st.floats(1e-3, 1e3))
def test_clipped_gradients_equal_pytorch(seed: int, limit: float) -> None:
    torch = pytest.importorskip("torch")
    ours = arrays(seed)
    theirs = [torch.zeros(g.shape, requires_grad=True) for g in ours]
    for t, g in zip(theirs, ours, strict=True):
        t.grad = torch.tensor(g)
    their_norm = torch.nn.utils.clip_grad_norm_(theirs, limit)
    assert clip(ours, limit) == pytest.approx(float(their_norm), rel=1e-5)
    for t, g in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(g, t.grad.numpy(), rtol=1e-4)  # theirs adds 1e-6 to the norm


@given(seeds, st.floats(1e-3, 1e3))
def test_the_direction_stays_and_the_length_is_at_most_the_limit(seed: int, limit: float) -> None:
    before, after = arrays(seed), arrays(seed)
    norm = clip(after, limit)
    assert norm == pytest.approx(float(np.linalg.norm(np.concatenate([g.ravel() for g in before]))))
    assert global_norm(after) <= limit * (1 + 1e-5)
    factor = min(1.0, limit / norm)
    for b, a in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b * factor, rtol=1e-5)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_what_is_not_finite_is_reported_and_left(bad: float) -> None:
    g = [np.array([1.0, bad]), np.ones(2)]
    norm = clip(g, 1.0)
    assert not math.isfinite(norm)
    np.testing.assert_array_equal(g[1], 1.0)
