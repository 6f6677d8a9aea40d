"""An array that counts: run a network in NumPy and read off what it really did.

``Counted`` is a NumPy array that reports every operation to a meter before it hands it on, by three
rules: a product (m, k) @ (k, n) is 2 m k n FLOPs, a sum or maximum is one per element taken
in, any other step one per element put out; and each step reads its operands and writes its
result. The operators below are written as in a textbook, one NumPy step at a time, and know
nothing of ``cost``. Their FLOPs must agree exactly; their bytes show what fusing would save.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mlsys.foundations.measurement.meter import Meter
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

Array = np.ndarray[Any, Any]
FLOPS, READ, WRITTEN = "flops", "bytes read", "bytes written"
UNSEEN = (np.dot, np.vdot, np.inner, np.outer, np.tensordot, np.einsum, np.cumsum)


class Counted(np.ndarray[Any, Any]):
    """A view of ``array``: what is done to it, and to what comes of it, is counted.

    >>> meter = Meter()
    >>> y = Counted(np.ones((2, 3)), meter) @ np.ones((3, 4))
    >>> meter.operations["flops"], meter.operations["bytes written"]
    (48, 64)
    """

    meter: Meter

    def __new__(cls, array: object, meter: Meter) -> Counted:
        counted = np.asarray(array).view(cls)
        counted.meter = meter
        return counted

    def __array_finalize__(self, source: object) -> None:
        self.meter = getattr(source, "meter", None) or Meter()

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **options: Any) -> Any:
        plain = [_plain(x) for x in inputs]
        if "out" in options:  # x += y asks for it
            options["out"] = tuple(_plain(x) for x in options["out"])
        result = np.asarray(getattr(ufunc, method)(*plain, **options))
        self.meter.count(FLOPS, flops(ufunc, method, plain, result))
        arrays = [np.asarray(x) for x in plain if np.ndim(x)]  # plain numbers are free
        self.moved(*arrays, to=result)
        return Counted(result, self.meter)

    def moved(self, *operands: Array, to: Array) -> None:
        """Report a step that reads these arrays and writes that one."""
        self.meter.count(READ, sum(x.nbytes for x in operands))
        self.meter.count(WRITTEN, to.nbytes)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if function in UNSEEN:
            raise TypeError(
                f"np.{function.__name__} multiplies and adds where this array cannot "
                f"see it; write the product with @"
            )
        return super().__array_function__(function, types, inputs, options)


def _plain(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Counted) else x


def flops(ufunc: np.ufunc, method: str, inputs: list[Array], result: Array) -> int:
    """The three rules."""
    if ufunc is np.matmul:
        return 2 * result.size * int(inputs[0].shape[-1])
    if ufunc.signature or method not in ("__call__", "reduce"):
        raise TypeError(
            f"np.{ufunc.__name__} ({method}) has no rule for its FLOPs; "
            f"write it with @, sums and element-wise steps"
        )
    return inputs[0].size if method == "reduce" else result.size


def run(operator: Operator, rng: np.random.Generator, dtype: Any = np.float32) -> Meter:
    """Do the operator once on random numbers, and return what was counted."""
    meter = Meter()

    def draw(*shape: int) -> Counted:
        return Counted(rng.standard_normal(shape).astype(dtype), meter)

    FORWARD[type(operator)](operator, draw, rng)
    return meter


Draw = Callable[..., Counted]


def _linear(o: Linear, draw: Draw, rng: np.random.Generator) -> Any:
    y = draw(o.rows, o.inputs) @ draw(o.inputs, o.outputs)
    return y + draw(o.outputs) if o.bias else y


def _matmul(o: MatMul, draw: Draw, rng: np.random.Generator) -> Any:
    return draw(o.batch, o.rows, o.inner) @ draw(o.batch, o.inner, o.columns)


def _conv2d(o: Conv2d, draw: Draw, rng: np.random.Generator) -> Any:
    edge, step = (o.padding, o.padding), o.stride
    x = draw(o.batch, o.inputs, o.height, o.width)
    padded = np.pad(x, ((0, 0), (0, 0), edge, edge))
    windows = sliding_window_view(padded, (o.kernel, o.kernel), axis=(2, 3))[:, :, ::step, ::step]
    columns = draw(o.batch * o.positions, o.inputs * o.kernel**2)
    columns[:] = windows.transpose(0, 2, 3, 1, 4, 5).reshape(columns.shape)
    x.moved(x, to=columns)  # rearranging computes nothing
    y = columns @ draw(o.inputs * o.kernel**2, o.outputs)  # (batch * positions, outputs)
    return y + draw(o.outputs) if o.bias else y


def _attention(o: Attention, draw: Draw, rng: np.random.Generator) -> Any:
    q = draw(o.batch, o.heads, o.queries, o.width)
    k, v = (draw(o.batch, o.heads, o.keys, o.width) for _ in range(2))
    scores = q @ k.swapaxes(-1, -2) * o.width**-0.5  # (batch, heads, queries, keys)
    return _normalised(scores) @ v


def _softmax(o: Softmax, draw: Draw, rng: np.random.Generator) -> Any:
    return _normalised(draw(o.rows, o.columns))


def _normalised(x: Array) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def _layer_norm(o: LayerNorm, draw: Draw, rng: np.random.Generator) -> Any:
    x = draw(o.rows, o.width)
    d = x - np.sum(x, axis=-1, keepdims=True) / o.width
    variance = np.sum(np.square(d), axis=-1, keepdims=True) / o.width
    return d / np.sqrt(variance + 1e-5) * draw(o.width) + draw(o.width)


def _embedding(o: Embedding, draw: Draw, rng: np.random.Generator) -> Any:
    table, tokens = draw(o.vocabulary, o.width), rng.integers(o.vocabulary, size=o.tokens)
    rows = table[tokens]
    table.moved(rows, tokens, to=rows)
    return rows


def _elementwise(o: Elementwise, draw: Draw, rng: np.random.Generator) -> Any:
    operands: list[Array] = [draw(o.size) for _ in range(o.operands)]
    y = operands[0]
    for step in range(o.steps):
        y = np.maximum(y, operands[(step + 1) % o.operands])
    return y


FORWARD: dict[type, Callable[[Any, Draw, np.random.Generator], Any]] = {
    Linear: _linear,
    MatMul: _matmul,
    Conv2d: _conv2d,
    Attention: _attention,
    Softmax: _softmax,
    LayerNorm: _layer_norm,
    Embedding: _embedding,
    Elementwise: _elementwise,
}
