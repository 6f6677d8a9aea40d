"""The loop: parts make the batch, an overflow costs one step, a nan the run and nothing saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import MLP, Module, Parameter, cross_entropy
from mlsys.foundations.training import (
    SGD,
    BatchCursor,
    Diverged,
    LossScaler,
    Trainer,
    latest,
    low_precision,
)

pytest.importorskip("safetensors")
Build = Callable[..., Trainer]


def classifier(batch: int, dtype: Any = np.float64, **options: Any) -> Trainer:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 5)).astype(dtype), rng.integers(0, 3, 40)
    model = MLP([5, 7, 3], rng=rng, dtype=dtype)

    def loss(model: Any, rows: np.ndarray) -> Tensor:
        first = next(iter(model.parameters()))
        return cross_entropy(model(x[rows].astype(first.dtype)), y[rows])

    optimizer = SGD(model.named_parameters(), 0.1, momentum=0.9)
    return Trainer(model, optimizer, BatchCursor(40, batch, 0), loss=loss, **options)


@given(st.integers(1, 40), st.integers(1, 50))
def test_parts_of_a_batch_add_up_to_the_batch(batch: int, parts: int) -> None:
    """For parts that are not of one size too, and for more parts than examples."""
    whole, cut = classifier(batch), classifier(batch, accumulate=parts)
    whole.train(6)
    cut.train(6)
    np.testing.assert_allclose(cut.history.loss, whole.history.loss, rtol=1e-10)
    for a, b in zip(cut.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@given(st.integers(-8, 8), st.integers(1, 3))
def test_a_loss_scale_that_is_a_power_of_two_changes_no_bit(power: int, parts: int) -> None:
    plain = classifier(16, np.float32, accumulate=parts)
    scaled = classifier(16, np.float32, accumulate=parts, scaler=LossScaler(2.0**power))
    plain.train(6)
    scaled.train(6)
    for a, b in zip(plain.model.parameters(), scaled.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_an_overflow_costs_one_step_and_halves_the_scale() -> None:
    run = classifier(16, np.float32, scaler=LossScaler(2.0**17))
    run.arithmetic = lambda: low_precision(run.model.parameters(), lambda x: x.astype(np.float16))
    before = [p.data.copy() for p in run.model.parameters()]
    with np.errstate(over="ignore", invalid="ignore"):
        run.step()
    assert run.scaler.scale == 2.0**16  # type: ignore[union-attr]
    assert not np.isfinite(run.history.norm[-1])
    assert run.optimizer.count == 0
    for p, b in zip(run.model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.data, b)


def test_clipping_and_schedule_reach_the_step() -> None:
    """With clipping at c and a rate r, a first step of SGD is at most c r long."""
    run = classifier(40, schedule=lambda step: 0.5 if step == 0 else 0.0, clip_at=0.01)
    before = [p.data.copy() for p in run.model.parameters()]
    run.train(1)
    moves = [p.data - b for p, b in zip(run.model.parameters(), before, strict=True)]
    assert np.sqrt(sum(float((m**2).sum()) for m in moves)) == pytest.approx(0.5 * 0.01)
    after = [p.data.copy() for p in run.model.parameters()]
    run.train(2)
    for p, a in zip(run.model.parameters(), after, strict=True):
        np.testing.assert_array_equal(p.data, a)


def test_evaluation_disturbs_nothing_and_happens_when_asked(build: Build, tmp_path: Path) -> None:
    modes = []

    def evaluate(model: Module) -> float:
        modes.append(model.training)
        return 1.5

    quiet, asked = build(evaluate=None), build(evaluate=evaluate)
    quiet.train(16)
    asked.train(16)
    assert asked.history.evaluations == [(7, 1.5), (14, 1.5), (16, 1.5)]
    assert modes == [False] * 3
    assert asked.model.training
    assert asked.history.loss == quiet.history.loss


# ------------------------------------------------------------ divergence


class Slope(Module):
    """A loss that is a multiple of its parameter, and nan, or of infinite slope, when asked to."""

    def __init__(self) -> None:
        self.w = Parameter(np.ones(1))


def fragile(folder: Path | None, bad_step: int, bad: Callable[[Tensor], Tensor]) -> Trainer:
    calls = iter(range(10**6))

    def loss(model: Slope, rows: np.ndarray) -> Tensor:
        value = (model.w * model.w).sum()
        return bad(value) if next(calls) == bad_step else value

    model = Slope()
    return Trainer(
        model,
        SGD(model.named_parameters(), 1e-3),
        BatchCursor(4, 2, 0),
        loss=loss,
        folder=folder,
        save_every=5,
    )


@pytest.mark.parametrize(
    "bad, said",
    [
        (lambda x: x * np.nan, "the loss is nan"),
        (lambda x: x * np.inf, "the loss is inf"),
        (lambda x: (x - x).sqrt(), "the gradient's norm is"),
    ],
)
def test_divergence_names_step_and_good_checkpoint_and_stops_before_harm(
    tmp_path: Path, bad: Any, said: str
) -> None:
    run = fragile(tmp_path, 12, bad)
    with np.errstate(all="ignore"), pytest.raises(Diverged) as error:
        run.train(100)
    message = str(error.value)
    for part in ("step 13: ", said, "step-00000010.safetensors", "smaller step size"):
        assert part in message
    assert np.isfinite(run.model.w.data).all()  # type: ignore[attr-defined]
    found = latest(tmp_path)
    assert found is not None
    assert found[1].step == 10


def test_parameters_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    run = fragile(tmp_path, -1, lambda x: x)
    run.train(5)
    run.model.w.data[:] = np.inf  # type: ignore[attr-defined]
    with pytest.raises(Diverged, match="parameter w is not finite"):
        run.save()
    found = latest(tmp_path)
    assert found is not None
    assert np.isfinite(found[1].arrays["model.w"]).all()


def test_without_a_folder_it_says_so() -> None:
    run = fragile(None, 0, lambda x: x * np.nan)
    with pytest.raises(Diverged, match="nothing was saved"):
        run.train(1)
    for method in (run.save, run.resume):
        with pytest.raises(ValueError, match="nowhere to put checkpoints"):
            method()
