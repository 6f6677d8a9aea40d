"""HIPS autograd: NumPy programs, traced by operator overloading."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import make_vjp, value_and_grad
from machine import version_of
from race import Entry, Results

from engines.problems import MLP, Chain


class HIPSAutograd:
    """autograd, from the package index."""

    title = "HIPS autograd"

    def __init__(self) -> None:
        self.version = version_of("autograd")

    def operations(self, p: Chain) -> Entry:
        """The chain, forward and backward."""
        trace = _tracer(p)
        return Entry(lambda: trace()[0](p.g), lambda: _named(trace()[0](p.g)))

    def forward(self, p: Chain) -> Entry:
        """The chain, forward only, traced."""
        trace = _tracer(p)
        return Entry(trace, lambda: {"h": trace()[1]})

    def backward(self, p: Chain) -> Entry:
        """The chain's gradient alone; a traced function can be pulled back any number of times."""
        pull_back = _tracer(p)()[0]
        return Entry(lambda: pull_back(p.g), lambda: _named(pull_back(p.g)))

    def mlp(self, p: MLP) -> Entry:
        """One training step."""
        rows = np.arange(len(p.x))

        def loss(weights: list[Any]) -> Any:
            W1, b1, W2, b2 = weights
            z = anp.maximum(p.x @ W1.T + b1, 0) @ W2.T + b2
            z = z - anp.max(z, axis=1, keepdims=True)
            return -anp.mean((z - anp.log(anp.sum(anp.exp(z), 1, keepdims=True)))[rows, p.labels])

        step = value_and_grad(loss)
        weights = [weight.copy() for weight in p.weights]

        def work() -> None:
            for weight, gradient in zip(weights, step(weights)[1], strict=True):
                weight -= p.rate * gradient

        def results() -> Results:
            value, gradients = step([weight.copy() for weight in p.weights])
            found = {"loss": np.array(value)}
            return found | {f"gradient {i}": g for i, g in enumerate(gradients)}

        return Entry(work, results)


def _tracer(p: Chain) -> Any:
    def chain(h: Any, w: Any, b: Any) -> Any:
        for _ in range(p.operations // 2):
            h = h * w
            h = h + b
        return h

    return lambda: make_vjp(chain, (0, 1, 2))(p.h, p.w, p.b)


def _named(gradients: tuple[Any, ...]) -> Results:
    names = ("gradient of h", "gradient of w", "gradient of b")
    return dict(zip(names, gradients, strict=True))
