"""Reverse-mode automatic differentiation on NumPy arrays: a gradient for a few evaluations.

Read in this order:

graph       what is recorded: nodes, and rules with a forward computation and its derivatives
rules       the table of operators, one entry each
kernels     the computations in the table that take more than one line (and windows: convolution)
reverse     the walk: topological order, and gradients pulled back through it
tensor      a node that looks like an array
functions   layers in terms of the table: linear, conv2d, layer_norm, attention, losses
functional  grad, vjp, jvp, hvp: derivatives as functions of functions; checkpoint
check       derivatives against finite differences
"""

from mlsys.foundations.autodiff.check import check_gradients
from mlsys.foundations.autodiff.functional import (
    checkpoint,
    grad,
    hvp,
    jvp,
    value_and_grad,
    vjp,
)
from mlsys.foundations.autodiff.functions import (
    attention,
    avg_pool2d,
    batch_norm,
    conv2d,
    cross_entropy,
    embedding,
    layer_norm,
    linear,
    max_pool2d,
)
from mlsys.foundations.autodiff.graph import GraphError, ShapeError, no_grad
from mlsys.foundations.autodiff.reverse import topological_order
from mlsys.foundations.autodiff.tensor import Tensor, broadcast_to, concatenate, where

__all__ = [
    "GraphError", "ShapeError", "Tensor", "attention", "avg_pool2d", "batch_norm", "broadcast_to",
    "check_gradients", "checkpoint", "concatenate", "conv2d", "cross_entropy", "embedding", "grad",
    "hvp", "jvp", "layer_norm", "linear", "max_pool2d", "no_grad", "topological_order",
    "value_and_grad", "vjp", "where",
]  # fmt: skip
