"""What a model costs before it runs: its operators, read off its modules and one input shape.

Each module contributes the records of ``measurement.operators`` that its forward pass performs; an
operator's price is known. Three numbers decide whether a training step fits and how long it takes:

    memory   (2 + states) x parameters + activations     weights, gradients, optimiser's states
    compute  3 x products                                forward; gradient of input, of weights
    (only the first operator is cheaper: its input is data, which wants no gradient)

An operator counts for one array, its result, which something behind it needs in the backward pass.
Our engine keeps more where it splits an operator in several (``layer_norm`` into 2) or unfolds it
(``conv2d``). A causal mask saves nothing: what it hides is computed too. The loss is not counted.
Source: Narayanan et al., "Efficient large-scale language model training on GPU clusters using
Megatron-LM", SC 2021, appendix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from mlsys.foundations.measurement import operators
from mlsys.foundations.measurement.cost import cost, total
from mlsys.foundations.measurement.operators import Elementwise, MatMul, Operator
from mlsys.foundations.nn.attention import MultiHeadAttention
from mlsys.foundations.nn.layers import (
    GELU,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
)
from mlsys.foundations.nn.module import Module
from mlsys.foundations.nn.normalization import BatchNorm, LayerNorm
from mlsys.foundations.nn.transformer import TransformerBlock, TransformerLM

Shape = tuple[int, ...]
Row = tuple[list[Operator], Shape]  # what a module does with an input of a shape, and its output's


@dataclass(frozen=True)
class ModelCost:
    """What one batch costs. Bytes and numbers of elements; FLOPs as in ``measurement.cost``."""

    parameters: int  # numbers that are trained; tied weights count once
    itemsize: int
    forward_flops: int  # of all operators
    product_flops: int  # of these, the matrix products and convolutions
    training_flops: int  # products of the forward and of the backward pass
    activation_bytes: int  # results kept for the backward pass

    def training_bytes(self, states: int = 2) -> int:
        """Bytes held at the end of the forward pass of a training step, gradients included.

        states: numbers that the optimiser keeps for each parameter: 2 for Adam, 1 for momentum.
        """
        return (2 + states) * self.parameters * self.itemsize + self.activation_bytes


def count(model: Module, shape: Shape) -> ModelCost:
    """The cost of one batch of this shape: of the data, or (n, T) for a model that takes tokens.

    Raises TypeError for a module without a row in ``ROWS``, ValueError for a shape that does not
    fit. Dropout is priced as the model stands, in training or not.
    """
    parameters = model.parameters()
    itemsize = max((p.data.itemsize for p in parameters), default=4)
    steps, _ = row(model, shape)
    products = [product_flops(step) for step in steps]
    everything = total(steps, itemsize)
    return ModelCost(
        parameters=sum(p.size for p in parameters),
        itemsize=itemsize,
        forward_flops=everything.flops,
        product_flops=sum(products),
        training_flops=3 * sum(products) - sum(products[:1]),
        activation_bytes=everything.written_bytes,
    )


def product_flops(operator: Operator) -> int:
    """FLOPs of its matrix product, the bias not counted; 0 if it is none.

    >>> product_flops(operators.Linear(rows=8, inputs=100, outputs=10))
    16000
    """
    if isinstance(operator, MatMul):
        return cost(operator).flops
    if isinstance(operator, operators.Linear | operators.Conv2d):
        return cost(replace(operator, bias=False)).flops
    return 0


def row(module: Module, shape: Shape) -> Row:
    """The operators of a module's forward pass, in their order, and the shape of its result."""
    for kind in type(module).__mro__:
        if kind in ROWS:
            return ROWS[kind](module, shape)
    name = type(module).__name__
    known = ", ".join(kind.__name__ for kind in ROWS)
    raise TypeError(
        f"count: there is no row for {name}; known: {known}. Write a function (module, shape) -> "
        f"(operators, shape of the result) and add it: ROWS[{name}] = ..."
    )


def in_turn(modules: Iterable[Module], shape: Shape) -> Row:
    """The operators of modules of which each takes the result of the one before."""
    steps: list[Operator] = []
    for module in modules:
        more, shape = row(module, shape)
        steps += more
    return steps, shape


# ---------------------------------------------------------------- one row a module


def linear(m: Linear, shape: Shape) -> Row:
    """One product over all rows."""
    outputs, inputs = m.weight.shape
    _check(m, f"(..., {inputs})", shape, shape[-1:] == (inputs,))
    step = operators.Linear(math.prod(shape[:-1]), inputs, outputs, m.bias is not None)
    return [step], (*shape[:-1], outputs)


def conv2d(m: Conv2d, shape: Shape) -> Row:
    """One product over all windows."""
    outputs, inputs, kernel, _ = m.weight.shape
    _check(m, f"(n, {inputs}, h, w)", shape, len(shape) == 4 and shape[1] == inputs)
    n, _, h, w = shape
    bias = m.bias is not None
    step = operators.Conv2d(n, inputs, outputs, h, w, kernel, m.stride, m.padding, bias)
    down, across = ((side + 2 * m.padding - kernel) // m.stride + 1 for side in (h, w))
    return [step], (n, outputs, down, across)


def attention(m: MultiHeadAttention, shape: Shape) -> Row:
    """Scores and weights are arrays of their own, T numbers for each token and head."""
    three_widths, width = m.in_proj_weight.shape
    _check(m, f"(..., T, {width})", shape, len(shape) > 1 and shape[-1] == width)
    *batch, T, _ = shape
    d, each = three_widths // (3 * m.heads), math.prod(batch) * m.heads
    steps: list[Operator] = [
        operators.Linear(math.prod(shape[:-1]), width, three_widths),
        Elementwise(each * T * d),  # the queries, over sqrt(d)
        MatMul(T, d, T, each),
        operators.Softmax(each * T, T),
        MatMul(T, T, d, each),
    ]
    out, _ = linear(m.out_proj, (*batch, T, m.heads * d))
    return steps + out, shape


def embedding(m: Embedding, shape: Shape) -> Row:
    """shape: of the ids."""
    rows, width = m.weight.shape
    return [operators.Embedding(math.prod(shape), rows, width)], (*shape, width)


def layer_norm(m: LayerNorm, shape: Shape) -> Row:
    """Over the last axis."""
    _check(m, f"(..., {m.weight.size})", shape, shape[-1] == m.weight.size)
    return [operators.LayerNorm(math.prod(shape[:-1]), shape[-1])], shape


def batch_norm(m: BatchNorm, shape: Shape) -> Row:
    """A scale and a shift; in training also sum, subtract, square, sum. (Per feature: left out.)"""
    return [Elementwise(math.prod(shape), steps=6 if m.training else 2)], shape


def elementwise(steps: int) -> Callable[[Module, Shape], Row]:
    """A function of one variable, so many steps long."""
    return lambda m, shape: ([Elementwise(math.prod(shape), steps=steps)], shape)


def dropout(m: Dropout, shape: Shape) -> Row:
    """A mask, already scaled, and a product with it; nothing outside training."""
    if not m.training or m.share == 0:
        return [], shape
    size = math.prod(shape)
    return [Elementwise(size, steps=2), Elementwise(size, operands=2)], shape


def max_pool2d(m: MaxPool2d, shape: Shape) -> Row:
    """Each element is taken in by one maximum."""
    n, c, h, w = shape
    pooled = (n, c, h // m.size, w // m.size)
    return [Elementwise(math.prod(pooled), m.size**2, m.size**2)], pooled


def flatten(m: Flatten, shape: Shape) -> Row:
    """Nothing is computed or copied."""
    return [], (shape[0], math.prod(shape[1:]))


def sequential(m: Sequential, shape: Shape) -> Row:
    """Its modules in turn."""
    return in_turn((part for part in vars(m).values() if isinstance(part, Module)), shape)


def block(m: TransformerBlock, shape: Shape) -> Row:
    """Two branches, each added to the stream."""
    add = Elementwise(math.prod(shape), operands=2)
    first, _ = in_turn([m.norm1, m.self_attn, m.dropout], shape)
    second, _ = in_turn([m.norm2, m.linear1, GELU(), m.dropout, m.linear2, m.dropout], shape)
    return [*first, add, *second, add], shape


def language_model(m: TransformerLM, shape: Shape) -> Row:
    """shape: (n, T), of the tokens."""
    context = len(m.positions.weight)
    _check(m, f"(n, T) with T <= {context}", shape, len(shape) == 2 and shape[1] <= context)
    tokens, stream = row(m.tokens, shape)
    add = Elementwise(math.prod(stream), operands=2)
    rest, logits = in_turn([m.dropout, *m.blocks, m.norm, m.head], stream)
    return [*tokens, add, *rest], logits


def _check(m: Module, expected: str, shape: Shape, fits: bool) -> None:
    if not fits:
        raise ValueError(f"count: {type(m).__name__} takes {expected}, but would get {shape}")


ROWS: dict[type[Module], Callable[[Any, Shape], Row]] = {
    Linear: linear,
    Conv2d: conv2d,
    MultiHeadAttention: attention,
    Embedding: embedding,
    LayerNorm: layer_norm,
    BatchNorm: batch_norm,
    ReLU: elementwise(1),
    GELU: elementwise(8),
    Dropout: dropout,
    MaxPool2d: max_pool2d,
    Flatten: flatten,
    Sequential: sequential,  # and so MLP and CNN
    TransformerBlock: block,
    TransformerLM: language_model,
}
