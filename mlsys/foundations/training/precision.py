"""Training in few bits: a float32 master of the weights, and a loss large enough to survive.

Two things are lost in 16 bits. An update below half the spacing of its weight rounds to
no update: keep a float32 master, or round at random, which keeps the mean. A gradient below the
smallest number rounds to zero: multiply the loss, hence all gradients, by a scale that grows until
something overflows. The cost is four bytes a weight for the master, and a step lost now and then.
Source: Micikevicius et al., "Mixed precision training", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.training.formats import FLOAT16

Rounding = Callable[[Array], Array]


class Holder(Protocol):
    """What has data and a gradient: a parameter."""

    data: Any
    grad: Any


@contextmanager
def low_precision(parameters: Sequence[Holder], rounding: Rounding) -> Iterator[None]:
    """Inside, parameters hold rounded copies; outside, the float32 masters that are updated.

    rounding: ``lambda x: x.astype(np.float16)`` makes all arithmetic inside that of float16;
    ``lambda x: round_to(x, BFLOAT16)`` rounds the weights alone, as multipliers of few bits with a
    wide sum do. Gradients found inside become float32 at the end.
    """
    masters = [parameter.data for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.data = rounding(parameter.data)
        yield
    finally:
        for parameter, master in zip(parameters, masters, strict=True):
            parameter.data = master
            if parameter.grad is not None:
                parameter.grad = np.asarray(parameter.grad, master.dtype)


def round_weights(parameters: Iterable[Holder], rounding: Rounding) -> None:
    """After a step: keep the weights in few bits, without a master copy."""
    for parameter in parameters:
        parameter.data[...] = rounding(parameter.data)


# ------------------------------------------------------------ loss scaling


def next_scale(
    scale: float,
    good_steps: int,
    overflowed: bool,
    growth: float = 2.0,
    backoff: float = 0.5,
    interval: int = 2000,
) -> tuple[float, int]:
    """The loss scale, and the run of good steps, after one more step.

    After an overflow (a gradient that is infinite or NaN) the scale is multiplied by ``backoff``
    and the run begins again; when it reaches ``interval`` steps the scale is multiplied by
    ``growth``, unless float32 cannot hold that, and the run begins again.

    >>> next_scale(1024.0, 1999, overflowed=False), next_scale(1024.0, 1999, overflowed=True)
    ((2048.0, 0), (512.0, 0))
    """
    if overflowed:
        return scale * backoff, 0
    if good_steps + 1 < interval:
        return scale, good_steps + 1
    grown = scale * growth
    return (grown if grown <= float(np.finfo(np.float32).max) else scale), 0


def overflowed(gradients: Iterable[Array]) -> bool:
    """Whether any element is infinite or NaN."""
    return not all(np.isfinite(gradient).all() for gradient in gradients)


class LossScaler:
    """Keeps the loss as large as float16 gradients allow: ``backward`` starts from ``scale``.

    scale: the first; growth, backoff, interval: see ``next_scale``. The rule is that of
    ``torch.amp.GradScaler``. A step whose gradients overflowed must be left out.
    """

    def __init__(
        self,
        scale: float = 2.0**15,
        growth: float = 2.0,
        backoff: float = 0.5,
        interval: int = 2000,
    ) -> None:
        self.scale, self.good_steps = scale, 0
        self._rule = (growth, backoff, interval)

    def update(self, found_overflow: bool) -> bool:
        """Adapt the scale to one step; returns whether the optimizer should take this step.

        Raises FloatingPointError when no scale helps.
        """
        self.scale, self.good_steps = next_scale(
            self.scale, self.good_steps, found_overflow, *self._rule
        )
        if self.scale < FLOAT16.smallest:
            raise FloatingPointError(
                f"gradients are not finite at any loss scale down to {self.scale:.1e}; the loss "
                f"itself is infinite or NaN: lower the learning rate, or look at the last batch"
            )
        return not found_overflow

    def state_dict(self) -> dict[str, Array]:
        """What a checkpoint must keep."""
        return {"scale": np.array(self.scale), "good_steps": np.array(self.good_steps)}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Go on from a ``state_dict()``."""
        self.scale, self.good_steps = float(state["scale"]), int(state["good_steps"])
