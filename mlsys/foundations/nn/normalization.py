"""Normalisation: a layer's values brought back to mean 0 and variance 1, of a row or of a batch.

Layer norm looks along each row: an example's result depends on that example alone. Batch norm
looks down each feature, over the batch: in training an example's result depends on its neighbours,
and at inference on statistics remembered from training: buffers, state that no gradient touches.
Sources: Ba, Kiros & Hinton, "Layer normalization", 2016; Ioffe & Szegedy, "Batch normalization",
ICML 2015.

The plain functions are written with operators and NumPy's functions: they run on arrays as they
do on Tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsys.foundations import autodiff
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.nn.module import Module, Parameter


def layer_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """Each row of x, less its mean, over its standard deviation; then scaled and shifted.

    x: (..., d); weight, bias: (d,). The variance divides by d. Returns x's shape.
    """
    centred = x - np.mean(x, -1, keepdims=True)
    variance = np.mean(centred * centred, -1, keepdims=True)
    return centred / np.sqrt(variance + eps) * weight + bias


def batch_statistics(x: Any) -> tuple[Any, Any]:
    """Mean and variance of each feature over everything else. x: (n, c) or (n, c, h, w).

    Returns two arrays (c,). The variance divides by the number of values, n or n h w.
    """
    axes = _all_but_features(x)
    mean = np.mean(x, axes)
    centred = x - _along_features(mean, x)
    return mean, np.mean(centred * centred, axes)


def batch_norm(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Any:
    """Each feature of x, less the mean, over the standard deviation; then scaled and shifted.

    x: (n, c) or (n, c, h, w); the others (c,): statistics of this batch in training, remembered
    ones at inference.
    """
    scale = weight / np.sqrt(variance + eps)
    return x * _along_features(scale, x) + _along_features(bias - mean * scale, x)


def remembered(
    running_mean: Any, running_variance: Any, mean: Any, variance: Any, n: int, momentum: float
) -> tuple[Any, Any]:
    """The running statistics after one more batch: exponential means, newest batch first.

    All (c,). n: values behind each mean. PyTorch's convention: what is remembered is the unbiased
    variance, n / (n - 1) times the one that normalised the batch.
    """
    unbiased = variance * (n / (n - 1))
    return (
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_variance + momentum * unbiased,
    )


def _all_but_features(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _along_features(values: Any, x: Any) -> Any:
    """(c,) as (c, 1, 1), to meet x: (n, c, h, w)."""
    return values.reshape(-1, *[1] * (x.ndim - 2)) if x.ndim > 2 else values


class LayerNorm(Module):
    """``layer_norm`` with a trained scale and shift. Names: weight, bias."""

    def __init__(self, width: int, eps: float = 1e-5, dtype: Any = np.float32) -> None:
        self.weight = Parameter(np.ones(width, dtype))
        self.bias = Parameter(np.zeros(width, dtype))
        self.eps = eps

    def forward(self, x: Any) -> Tensor:
        """x: (..., width)."""
        return autodiff.layer_norm(x, self.weight, self.bias, self.eps)


class BatchNorm(Module):
    """Batch norm of (n, features) or (n, features, h, w): PyTorch's BatchNorm1d and BatchNorm2d.

    Names: weight, bias, running_mean, running_var, num_batches_tracked.
    """

    def __init__(
        self, features: int, eps: float = 1e-5, momentum: float = 0.1, dtype: Any = np.float32
    ) -> None:
        self.weight = Parameter(np.ones(features, dtype))
        self.bias = Parameter(np.zeros(features, dtype))
        self.running_mean: Array = np.zeros(features, dtype)
        self.running_var: Array = np.ones(features, dtype)
        self.num_batches_tracked: Array = np.zeros((), np.int64)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Any) -> Any:
        """In training: normalise by this batch, and remember it. Else: by what is remembered."""
        if not self.training:
            mean, variance = self.running_mean, self.running_var
            return batch_norm(x, mean, variance, self.weight, self.bias, self.eps)
        y, (mean, variance) = autodiff.batch_norm(x, self.weight, self.bias, self.eps)
        self._remember(mean, variance, x.size // mean.size)
        return y

    def _remember(self, mean: Array, variance: Array, n: int) -> None:
        if n == 1:
            raise ValueError(
                "BatchNorm: one value per feature has no variance; train on batches of at least "
                "two examples (drop the last, short batch), or call eval() first"
            )
        self.running_mean[:], self.running_var[:] = remembered(
            self.running_mean, self.running_var, mean, variance, n, self.momentum
        )
        self.num_batches_tracked += 1
