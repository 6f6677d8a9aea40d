"""A small run with everything in it that a checkpoint must keep, and how to compare two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn import BatchNorm, Dropout, Linear, ReLU, Sequential, cross_entropy
from mlsys.foundations.training import AdamW, BatchCursor, LossScaler, Trainer, cosine

Build = Callable[..., Trainer]


def build(folder: Path | None = None, **options: Any) -> Trainer:
    """Buffers (batch norm), a generator inside (dropout) and one outside, a scaler, a schedule."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 4)).astype(np.float32), rng.integers(0, 3, 30)
    model = Sequential(
        Linear(4, 8, rng=rng), BatchNorm(8), ReLU(), Dropout(0.3, rng=rng), Linear(8, 3, rng=rng)
    )
    noise = np.random.default_rng(1)

    def loss(model: Any, batch: np.ndarray) -> Tensor:
        moved = x[batch] + 0.1 * noise.standard_normal((len(batch), 4), np.float32)
        return cross_entropy(model(moved), y[batch])

    defaults: dict[str, Any] = {
        "scaler": LossScaler(interval=5),
        "generators": {"noise": noise},
        "loss": loss,
        "schedule": cosine(0.05, 40),
        "clip_at": 1.0,
        "evaluate": lambda model: model(x).numpy().mean(),
        "evaluate_every": 7,
        "folder": folder,
        "save_every": 5,
        "config": {"rows": 30},
    }
    cursor = BatchCursor(30, 8, seed=3, drop_last=True)
    return Trainer(model, AdamW(model.named_parameters()), cursor, **{**defaults, **options})


@pytest.fixture(scope="session", name="build")
def build_fixture() -> Build:
    """How the tests make the same run again and again."""
    return build
