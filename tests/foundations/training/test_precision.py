"""Loss scales follow PyTorch's kernel; few bits lose what theory says, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.training.formats import BFLOAT16, Fixed, round_to, stochastic_round
from mlsys.foundations.training.precision import (
    LossScaler,
    low_precision,
    next_scale,
    overflowed,
    round_weights,
)

torch = pytest.importorskip("torch")


@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(1, 5),
    st.sampled_from([2.0, 1.5, 1.0]),
    st.sampled_from([0.5, 0.25]),
    st.sampled_from([1.0, 65536.0, 2.0**126]),
)
@example([False] * 9, 1, 2.0, 0.5, 2.0**126)  # beyond the largest number that a scale may be
def test_the_scale_follows_torch_step_by_step(overflows, interval, growth, backoff, first):
    scale, tracker = torch.tensor([first]), torch.zeros(1, dtype=torch.int32)
    ours, good = first, 0
    for found in overflows:
        torch._amp_update_scale_(
            scale, tracker, torch.tensor([float(found)]), growth, backoff, interval
        )
        ours, good = next_scale(ours, good, found, growth, backoff, interval)
        assert np.float32(ours) == scale.item() and good == tracker.item()


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40))
def test_a_scaler_skips_what_overflowed_and_resumes_where_it_was(overflows, cut):
    whole, first = LossScaler(interval=3), LossScaler(interval=3)
    taken = [whole.update(found) for found in overflows]
    assert taken == [not found for found in overflows]
    for found in overflows[:cut]:
        first.update(found)
    second = LossScaler(scale=1.0, interval=3)
    second.load_state_dict(first.state_dict())
    for found in overflows[cut:]:
        second.update(found)
    assert (second.scale, second.good_steps) == (whole.scale, whole.good_steps)


def test_a_loss_that_is_nan_ends_with_advice():
    scaler = LossScaler()
    with pytest.raises(FloatingPointError, match="the loss itself is infinite or NaN"):
        for _ in range(100):
            scaler.update(True)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_one_bad_element_is_an_overflow(bad):
    good = np.ones((3, 4), np.float16)
    worse = good.copy()
    worse[1, 2] = bad
    assert not overflowed([good, good]) and overflowed([good, worse])


@given(st.integers(0, 2**32))
def test_float16_gradients_are_those_of_float32_to_its_precision(seed):
    rng = np.random.default_rng(seed)
    w = Tensor(rng.standard_normal((5, 3)).astype(np.float32), requires_grad=True)
    x, master = rng.standard_normal((8, 5)).astype(np.float32), w.data
    ((Tensor(x) @ w) ** 2.0).mean().backward()
    exact, w.grad = w.grad, None
    with low_precision([w], lambda a: a.astype(np.float16)):
        assert w.dtype == np.float16
        ((Tensor(x.astype(np.float16)) @ w) ** 2.0).mean().backward()
        assert w.grad.dtype == np.float16
    assert w.data is master and w.grad.dtype == np.float32
    np.testing.assert_allclose(w.grad, exact, atol=0.01 * np.abs(exact).max() + 0.01)


def test_the_masters_come_back_after_an_error():
    w = Tensor(np.full(3, 1.001, np.float32), requires_grad=True)
    with pytest.raises(ZeroDivisionError), low_precision([w], lambda x: round_to(x, BFLOAT16)):
        raise ZeroDivisionError
    assert w.dtype == np.float32 and (w.data == np.float32(1.001)).all()


def test_a_gradient_that_float16_cannot_hold_survives_a_scaled_loss():
    w = Tensor(np.ones(4, np.float32), requires_grad=True)
    found = {}
    for scale in (1.0, 2.0**15):
        w.grad = None
        with low_precision([w], lambda x: x.astype(np.float16)):
            ((w * np.float16(2**-13)) * np.float16(2**-13)).sum().backward(np.float16(scale))
        found[scale] = w.grad / scale
    assert (found[1.0] == 0).all() and (found[2.0**15] == 2**-26).all()


@given(st.floats(0.5, 100), st.floats(0.01, 0.49))
def test_nearest_rounding_loses_every_update_below_half_a_step(weight, share):
    weight = round_to(weight, BFLOAT16)
    update = share * BFLOAT16.spacing(weight)  # towards zero the spacing may be half as wide
    assert round_to(weight + update, BFLOAT16) == weight


@pytest.mark.parametrize("format", [BFLOAT16, Fixed(8, 2**-6)], ids=str)
def test_weights_in_few_bits_stall_when_rounded_to_nearest_and_arrive_when_rounded_at_random(
    format,
):
    # Minimize (w - 0)^2 / 2 from 1 with updates lr w below half a step of the format.
    rng, reached = np.random.default_rng(0), {}
    roundings = {
        "nearest": lambda x: round_to(x, format),
        "at random": lambda x: stochastic_round(x, format, rng),
    }
    for name, rounding in roundings.items():
        w = Tensor(np.ones(200, np.float32), requires_grad=True)
        for _ in range(3000):
            w.data -= np.float32(0.001) * w.data
            round_weights([w], rounding)
        reached[name] = w.data
    assert (reached["nearest"] == 1).all()
    exact = 0.999**3000  # 0.0497; the mean of the random walk is that of the exact iteration
    spread = reached["at random"].std() / np.sqrt(200)
    assert abs(reached["at random"].mean() - exact) < 6 * spread
