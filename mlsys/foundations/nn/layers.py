"""The layers that most models are made of; each a few lines over a function of autodiff.

Names and layouts follow ``torch.nn``, so that weights move between the two by name. Generators are
passed in: to draw first values, and, in Dropout, to draw at each call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsys.foundations import autodiff
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.nn.initialization import Initializer, fan_in_uniform, normal
from mlsys.foundations.nn.module import Module, Parameter


class Linear(Module):
    """y = x W^T + b. Names: weight (outputs, inputs), bias (outputs,) or None."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
        initial: Initializer = fan_in_uniform,
    ) -> None:
        self.weight = Parameter(initial((outputs, inputs), rng).astype(dtype))
        self.bias = Parameter(np.zeros(outputs, dtype)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """x: (..., inputs); returns (..., outputs)."""
        return autodiff.linear(x, self.weight, self.bias)


class Conv2d(Module):
    """Kernels slid over images. Names: weight (outputs, inputs, kernel, kernel), bias or None."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
        initial: Initializer = fan_in_uniform,
    ) -> None:
        self.weight = Parameter(initial((outputs, inputs, kernel, kernel), rng).astype(dtype))
        self.bias = Parameter(np.zeros(outputs, dtype)) if bias else None
        self.stride, self.padding = stride, padding

    def forward(self, x: Any) -> Tensor:
        """x: (n, inputs, h, w); returns (n, outputs, down, across)."""
        return autodiff.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class Embedding(Module):
    """A table looked up by row. Names: weight (rows, width), first values normal."""

    def __init__(
        self,
        rows: int,
        width: int,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
        initial: Initializer | None = None,
    ) -> None:
        draw = initial or normal(1.0)
        self.weight = Parameter(draw((rows, width), rng).astype(dtype))

    def forward(self, ids: Any) -> Tensor:
        """ids: integers of any shape; returns that shape + (width,)."""
        return autodiff.embedding(ids, self.weight)


class Dropout(Module):
    """In training, set each value to 0 with probability ``share``, and scale up the rest.

    The expectation stays x, so inference needs no correction. ``rng`` is state of the model.
    Source: Srivastava et al., "Dropout", JMLR 2014.
    """

    def __init__(self, share: float, *, rng: np.random.Generator) -> None:
        if not 0 <= share < 1:
            raise ValueError(f"Dropout: expected a share in [0, 1), not {share}")
        self.share, self.rng = share, rng

    def forward(self, x: Any) -> Any:
        """x: any shape, returned as it is outside training."""
        if not self.training or self.share == 0:
            return x
        kept = self.rng.random(np.shape(x), np.float32) >= self.share
        return x * (kept * x.dtype.type(1 / (1 - self.share)))


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Any) -> Tensor:
        """x: any shape."""
        return Tensor.lift(x).relu()


class GELU(Module):
    """x times the normal distribution function, in its tanh form."""

    def forward(self, x: Any) -> Tensor:
        """x: any shape."""
        return Tensor.lift(x).gelu()


class Flatten(Module):
    """Each example as one vector."""

    def forward(self, x: Any) -> Any:
        """x: (n, ...); returns (n, features)."""
        return x.reshape(len(x), -1) if x.ndim != 2 else x


class MaxPool2d(Module):
    """The largest of each size x size window, windows side by side."""

    def __init__(self, size: int) -> None:
        self.size = size

    def forward(self, x: Any) -> Tensor:
        """x: (n, c, h, w)."""
        return autodiff.max_pool2d(x, self.size)


class Sequential(Module):
    """Modules one after the other, named "0", "1", ... as in PyTorch."""

    def __init__(self, *modules: Module) -> None:
        vars(self).update({str(i): module for i, module in enumerate(modules)})

    def forward(self, x: Any) -> Any:
        """The output of each is the input of the next."""
        for module in vars(self).values():
            if isinstance(module, Module):
                x = module(x)
        return x
