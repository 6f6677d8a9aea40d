"""Losses: one number that is small when the model is right, and safe where it is very wrong.

Each is written on logits, not on probabilities: the logarithm of a probability that has
underflowed to 0 is lost, the same quantity computed from logits is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsys.foundations import autodiff
from mlsys.foundations.autodiff import Tensor


def cross_entropy(logits: Any, labels: Any, smoothing: float = 0.0) -> Tensor:
    """Mean of -log softmax(logits)[label], in nats.

    logits: (..., classes); labels: integers, the shape without the classes. smoothing: the share of
    each target that is spread evenly over all classes.
    Source of smoothing: Szegedy et al., "Rethinking the inception architecture", CVPR 2016.
    """
    logits = Tensor.lift(logits)
    labels = np.asarray(labels)
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"cross_entropy: logits of shape {logits.shape} want labels of shape "
            f"{logits.shape[:-1]}, not {labels.shape}"
        )
    rows = logits.reshape(-1, logits.shape[-1]) if logits.ndim != 2 else logits
    loss: Tensor = autodiff.cross_entropy(rows, labels.reshape(-1))
    if smoothing == 0:
        return loss
    everywhere: Tensor = rows.log_softmax().mean()
    return loss * (1 - smoothing) - everywhere * smoothing


def mean_squared_error(predictions: Any, targets: Any) -> Tensor:
    """Mean of (prediction - target)^2 over all elements. Both of the same shape."""
    _same_shape("mean_squared_error", predictions, targets)
    difference: Tensor = Tensor.lift(predictions) - targets
    return (difference * difference).mean()


def binary_cross_entropy_with_logits(logits: Any, targets: Any) -> Tensor:
    """Mean of -t log p - (1 - t) log(1 - p) with p = sigmoid(logit). Both of the same shape.

    Computed as log(1 + exp(logit)) - t logit, which neither overflows nor takes log of 0.
    """
    _same_shape("binary_cross_entropy_with_logits", logits, targets)
    logits = Tensor.lift(logits)
    loss: Tensor = (logits.softplus() - logits * targets).mean()
    return loss


def _same_shape(name: str, predictions: Any, targets: Any) -> None:
    """(n, 1) minus (n,) is an (n, n) table, whose mean is a plausible number and no loss."""
    if np.shape(predictions) != np.shape(targets):
        raise ValueError(
            f"{name}: predictions of shape {np.shape(predictions)}, targets of shape "
            f"{np.shape(targets)}; they must be equal, reshape one of them"
        )
