"""A network as a list of records: each operator is its shapes, and nothing else.

Sizes are numbers of elements. What a record costs is in ``cost``; how it is computed, in
``counted``. To add an operator, add a record here and one line to the table of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Linear:
    """y = x W + b for ``rows`` rows."""

    rows: int
    inputs: int
    outputs: int
    bias: bool = True


@dataclass(frozen=True)
class MatMul:
    """``batch`` products of (rows, inner) by (inner, columns): both are activations."""

    rows: int
    inner: int
    columns: int
    batch: int = 1


@dataclass(frozen=True)
class Conv2d:
    """A square kernel over (batch, inputs, height, width); padded zeros are multiplied too."""

    batch: int
    inputs: int
    outputs: int
    height: int
    width: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True

    @property
    def positions(self) -> int:
        """Places at which the kernel is laid on one image."""
        down, across = (
            (side + 2 * self.padding - self.kernel) // self.stride + 1
            for side in (self.height, self.width)
        )
        if min(down, across) < 1:
            raise ValueError(f"{self}: the kernel is larger than the padded image")
        return down * across


@dataclass(frozen=True)
class Attention:
    """softmax(q k^T / sqrt(width)) v in one kernel: scores never leave the chip."""

    batch: int
    heads: int
    queries: int
    keys: int
    width: int  # of one head


@dataclass(frozen=True)
class Softmax:
    """Over the columns of a (rows, columns) array."""

    rows: int
    columns: int


@dataclass(frozen=True)
class LayerNorm:
    """Over the last axis of a (rows, width) array, with gain and bias."""

    rows: int
    width: int


@dataclass(frozen=True)
class Embedding:
    """``tokens`` rows looked up in a (vocabulary, width) table; an index takes 8 bytes."""

    tokens: int
    vocabulary: int
    width: int


@dataclass(frozen=True)
class Elementwise:
    """``steps`` operations on each of ``size`` elements, in one pass over ``operands`` arrays.

    A step takes in at most one more array, so steps >= operands - 1.
    """

    size: int
    operands: int = 1
    steps: int = 1


Operator = Linear | MatMul | Conv2d | Attention | Softmax | LayerNorm | Embedding | Elementwise


def mlp(rows: int, sizes: list[int]) -> list[Operator]:
    """Linear layers between consecutive sizes, with a ReLU after each but the last.

    >>> mlp(64, [784, 10])
    [Linear(rows=64, inputs=784, outputs=10, bias=True)]
    """
    layers: list[Operator] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Linear(rows, inputs, outputs), Elementwise(rows * outputs)]
    return layers[:-1]


def transformer_block(
    batch: int, length: int, width: int, heads: int, expansion: int = 4
) -> list[Operator]:
    """Attention, then a two-layer network, each after a layer norm and with a residual sum."""
    if width % heads:
        raise ValueError(f"expected heads to divide the width, got {heads} heads and width {width}")
    rows, hidden = batch * length, expansion * width
    residual = Elementwise(rows * width, operands=2)
    return [
        LayerNorm(rows, width),
        Linear(rows, width, 3 * width),  # queries, keys and values
        Attention(batch, heads, length, length, width // heads),
        Linear(rows, width, width),
        residual,
        LayerNorm(rows, width),
        Linear(rows, width, hidden),
        Elementwise(rows * hidden),  # ReLU
        Linear(rows, hidden, width),
        residual,
    ]
