"""TinyTorch, as its students complete it: the package that its ``src/`` exports."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from race import Entry, Results

from engines.problems import MLP
from engines.scalars import commit_of

PARTS = {
    "Tensor": "tensor",
    "enable_autograd": "autograd",
    "ReLU": "activations",
    "Linear": "layers",
    "CrossEntropyLoss": "losses",
    "SGD": "optimizers",
}


class TinyTorch:
    """tinytorch, from a folder that holds the exported package."""

    title = "TinyTorch"

    def __init__(self, path: Path) -> None:
        if not (path / "tinytorch" / "core" / "activations.py").is_file():
            raise ImportError(f"{path} has no tinytorch/core/activations.py; export src/ first")
        sys.path.insert(0, str(path))
        core = {
            name: getattr(importlib.import_module(f"tinytorch.core.{module}"), name)
            for name, module in PARTS.items()
        }
        self.core = SimpleNamespace(**core)
        self.core.enable_autograd()
        self.version = commit_of(path)

    def mlp(self, p: MLP) -> Entry:
        """One training step."""
        core = self.core
        first, second = core.Linear(784, 128), core.Linear(128, 10)
        relu, cross_entropy = core.ReLU(), core.CrossEntropyLoss()
        weights = [first.weight, first.bias, second.weight, second.bias]
        for weight, data in zip(weights, p.weights, strict=True):
            weight.data = np.ascontiguousarray(data.T)
        optimiser = core.SGD(weights, lr=p.rate)

        def work() -> float:
            optimiser.zero_grad()
            hidden = relu.forward(first.forward(core.Tensor(p.x)))
            loss = cross_entropy.forward(second.forward(hidden), core.Tensor(p.labels))
            loss.backward()
            optimiser.step()
            return float(loss.data)

        def results() -> Results:
            for weight, data in zip(weights, p.weights, strict=True):
                weight.data = np.ascontiguousarray(data.T)
            loss = np.array(work())
            gradients = {f"gradient {i}": np.array(w.grad).T for i, w in enumerate(weights)}
            return {"loss": loss} | gradients

        return Entry(work, results)
