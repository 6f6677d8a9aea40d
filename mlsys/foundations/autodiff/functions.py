"""Layers, written with the operators of the table: what has no rule of its own needs none.

Names, argument order and results follow ``torch.nn.functional``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlsys.foundations.autodiff import rules
from mlsys.foundations.autodiff.graph import Array, Rule, apply
from mlsys.foundations.autodiff.tensor import Tensor
from mlsys.foundations.autodiff.windows import Window


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """x W^T + b. x: (..., inputs); weight: (outputs, inputs); bias: (outputs,) or None."""
    if bias is None:
        return _call(rules.matmul_nt, x, weight)
    return _call(rules.linear, x, weight, bias)


def cross_entropy(logits: Any, labels: Any) -> Tensor:
    """Mean of -log softmax(logits)[label] over the rows, in nats.

    logits: (n, classes); labels: (n,) integers from 0 to classes - 1. Raises ShapeError otherwise.
    """
    return _call(rules.cross_entropy, logits, static=(_integers("cross_entropy", labels), []))


def embedding(ids: Any, weight: Any) -> Tensor:
    """Row ids[i] of the table for each i. ids: integers of any shape; weight: (rows, d)."""
    return _call(rules.embed, weight, static=(_integers("embedding", ids),))


def layer_norm(x: Any, weight: Any, bias: Any, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias along the last axis, of length d.

    weight, bias: (d,). Source: Ba, Kiros & Hinton, "Layer normalization", arXiv 1607.06450.
    """
    return _call(rules.affine, _call(rules.normalize, x, static=(eps, [])), weight, bias)


def batch_norm(
    x: Any, weight: Any, bias: Any, eps: float = 1e-5
) -> tuple[Tensor, tuple[Array, Array]]:
    """As layer_norm, but for each feature over the batch; and the batch's mean and variance.

    x: (n, c) or (n, c, ...); weight, bias, mean and variance: (c,). The variance divides by the
    number of values. Source: Ioffe & Szegedy, "Batch normalization", ICML 2015.
    """
    axes, features = (0, *range(2, np.ndim(x))), (-1, *[1] * (np.ndim(x) - 2))
    saved: list[Array] = []
    normal = _call(rules.normalize, x, static=(eps, saved, axes))
    w, b = (Tensor.lift(values).reshape(features) for values in (weight, bias))
    _, mean, variance = saved
    return _call(rules.affine, normal, w, b), (mean.reshape(-1), variance.reshape(-1))


def conv2d(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Tensor:
    """Cross-correlate images with kernels: unfold the windows, then one matrix product.

    x: (n, c, h, w); weight: (k, c, kh, kw); bias: (k,) or None; returns (n, k, down, across).
    """
    n, c, h, w = _images("conv2d", x)
    kernels = Tensor.lift(weight)
    if kernels.ndim != 4 or kernels.shape[1] != c:
        raise ValueError(
            f"conv2d: the kernels have shape {kernels.shape}; expected (kernels, {c}, height, "
            f"width), because the images have {c} channels"
        )
    k, _, kh, kw = kernels.shape
    window = Window(kh, kw, stride, padding)
    columns = _call(rules.unfold, x, static=(window,))  # (n, c kh kw, down * across)
    y = _call(rules.filter_, kernels.reshape(k, c * kh * kw), columns)  # (n, k, down * across)
    if bias is not None:
        y = y + Tensor.lift(bias).reshape(k, 1)
    return y.reshape(n, k, *window.places(h, w))


def max_pool2d(x: Any, size: int, stride: int | None = None) -> Tensor:
    """The largest of each size x size window; stride: size by default. x: (n, c, h, w)."""
    _, _, h, w = _images("max_pool2d", x)
    if stride in (None, size) and h % size == w % size == 0:
        return _call(rules.max_pool, x, static=(size, []))
    return _pooled("max_pool2d", x, size, stride).max(axis=2)


def avg_pool2d(x: Any, size: int, stride: int | None = None) -> Tensor:
    """The mean of each size x size window; stride: size by default. x: (n, c, h, w)."""
    return _pooled("avg_pool2d", x, size, stride).mean(axis=2)


def _pooled(name: str, x: Any, size: int, stride: int | None) -> Tensor:
    """x's windows: (n, c, size * size, down, across)."""
    n, c, h, w = _images(name, x)
    window = Window(size, size, stride or size, 0)
    columns = _call(rules.unfold, x, static=(window,))
    return columns.reshape(n, c, size * size, *window.places(h, w))


def attention(q: Any, k: Any, v: Any, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(d)) v: each query's mean of the values, weighted by how keys match it.

    q: (..., T, d); k: (..., S, d); v: (..., S, e); returns (..., T, e). causal: query t sees only
    the keys up to its own place, counted from the end as S - T + t.
    Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """
    (T, d), S = q.shape[-2:], k.shape[-2]
    if causal and T > S:
        raise ValueError(f"attention: {T} queries, {S} keys: the first queries would see no key")
    # Keys down, queries across: NumPy reduces over a short last axis much more slowly than over
    # the one before it.
    hidden = np.tri(S, T, T - S - 1, dtype=bool)  # key s is hidden from query t if s > t + S - T
    mask = np.where(hidden, np.float32(-np.inf), np.float32(0)) if causal else None
    scores = _call(rules.matmul_nt, k, Tensor.lift(q) * (1 / math.sqrt(d)))  # (..., S, T)
    weights = _call(rules.softmax, scores, static=(-2, mask))
    return _call(rules.matmul_tn, weights, v)  # (..., T, e)


def _call(rule: Rule, *inputs: Any, static: tuple[Any, ...] = ()) -> Tensor:
    """The rule on inputs of which some may be plain arrays; the result is a Tensor all the same."""
    return apply(rule, Tensor, tuple([Tensor.lift(x) for x in inputs]), static)


def _integers(name: str, values: Any) -> Array:
    array = np.asarray(values.data if isinstance(values, Tensor) else values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integer indices, not {array.dtype}; use .astype(int)")
    return array


def _images(name: str, x: Any) -> tuple[int, int, int, int]:
    if np.ndim(x) != 4:
        raise ValueError(
            f"{name}: expected images (n, channels, height, width), not shape {np.shape(x)}; "
            f"add the missing axes with reshape"
        )
    n, c, h, w = np.shape(x)
    return n, c, h, w
