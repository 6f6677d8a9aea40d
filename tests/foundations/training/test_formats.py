"""Every number is the one that NumPy's float16 and PyTorch's small types would hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.training.formats import (
    BFLOAT16,
    E4M3,
    E5M2,
    FLOAT16,
    Fixed,
    round_to,
    stochastic_round,
)

torch = pytest.importorskip("torch")

TYPES = {
    FLOAT16: torch.float16,
    BFLOAT16: torch.bfloat16,
    E4M3: torch.float8_e4m3fn,
    E5M2: torch.float8_e5m2,
}
FIXED = Fixed(bits=8, step=2.0**-5)
each_type = pytest.mark.parametrize(("format", "dtype"), TYPES.items(), ids=str)
each_format = pytest.mark.parametrize("format", [*TYPES, FIXED], ids=str)
seeds = st.integers(0, 2**32)


def numbers(seed):
    """Half of them any 32 bits, with infinities, NaN and subnormals; half of everyday size."""
    rng = np.random.default_rng(seed)
    anything = rng.integers(0, 2**32, 200, dtype=np.uint32).view(np.float32)
    everyday = rng.standard_normal(200) * 10.0 ** rng.uniform(-8, 3, 200)
    anything = np.where(np.isnan(anything), np.float32(np.nan), anything)  # no signalling one
    return np.concatenate([anything, everyday, [-0.0, np.inf, np.nan]], dtype=np.float32)


def in_torch(x, format, dtype):
    tensor = torch.from_numpy(x)
    if not format.infinite:  # PyTorch has given NaN or the largest, depending on its version
        tensor = tensor.clamp(-format.largest, format.largest)
    return tensor.to(dtype).to(torch.float32).numpy()


def same_bits(x, y):
    numbers = ~np.isnan(y)
    assert np.array_equal(np.isnan(x), np.isnan(y))
    assert np.array_equal(x[numbers].view(np.uint32), y[numbers].view(np.uint32))  # -0.0 is not 0.0


@each_type
@given(seeds)
def test_rounding_agrees_with_torch_bit_for_bit(format, dtype, seed):
    x = numbers(seed)
    same_bits(round_to(x, format), in_torch(x, format, dtype))


@each_type
def test_ties_and_ends_agree_with_torch_bit_for_bit(format, dtype):
    steps = np.arange(-40, 41) * 0.5  # whole, half: every second one is a tie
    anchors = [format.smallest, 2.0 ** (1 - format.bias), 1.0, format.largest, 3e38]
    near_them = np.concatenate([a + steps * format.spacing(np.array(a)) for a in anchors])
    wide = np.ldexp(1.0, np.arange(-149, 128)) * np.array([[1.0], [-1.5], [1.9375]])
    with np.errstate(over="ignore"):  # the ends lie beyond float32
        x = np.concatenate([near_them, wide.ravel(), [0.0, -0.0, np.inf, -np.inf, np.nan]])
        x = x.astype(np.float32)
    same_bits(round_to(x, format), in_torch(x, format, dtype))


@given(seeds)
def test_float16_agrees_with_numpy_bit_for_bit(seed):
    x = numbers(seed)
    with np.errstate(over="ignore"):
        same_bits(round_to(x, FLOAT16), x.astype(np.float16).astype(np.float32))


@each_type
def test_a_format_describes_itself_as_torch_does(format, dtype):
    told = torch.finfo(dtype)
    assert format.largest == told.max and format.epsilon == told.eps
    assert format.smallest == pytest.approx(told.tiny * told.eps, rel=0)


@given(seeds)
def test_fixed_point_is_a_rounded_and_clipped_multiple(seed):
    x = numbers(seed)
    x = x[~np.isnan(x)]
    want = np.clip(np.rint(x.astype(np.float64) / FIXED.step), -127, 127) * FIXED.step
    np.testing.assert_array_equal(round_to(x, FIXED), want.astype(np.float32))


@each_format
@given(seeds)
def test_rounding_at_random_gives_a_neighbour_and_keeps_what_is_exact(format, seed):
    rng, x = np.random.default_rng(seed), numbers(seed)
    exact = round_to(x, format)
    same_bits(stochastic_round(exact, format, rng), exact)
    x = x[np.abs(x) <= format.largest]
    got = stochastic_round(x, format, rng).astype(np.float64)
    assert (np.abs(got - x) < format.spacing(x)).all()
    same_bits(round_to(got, format), got.astype(np.float32))


@each_format
@pytest.mark.parametrize("x", [0.3, -1.1, 2.0**-9 * 1.3, 3.01])
def test_rounding_at_random_is_right_in_the_mean(format, x):
    n, x = 40_000, np.float32(x)
    rounded = stochastic_round(np.full(n, x), format, np.random.default_rng(7))
    spread = (
        float(format.spacing(x)) / 2
    )  # the standard deviation of one draw is at most half a step
    assert abs(rounded.mean(dtype=np.float64) - x) < 6 * spread / np.sqrt(n)


def test_a_tiny_part_of_a_step_is_sometimes_a_whole_step():
    rounded = stochastic_round(np.full(100_000, 1 + 2.0**-12), BFLOAT16, np.random.default_rng(0))
    ups = (rounded > 1).sum()  # of probability 2^-5
    assert abs(ups - 100_000 / 32) < 6 * np.sqrt(100_000 / 32)
