"""Attention: each position asks, all positions answer, the best matches weigh most.

    scores  = q k^T / sqrt(d)             (T, S)  how well query t matches key s
    weights = softmax(scores + mask)      (T, S)  rows sum to 1
    output  = weights v                   (T, d)

The cost is in the first line's shape: T x S numbers for each head, so twice the context is four
times the scores. Heads do this side by side on slices of the width.
Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.

The plain functions are written with operators and NumPy's functions: they run on arrays as they
do on Tensors. The module computes the same through ``autodiff.attention``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlsys.foundations import autodiff
from mlsys.foundations.autodiff import Tensor
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.nn.initialization import Initializer, glorot_uniform
from mlsys.foundations.nn.layers import Linear
from mlsys.foundations.nn.module import Module, Parameter


def scaled_dot_product_attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    """softmax(q k^T / sqrt(d)) v, over the keys that the mask allows.

    q: (..., T, d); k: (..., S, d); v: (..., S, e); mask: booleans that broadcast to (..., T, S),
    True where query t may see key s, or None. Each query must see a key. Returns (..., T, e).
    """
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - np.max(scores, -1, keepdims=True))
    return weights / np.sum(weights, -1, keepdims=True) @ v


def multi_head_attention(
    x: Any,
    in_proj_weight: Any,
    in_proj_bias: Any,
    out_proj_weight: Any,
    out_proj_bias: Any,
    heads: int,
    mask: Any = None,
) -> Any:
    """Self-attention in ``heads`` slices of the width, and a linear layer over what they found.

    x: (..., T, width); in_proj_weight: (3 width, width), the rows of queries, keys, values in this
    order, each in the order of the heads; out_proj_weight: (width, width); mask: (T, T) or None.
    """
    q, k, v = split_heads(x @ in_proj_weight.T + in_proj_bias, heads)
    merged = merge_heads(scaled_dot_product_attention(q, k, v, mask))
    return merged @ out_proj_weight.T + out_proj_bias


def split_heads(packed: Any, heads: int) -> tuple[Any, Any, Any]:
    """(..., T, 3 width) -> queries, keys and values, each (..., heads, T, width / heads)."""
    *batch, T, three_widths = packed.shape
    parts = packed.reshape(*batch, T, 3, heads, three_widths // (3 * heads))
    q, k, v = (parts[..., i, :, :].swapaxes(-2, -3) for i in range(3))
    return q, k, v


def merge_heads(x: Any) -> Any:
    """(..., heads, T, d) -> (..., T, heads d)."""
    *batch, heads, T, d = x.shape
    return x.swapaxes(-2, -3).reshape(*batch, T, heads * d)


def causal_mask(T: int) -> Array:
    """True where query t may see key s: s <= t."""
    return np.tri(T, dtype=bool)


class MultiHeadAttention(Module):
    """Self-attention in several heads; causal: no position sees a later one.

    Names as in ``torch.nn.MultiheadAttention``: in_proj_weight, in_proj_bias, out_proj.weight,
    out_proj.bias. Raises ValueError unless heads divides width.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        rng: np.random.Generator,
        causal: bool = False,
        dtype: Any = np.float32,
        initial: Initializer = glorot_uniform,
        initial_out: Initializer = glorot_uniform,
    ) -> None:
        if width % heads:
            raise ValueError(f"MultiHeadAttention: {heads} heads do not divide a width of {width}")
        self.in_proj_weight = Parameter(initial((3 * width, width), rng).astype(dtype))
        self.in_proj_bias = Parameter(np.zeros(3 * width, dtype))
        self.out_proj = Linear(width, width, rng=rng, dtype=dtype, initial=initial_out)
        self.heads, self.causal = heads, causal

    def forward(self, x: Any) -> Tensor:
        """x: (..., T, width); returns the same shape."""
        packed = autodiff.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = split_heads(packed, self.heads)
        found: Tensor = self.out_proj(merge_heads(autodiff.attention(q, k, v, self.causal)))
        return found
