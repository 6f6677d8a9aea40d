"""Derivatives against finite differences: the referee that knows nothing of the rules.

For random directions d of the inputs and v of the output, three numbers must agree:

    <v, (f(x + h d) - f(x - h d)) / 2h>        a central difference, error O(h^2) + O(rounding / h)
    <pull_back(v), d>                           reverse mode
    <v, jvp(d)>                                  forward mode

One direction catches a wrong entry with probability one; a few are tried in case of bad luck in
the scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlsys.foundations.autodiff.functional import jvp, vjp
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.autodiff.tensor import Tensor


class GradientError(AssertionError):
    """A derivative disagrees with finite differences."""


def check_gradients(
    f: Callable[..., Tensor],
    *inputs: Any,
    rng: np.random.Generator,
    order: int = 1,
    directions: int = 3,
    step: float = 1e-5,
    tolerance: float = 1e-5,
) -> None:
    """Compare f's derivatives at the inputs, up to the given order, with central differences.

    inputs: float64 arrays, away from kinks and poles by more than the step.
    tolerance: of the difference, relative to the larger side plus 1.
    Raises GradientError with the order, the mode and both numbers; TypeError on other precisions.
    """
    arrays = [np.asarray(x) for x in inputs]
    if any(x.dtype != np.float64 for x in arrays):
        raise TypeError(
            f"check_gradients: expected float64 inputs, got {[str(x.dtype) for x in arrays]}; "
            f"float32 has too few digits left after the subtraction"
        )
    for _ in range(directions):
        d = [rng.standard_normal(x.shape) for x in arrays]
        y, pull_back = vjp(f, *arrays)
        v = rng.standard_normal(y.shape)
        numeric = np.vdot(v, _difference(f, arrays, d, step))
        reverse = sum(np.vdot(g, di) for g, di in zip(pull_back(v), d, strict=True))
        forward = np.vdot(v, jvp(f, arrays, d)[1])
        _agree(f"order {order}: reverse mode", reverse, numeric, tolerance)
        _agree(f"order {order}: forward mode", forward, numeric, tolerance)
    if order > 1:
        check_gradients(
            _pulled_back(f, v),
            *arrays,
            rng=rng,
            order=order - 1,
            directions=directions,
            step=step,
            tolerance=tolerance,
        )


def _difference(f: Callable[..., Tensor], x: list[Array], d: list[Array], step: float) -> Array:
    """The central difference of f at x along d."""
    up = f(*[Tensor(xi + step * di) for xi, di in zip(x, d, strict=True)])
    down = f(*[Tensor(xi - step * di) for xi, di in zip(x, d, strict=True)])
    return (up.numpy() - down.numpy()) / (2 * step)


def _pulled_back(f: Callable[..., Tensor], v: Array) -> Callable[..., Tensor]:
    """The sum of the squares of all gradients of <v, f>: its first derivative holds f's second."""

    def total(*inputs: Tensor) -> Tensor:
        gradients = vjp(f, *inputs)[1](v)
        return sum(((g * g).sum() for g in gradients), start=Tensor(0.0))

    return total


def _agree(what: str, ours: float, numeric: float, tolerance: float) -> None:
    if not abs(ours - numeric) <= tolerance * (1 + max(abs(ours), abs(numeric))):
        raise GradientError(f"{what} gives {ours:.9g}, a central difference {numeric:.9g}")
