"""What an operator costs, from its shapes alone.

FLOPs: a multiply is one and an add is one, so a (m, k) @ (k, n) product costs 2 m k n; any other
element-wise step costs one per element, and a sum or maximum one per element taken in.
Bytes: what must cross the memory bus if nothing is fetched twice: each input and weight read
once, each output written once. Real programs move more, never less; ``counted`` says how much.
Arithmetic intensity is the quotient, FLOPs per byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from mlsys.foundations.measurement.operators import (
    Attention,
    Conv2d,
    Elementwise,
    Embedding,
    LayerNorm,
    Linear,
    MatMul,
    Operator,
    Softmax,
)


@dataclass(frozen=True)
class Cost:
    """Costs add: ``sum`` over a network is ``total``."""

    flops: int = 0
    parameter_bytes: int = 0  # weights held, whether or not they are read
    read_bytes: int = 0  # inputs and weights
    written_bytes: int = 0  # outputs: the activations a training step would keep

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Cost)))

    @property
    def moved_bytes(self) -> int:
        """Least traffic to and from memory."""
        return self.read_bytes + self.written_bytes

    @property
    def intensity(self) -> float:
        """FLOPs per byte moved."""
        return self.flops / self.moved_bytes


@dataclass(frozen=True)
class Count:
    """A rule's answer in elements; ``cost`` turns elements into bytes."""

    flops: int
    weights: int
    read: int
    written: int
    index_bytes: int = 0  # integers read besides


def linear(o: Linear) -> Count:
    """2 m k n for the product; one addition per output for the bias."""
    weights = o.inputs * o.outputs + o.bias * o.outputs
    y = o.rows * o.outputs
    return Count(2 * y * o.inputs + o.bias * y, weights, o.rows * o.inputs + weights, y)


def matmul(o: MatMul) -> Count:
    """2 m k n per product; there is no weight."""
    y = o.batch * o.rows * o.columns
    return Count(2 * y * o.inner, 0, o.batch * o.inner * (o.rows + o.columns), y)


def conv2d(o: Conv2d) -> Count:
    """A linear layer of k^2 inputs, at every position of every image."""
    weights = o.outputs * (o.inputs * o.kernel**2 + o.bias)
    y = o.batch * o.outputs * o.positions
    x = o.batch * o.inputs * o.height * o.width
    return Count(2 * y * o.inputs * o.kernel**2 + o.bias * y, weights, x + weights, y)


def attention(o: Attention) -> Count:
    """Scores and their softmax are computed and never written."""
    scores = o.batch * o.heads * o.queries * o.keys
    q, k = (o.batch * o.heads * n * o.width for n in (o.queries, o.keys))
    # two products of 2 * width each; one scaling and five steps of softmax
    return Count(scores * (4 * o.width + 6), 0, q + 2 * k, q)


def softmax(o: Softmax) -> Count:
    """Maximum, subtraction, exponential, sum, division."""
    x = o.rows * o.columns
    return Count(5 * x, 0, x, x)


def layer_norm(o: LayerNorm) -> Count:
    """Sum, subtract, square, sum, divide, gain, bias; and four steps per row."""
    x = o.rows * o.width
    # per row: two divisions for the means, epsilon, square root
    return Count(7 * x + 4 * o.rows, 2 * o.width, x + 2 * o.width, x)


def embedding(o: Embedding) -> Count:
    """All rows are held, few are read, and nothing is computed."""
    y = o.tokens * o.width
    return Count(0, o.vocabulary * o.width, y, y, index_bytes=8 * o.tokens)


def elementwise(o: Elementwise) -> Count:
    """One pass, however many steps."""
    return Count(o.steps * o.size, 0, o.operands * o.size, o.size)


RULES: dict[type, Callable[[Any], Count]] = {
    Linear: linear,
    MatMul: matmul,
    Conv2d: conv2d,
    Attention: attention,
    Softmax: softmax,
    LayerNorm: layer_norm,
    Embedding: embedding,
    Elementwise: elementwise,
}


def cost(operator: Operator, itemsize: int = 4) -> Cost:
    """The cost of one operator whose elements have ``itemsize`` bytes.

    >>> cost(Linear(rows=1, inputs=1000, outputs=1000, bias=False)).intensity  # a weight, used once
    0.499001996007984
    """
    if type(operator) not in RULES:
        known = ", ".join(kind.__name__ for kind in RULES)
        raise TypeError(f"no cost rule for {operator!r}; known: {known}; add a line to RULES")
    _check_sizes(operator)
    n = RULES[type(operator)](operator)
    read = n.read * itemsize + n.index_bytes
    return Cost(n.flops, n.weights * itemsize, read, n.written * itemsize)


def total(network: Iterable[Operator], itemsize: int = 4) -> Cost:
    """The cost of a network, given as its operators; each is its own pass over memory."""
    return sum((cost(operator, itemsize) for operator in network), Cost())


def _check_sizes(operator: Operator) -> None:
    for f in fields(operator):
        value, least = getattr(operator, f.name), 0 if f.name in ("padding", "bias") else 1
        if value < least:
            raise ValueError(f"{operator}: expected {f.name} >= {least}, got {value}")
