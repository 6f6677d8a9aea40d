"""Schedules against PyTorch's, and the laws of their composition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.training.schedules import (
    constant,
    cosine,
    inverse_square_root,
    step_decay,
    warm_up,
)

rates = st.floats(1e-4, 10)
counts = st.integers(1, 500)


def torch_rates(make: str, lr: float, steps: int, **options: float) -> list[float]:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = getattr(torch.optim.lr_scheduler, make)(optimizer, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@given(rates, st.integers(1, 60), st.floats(0, 1))
def test_cosine_equals_pytorch(lr: float, steps: int, share: float) -> None:
    theirs = torch_rates("CosineAnnealingLR", lr, steps + 1, T_max=steps, eta_min=share * lr)
    ours = [cosine(lr, steps, share * lr)(step) for step in range(steps + 1)]
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@given(rates, st.integers(1, 20))
def test_step_decay_equals_pytorch(lr: float, every: int) -> None:
    theirs = torch_rates("StepLR", lr, 60, step_size=every, gamma=0.5)
    ours = [step_decay(lr, every, 0.5)(step) for step in range(60)]
    assert ours == pytest.approx(theirs, rel=1e-9)


@given(rates, counts, st.integers(0, 2000))
def test_warm_up_rises_in_a_line_and_hands_over(lr: float, rise: int, step: int) -> None:
    then = cosine(lr, 1000)
    joined = warm_up(rise, then)
    wanted = then(step - rise) if step >= rise else lr * (step + 1) / rise
    assert joined(step) == pytest.approx(wanted)
    assert 0 <= joined(step) <= lr * (1 + 1e-12)


@given(counts, st.integers(1, 100_000))
def test_inverse_square_root_behind_a_warm_up_is_the_transformers(rise: int, step: int) -> None:
    """Vaswani et al.: lr * min(step^-0.5, step * rise^-1.5) up to a constant, steps from 1."""
    theirs = min(step**-0.5, step * rise**-1.5) * math.sqrt(rise)
    ours = warm_up(rise, inverse_square_root(1.0, rise))
    assert ours(step - 1) == pytest.approx(
        theirs, rel=1 / rise
    )  # theirs has no first step of size 0
    assert ours(rise + step) == pytest.approx(math.sqrt(rise / (rise + step)))


@given(rates, st.integers(0, 10**9))
def test_constant_is_constant(lr: float, step: int) -> None:
    assert constant(lr)(step) == lr
