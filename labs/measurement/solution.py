"""Lab: what it costs, and how we know.

Rebuild the percentile histogram and the queue of the chapter, then price three layers
that the chapter's cost model does not know. The handout says how the marks come about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Cost(NamedTuple):
    """What one forward pass of a layer costs, in FLOPs and in elements.

    FLOPs as in the chapter: an (m, k) @ (k, n) product is 2 m k n; any other element-wise
    step is one per element; a sum or maximum is one per element taken in; a softmax over n
    elements is 5 n; moving and selecting are free.
    """

    flops: int
    parameters: int  # weights and biases that the layer holds
    activations: int  # elements of the results that a training step keeps


def grouped_convolution(
    batch: int,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> Cost:
    """A convolution, with bias, whose channels are cut into ``groups`` that do not mix.

    x has shape (batch, inputs, height, width). Group g reads the g-th part of the input
    channels and writes the g-th part of the output channels, each with kernels of its own
    (kernel by kernel). ``padding`` zeros on each side are multiplied like other elements.

    Kept: the output, (batch, outputs, height', width').
    Raises ValueError when ``groups`` does not divide both channel counts.
    """
    if inputs % groups or outputs % groups:
        raise ValueError(f"{groups} groups should divide {inputs} inputs and {outputs} outputs")
    down = (height + 2 * padding - kernel) // stride + 1
    across = (width + 2 * padding - kernel) // stride + 1
    y = batch * outputs * down * across
    taps = inputs // groups * kernel**2  # weights that one output element sees
    return Cost(flops=2 * y * taps + y, parameters=outputs * taps + outputs, activations=y)


def grouped_query_attention(batch: int, length: int, width: int, heads: int, kv_heads: int) -> Cost:
    """A self-attention layer, without biases, in which heads share keys and values.

    x has shape (batch, length, width); a head is d = width / heads wide.

        q = x Wq                    (batch, length, heads, d)       kept
        k, v = x Wk, x Wv           (batch, length, kv_heads, d)    both kept
        s = q k^T                   each group of heads / kv_heads heads uses one k and one v
        p = softmax(s / sqrt(d))    one step for the scaling; no mask        p is kept
        o = p v                     (batch, length, width)          kept
        y = o Wo                    (batch, length, width)          kept

    Raises ValueError unless heads divides width and kv_heads divides heads.
    """
    _solution_check_heads(width, heads, kv_heads)
    d = width // heads
    rows, scores = batch * length, batch * heads * length * length
    projections = 2 * width * width + 2 * width * kv_heads * d  # q and y; k and v
    return Cost(
        flops=2 * rows * projections + 4 * scores * d + scores + 5 * scores,
        parameters=projections,
        activations=3 * rows * width + 2 * rows * kv_heads * d + scores,
    )


def _solution_check_heads(width: int, heads: int, kv_heads: int) -> None:
    if width % heads or heads % kv_heads:
        raise ValueError(f"{heads} heads should divide the width {width}, and {kv_heads} them")


def cache_bytes(
    layers: int, batch: int, length: int, width: int, heads: int, kv_heads: int, itemsize: int = 2
) -> int:
    """Bytes of the keys and values that a model keeps of ``length`` tokens for the next one.

    Each of ``layers`` attention layers keeps its own; an element takes ``itemsize`` bytes.
    """
    return 2 * layers * batch * length * kv_heads * (width // heads) * itemsize


def mixture_of_experts(width: int, hidden: int, experts: int, routing: Array) -> Cost:
    """A layer of ``experts`` two-layer networks, without biases, of which a token uses some.

    x has shape (tokens, width). routing, an integer array of shape (tokens, chosen), says
    which experts each token uses; no token uses one twice.

        logits = x R                (tokens, experts)               kept
        gates = softmax(logits)     (tokens, experts)               kept
        for each expert e, and the n tokens that use it:
            h = x U_e               (n, hidden)                     kept
            a = relu(h)             (n, hidden)                     kept
            z = a D_e               (n, width)                      kept
            y += gate z             (n, width): one multiplication, one addition
        y                           (tokens, width)                 kept
    """
    tokens, chosen = np.shape(routing)
    uses = tokens * chosen
    router, expert = width * experts, 2 * width * hidden
    return Cost(
        flops=tokens * (2 * router + 5 * experts) + uses * (2 * expert + hidden + 2 * width),
        parameters=router + experts * expert,
        activations=tokens * (2 * experts + width) + uses * (2 * hidden + width),
    )


def weights_read(width: int, hidden: int, experts: int, routing: Array) -> int:
    """Elements of weights that the layer above must read at least once for this routing.

    An expert that no token uses is not read; one that many use is read once.
    """
    return width * experts + len(np.unique(routing)) * 2 * width * hidden
