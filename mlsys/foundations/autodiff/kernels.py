"""What the rules compute, where one NumPy call is not enough.

The functions in the first half take arrays, and write in place what they own: on large arrays a
fresh temporary costs more than the arithmetic. Those in the second half stand in derivatives, and
so take arrays or nodes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from mlsys.foundations.autodiff.graph import Array, Value

Axis = int | tuple[int, ...] | None

_GELU_SLOPE = math.sqrt(2 / math.pi)  # of the tanh form, Hendrycks & Gimpel 2016
_GELU_CUBIC = 0.044715


def power(a: Array, b: Any) -> Array:
    """a ** b; small whole exponents are multiplied out, which is many times faster than pow."""
    if isinstance(b, (int, float)) and b in (2, 3):
        return np.multiply(a, a) if b == 2 else np.multiply(a * a, a)
    return np.asarray(np.power(a, b))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) as (1 + tanh(x / 2)) / 2, which overflows nowhere."""
    y = np.asarray(x * 0.5)
    np.tanh(y, out=y)
    y += 1
    y *= 0.5
    return y


def gelu(x: Array) -> Array:
    """x times the (approximate, tanh) probability that a standard normal lies below x."""
    y = np.asarray(x * x)  # then tanh(slope * (x + cubic * x^3)), in place
    y *= _GELU_SLOPE * _GELU_CUBIC
    y += _GELU_SLOPE
    y *= x
    np.tanh(y, out=y)
    y += 1
    y *= x
    y *= 0.5
    return y


def gelu_slope_in_place(x: Array) -> Array:
    """The derivative of gelu on an array: ``gelu_slope`` with three temporaries, not a dozen."""
    bend = np.asarray(x * x)
    t = bend * (_GELU_SLOPE * _GELU_CUBIC)
    t += _GELU_SLOPE
    t *= x
    np.tanh(t, out=t)
    bend *= 1.5 * _GELU_SLOPE * _GELU_CUBIC  # then slope / 2 x (1 + 3 cubic x^2) (1 - t^2)
    bend += 0.5 * _GELU_SLOPE
    bend *= x
    bend *= 1 - t * t
    t *= 0.5
    t += 0.5
    t += bend
    return t


def softmax(x: Array, axis: int, mask: Array | None) -> Array:
    """exp(x + mask) / sum(exp(x + mask)) along the axis, shifted so that the largest exponent is 0.

    mask: None, or 0 where x counts and -inf where it does not, of a shape that broadcasts to x's.
    """
    y = np.array(x) if mask is None else np.asarray(x + mask)
    y -= np.maximum.reduce(y, axis=axis, keepdims=True)
    np.exp(y, out=y)
    y /= np.add.reduce(y, axis=axis, keepdims=True)
    return y


def softmax_pull(g: Array, y: Array, axis: int) -> Array:
    """The gradient through y = softmax(x): (g - <g, y>) y along the axis."""
    d = np.asarray(g * y)
    inner = np.add.reduce(d, axis=axis, keepdims=True)
    np.subtract(g, inner, out=d)
    d *= y
    return d


def log_softmax(x: Array, axis: int) -> Array:
    """log(softmax(x)), without the logarithm of a number that has underflowed to 0."""
    y = np.asarray(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    y -= np.log(np.add.reduce(np.exp(y), axis=axis, keepdims=True))
    return y


def cross_entropy(x: Array, labels: Array, saved: list[Array]) -> Array:
    """Mean over the rows of -log softmax(x)[label]. x: (n, classes); labels: (n,) integers.

    saved: receives softmax(x), which the derivative needs and which is at hand here.
    """
    n, classes = x.shape
    if labels.shape != (n,) or (n and np.minimum.reduce(labels) < 0):
        raise ValueError(f"{n} rows, labels of shape {labels.shape} from {labels.min(initial=0)}")
    # Few classes go first in memory: NumPy reduces over a short last axis many times more slowly.
    first = np.ascontiguousarray(x.T) if classes < n else x.T  # (classes, n)
    p = first - np.maximum.reduce(first, axis=0)
    picked = p[labels, np.arange(n)]
    np.exp(p, out=p)
    total = np.add.reduce(p, axis=0)
    p /= total
    saved[:] = [p.T]
    return np.add.reduce(np.log(total) - picked) / n  # type: ignore[no-any-return]


def normalize(x: Array, eps: float, saved: list[Array], axes: tuple[int, ...] = (-1,)) -> Array:
    """(x - mean) / sqrt(variance + eps) over the axes: of each row, unless others are named.

    saved: receives 1 / sqrt(...), which the derivative needs, the mean and the variance.
    """
    mean = np.add.reduce(x, axes, keepdims=True)
    n = x.size // max(1, mean.size)
    mean /= n
    y = np.asarray(x - mean)
    variance = _sum_of_squares(y, axes) / n
    scale = (variance + eps) ** -0.5
    saved[:] = [scale, mean, variance]
    y *= scale
    return y


def _sum_of_squares(y: Array, axes: tuple[int, ...]) -> Array:
    """Over the axes, which stay with length 1; without the temporary y * y where it is large."""
    axes = normalize_axis_tuple(axes, y.ndim)
    if y.ndim - 1 not in axes:
        return np.asarray(np.add.reduce(y * y, axes, keepdims=True))
    rows = np.vecdot(y, y)[..., None]
    others = tuple(axis for axis in axes if axis != y.ndim - 1)
    return np.asarray(np.add.reduce(rows, others, keepdims=True) if others else rows)


def affine(x: Array, w: Array, b: Array) -> Array:
    """x w + b, the sum written into the product."""
    y = np.asarray(x * w)
    y += b
    return y


def linear(x: Array, W: Array, b: Array) -> Array:
    """x W^T + b. x: (..., inputs); W: (outputs, inputs); b: (outputs,)."""
    y = np.asarray(rows(x) @ W.T)
    y += b
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], -1)


def matmul(a: Array, b: Array) -> Array:
    """a @ b. A stack of matrices times one matrix is one large product, not many small ones."""
    if b.ndim == 2 < a.ndim:
        return np.asarray(rows(a) @ b).reshape(*a.shape[:-1], -1)
    return np.asarray(np.matmul(a, b))


def put(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of the shape, with g added at the index; where positions repeat, all are added."""
    out = np.zeros(shape, g.dtype)
    if _repeats(index):
        # The fast loop of add.at is the one-dimensional one: turn positions into flat offsets.
        offsets = np.arange(out.size).reshape(shape)[index]
        np.add.at(out.reshape(-1), offsets.reshape(-1), np.asarray(g).reshape(-1))
    else:
        out[index] = g
    return out


def _repeats(index: Any) -> bool:
    """Can this index name a position twice? Only lists and integer arrays can."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, (list, np.ndarray)) for part in parts)


def embed(W: Array, ids: Array) -> Array:
    """Row ids[i] of W for each i. W: (rows, d); ids: any shape; returns ids.shape + (d,)."""
    if ids.size and not 0 <= ids.min() <= ids.max() < len(W):
        raise IndexError(f"ids run from {ids.min()} to {ids.max()}, the table has {len(W)} rows")
    return W.take(ids, axis=0)


def add_rows(g: Array, ids: Array, n: int) -> Array:
    """The adjoint of embed: (n, d) zeros with g's rows added at ids."""
    d = g.shape[-1]
    out = np.zeros(n * d, g.dtype)
    offsets = ids.reshape(-1, 1) * d + np.arange(d)  # flat, for the fast loop of add.at
    np.add.at(out, offsets.reshape(-1), g.reshape(-1))
    return out.reshape(n, d)


# ---------------------------------------------------------------- parts of derivatives


def rows(x: Value) -> Value:
    """x as a matrix: the leading axes become one."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def matmul_pull(g: Value, a: Value, b: Value) -> Value:
    """The gradient of a @ b in b: a^T g, over all rows at once where b is one matrix."""
    if b.ndim == 2 < a.ndim:
        return rows(a).swapaxes(0, 1) @ rows(g)
    return a.swapaxes(-1, -2) @ g


def restored(g: Value, x: Value, axis: Axis, keepdims: bool) -> Value:
    """The result of a reduction of x, with the reduced axes back at length 1."""
    if keepdims:
        return g
    reduced = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    return g.reshape(tuple(1 if i in reduced else n for i, n in enumerate(x.shape)))


def winners(x: Value, y: Value, axis: Axis) -> Array:
    """1 where x equals its maximum y, divided among ties, 0 elsewhere: a constant of the graph."""
    won = np.equal(x, y)
    share: Array = (won / won.sum(axis, keepdims=True)).astype(x.dtype)
    return share


def first_share(a: Value, b: Value) -> Array:
    """1 where a > b, 1/2 where they tie, 0 elsewhere: a constant of the graph."""
    share: Array = np.greater(a, b) + np.equal(a, b) * np.float32(0.5)
    return share


def gelu_slope(x: Value) -> Value:
    """The derivative of gelu."""
    if isinstance(x, np.ndarray):
        return gelu_slope_in_place(x)
    xx = x * x
    t = np.tanh(_GELU_SLOPE * x * (1 + _GELU_CUBIC * xx))
    bend = (1 - t * t) * x * (1 + 3 * _GELU_CUBIC * xx)
    return 0.5 * (1 + t) + (0.5 * _GELU_SLOPE) * bend


def cross_entropy_vjp(g: Value, y: Value, x: Value, labels: Array, saved: list[Array]) -> Value:
    """(softmax(x) - one_hot(labels)) g / n; saved: that softmax, used while x is an array."""
    scale = g / len(labels)
    if not isinstance(x, np.ndarray):
        return (x.softmax(-1) - one_hot(labels, x)) * scale
    d = saved[0] * scale
    d[np.arange(len(labels)), labels] -= scale
    return d


def one_hot(labels: Array, x: Value) -> Array:
    """Zeros like x (n, classes) with a 1 at each row's label."""
    out = np.zeros(x.shape, x.dtype)
    out[np.arange(len(labels)), labels] = 1
    return out


def normalize_vjp(
    g: Value, y: Value, x: Value, eps: float, saved: list[Array], axes: tuple[int, ...] = (-1,)
) -> Value:
    """Gradient through normalize: what is left of g without its mean and its part along y.

    saved: from the forward pass; the first is 1 / sqrt(variance + eps). axes: those of the mean.
    """
    if isinstance(x, np.ndarray):
        scale: Value = saved[0]
    else:  # a node: this gradient will be differentiated, and the factor depends on x
        centred = x - x.mean(axes, keepdims=True)
        scale = ((centred * centred).mean(axes, keepdims=True) + eps) ** -0.5
    return (g - g.mean(axes, keepdims=True) - y * (g * y).mean(axes, keepdims=True)) * scale


def its_part(i: int, xs: tuple[Value, ...], axis: int) -> tuple[slice, ...]:
    """Where the i-th of the concatenated arrays lies in the result."""
    axis = axis % xs[0].ndim
    start = sum(x.shape[axis] for x in xs[:i])
    return (slice(None),) * axis + (slice(start, start + xs[i].shape[axis]),)
