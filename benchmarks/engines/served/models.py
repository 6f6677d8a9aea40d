"""The models that are served: the same for ours and for every peer, which import this file by path.

An MLP whose request is 64 numbers, and a CNN whose request is an image of 3 × 32 × 32 float32.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

MLP, CNN = "mlp", "cnn"
SHAPES = {MLP: (64,), CNN: (3, 32, 32)}
BATCH, WAIT = 64, 0.002  # what every server that batches is told: requests, seconds


def made(name: str) -> nn.Module:
    """The same weights each time. One thread."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if name == MLP:
        layers = [nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)]
        return nn.Sequential(*layers).eval()
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1024, 10),
    ).eval()  # fmt: skip


def example(name: str) -> np.ndarray:
    """A request: one row."""
    return np.random.default_rng(1).random((1, *SHAPES[name]), dtype=np.float32)


def asked(name: str) -> bytes:
    """The body of that request as a peer gets it: numbers, or base 64 of the bytes of an image."""
    row = example(name)[0]
    x = row.tolist() if name == MLP else base64.b64encode(row.tobytes()).decode()
    return json.dumps({"x": x}).encode()


def read(name: str, body: dict[str, Any]) -> np.ndarray:
    """A row of a body."""
    if name == MLP:
        return np.array(body["x"], np.float32)
    return np.frombuffer(base64.b64decode(body["x"]), np.float32).reshape(SHAPES[name])


def answered(model: nn.Module, rows: Sequence[np.ndarray]) -> list[list[float]]:
    """The scores of all."""
    with torch.inference_mode():
        return model(torch.from_numpy(np.stack(rows))).tolist()
