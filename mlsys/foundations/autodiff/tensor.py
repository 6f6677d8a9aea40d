"""Tensor: a node that looks like an array. Every operator computes, and records what it did.

The operators of two inputs are the hot path of every program, so ``_binary`` builds each of their
methods with its rule already looked up; all others go through ``Rule.__call__``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mlsys.foundations.autodiff import rules
from mlsys.foundations.autodiff.graph import (
    Array,
    GraphError,
    Node,
    Rule,
    apply,
    is_recording,
    refusal,
)
from mlsys.foundations.autodiff.kernels import Axis
from mlsys.foundations.autodiff.reverse import backward

_DIFFERENTIABLE: dict[Any, Rule] = {
    np.add: rules.add,
    np.subtract: rules.subtract,
    np.multiply: rules.multiply,
    np.divide: rules.divide,
    np.power: rules.power,
    np.matmul: rules.matmul,
    np.maximum: rules.maximum,
    np.negative: rules.negative,
    np.exp: rules.exp,
    np.log: rules.log,
    np.sqrt: rules.sqrt,
    np.tanh: rules.tanh,
    np.absolute: rules.absolute,
}
# Constant between their jumps: they give plain arrays, through which no gradient flows.
_PIECEWISE_CONSTANT = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.sign, np.floor, np.ceil, np.rint, np.isnan, np.isfinite,
}  # fmt: skip


def _binary(rule: Rule, reflected: bool = False) -> Callable[[Tensor, Any], Tensor]:
    """The method for an operator of two inputs: ``apply``, written out for speed."""
    forward = rule.forward
    new = object.__new__

    def operator(self: Tensor, other: Any) -> Tensor:
        if not isinstance(other, Tensor):
            other = Tensor.lift(other)
        a, b = (other, self) if reflected else (self, other)
        out = new(Tensor)
        try:
            out.data = forward(a.data, b.data)
        except (ValueError, TypeError) as error:
            raise refusal(rule, (a, b), (), error) from error
        out.grad = None
        out.static = ()
        if (a.requires_grad or b.requires_grad) and is_recording():
            out.requires_grad = True
            out.rule = rule
            out.inputs = (a, b)
        else:
            out.requires_grad = False
            out.rule = None
            out.inputs = ()
        return out

    return operator


class Tensor(Node):
    """An array that remembers how it was computed.

    data: anything that NumPy takes; its precision is kept (Python floats become float64).
    requires_grad: ask for ``grad`` after ``backward()``. Raises TypeError unless data is floating.

    ``grad`` is an array of the shape of ``data`` (a Tensor after ``backward(create_graph=True)``).

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        array = np.asarray(data.data if isinstance(data, Node) else data)
        # One number stays a NumPy scalar: arithmetic on it is far cheaper than on a shape ().
        self.data = array if array.ndim else array[()]
        if requires_grad and not np.issubdtype(self.data.dtype, np.floating):
            raise TypeError(
                f"Tensor: only floating-point data can require a gradient, not "
                f"{self.data.dtype}; convert it first, for instance with .astype(np.float32)"
            )
        self.grad, self.requires_grad = None, requires_grad
        self.rule, self.inputs, self.static = None, (), ()

    def backward(
        self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this scalar to the ``grad`` of every leaf it depends on.

        gradient: of the shape of this tensor; needed unless it has one element (then: 1).
        retain_graph: keep the graph for another backward; otherwise it is freed on the way.
        create_graph: record the gradients too, so that they can be differentiated.
        Raises GraphError if there is no graph or it is freed, ValueError on a wrong shape.
        """
        if not self.requires_grad:
            raise GraphError(
                "backward: nothing was recorded; give requires_grad=True to a leaf that this "
                "tensor is computed from, and compute it outside no_grad()"
            )
        seed = self._seed(gradient, create_graph)
        backward(self, seed, retain_graph or create_graph, create_graph)

    def _seed(self, gradient: Any, create_graph: bool) -> Any:
        """The gradient that the walk starts from: an array, or a node if it is to be recorded."""
        if gradient is not None:
            gradient = Tensor.lift(gradient)
            if gradient.shape != self.shape:
                raise ValueError(
                    f"backward: the gradient has shape {gradient.shape}, the result of "
                    f"{self._name} {self.shape}; they must be equal"
                )
            return gradient if create_graph else np.asarray(gradient.data, self.dtype)
        if self.size != 1:
            raise ValueError(
                f"backward: a gradient starts from one number, but the result of {self._name} "
                f"has shape {self.shape}; reduce it with .sum() or .mean(), or pass a gradient "
                f"of that shape"
            )
        one = np.ones_like(self.data) if self.ndim else self.data.dtype.type(1)
        return Tensor(one) if create_graph else one

    @property
    def _name(self) -> str:
        return self.rule.name if self.rule else "a leaf"

    # ------------------------------------------------------------ arithmetic

    __add__ = __radd__ = _binary(rules.add)
    __sub__ = _binary(rules.subtract)
    __rsub__ = _binary(rules.subtract, reflected=True)
    __mul__ = __rmul__ = _binary(rules.multiply)
    __truediv__ = _binary(rules.divide)
    __rtruediv__ = _binary(rules.divide, reflected=True)
    __pow__ = _binary(rules.power)
    __rpow__ = _binary(rules.power, reflected=True)
    maximum = _binary(rules.maximum)
    _matmul = _binary(rules.matmul)

    def __matmul__(self, other: Any) -> Tensor:
        """(..., n, k) @ (..., k, m); a vector counts as a matrix of one row or one column."""
        right: Tensor = Tensor.lift(other)
        if right.ndim == 1:
            return (self @ right.reshape(-1, 1))[..., 0]
        if self.ndim == 1:
            return (self.reshape(1, -1) @ right)[..., 0, :]
        return self._matmul(right)

    def __rmatmul__(self, other: Any) -> Tensor:
        return Tensor(other) @ self

    # ------------------------------------------------------------ functions of one variable

    def __neg__(self) -> Tensor:
        return _record(rules.negative, self)

    def __abs__(self) -> Tensor:
        return _record(rules.absolute, self)

    def exp(self) -> Tensor:
        """e to the power of each element."""
        return _record(rules.exp, self)

    def log(self) -> Tensor:
        """Natural logarithm of each element."""
        return _record(rules.log, self)

    def sqrt(self) -> Tensor:
        """Square root of each element."""
        return _record(rules.sqrt, self)

    def tanh(self) -> Tensor:
        """Hyperbolic tangent of each element."""
        return _record(rules.tanh, self)

    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x)), without overflow."""
        return _record(rules.sigmoid, self)

    def relu(self) -> Tensor:
        """max(x, 0); the derivative at 0 is taken as 0, as PyTorch does."""
        return _record(rules.relu, self)

    def softplus(self) -> Tensor:
        """log(1 + exp(x)), without overflow: a smooth max(x, 0)."""
        return _record(rules.softplus, self)

    def gelu(self) -> Tensor:
        """x times the normal distribution function, in its tanh form (``approximate="tanh"``)."""
        return _record(rules.gelu, self)

    # ------------------------------------------------------------ reductions

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over the axes (all of them by default)."""
        return _record(rules.sum_, self, static=(axis, keepdims))

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over the axes (all of them by default)."""
        return _record(rules.mean, self, static=(axis, keepdims))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Maximum over the axes; ties share the gradient equally, as in ``torch.amax``."""
        return _record(rules.max_, self, static=(axis, keepdims))

    def softmax(self, axis: int = -1) -> Tensor:
        """exp(x) / sum(exp(x)) along the axis."""
        return _record(rules.softmax, self, static=(axis, None))

    def log_softmax(self, axis: int = -1) -> Tensor:
        """log(softmax(x)) along the axis, computed without underflow."""
        return _record(rules.log_softmax, self, static=(axis,))

    # ------------------------------------------------------------ shape

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one length may be -1."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return _record(rules.reshape, self, static=(wanted,))

    def transpose(self, *axes: int) -> Tensor:
        """Axes in the given order (reversed by default)."""
        order = tuple(axis % self.ndim for axis in axes) or tuple(reversed(range(self.ndim)))
        return _record(rules.transpose, self, static=(order,))

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        order[first], order[second] = order[second], order[first]
        return self.transpose(*order)

    @property
    def T(self) -> Tensor:
        """Axes reversed."""
        return self.transpose()

    def __getitem__(self, index: Any) -> Tensor:
        return _record(rules.getitem, self, static=(index,))

    # ------------------------------------------------------------ as an array

    # A constant's data may be a Python number, which has none of these attributes.
    shape = property(lambda self: getattr(self.data, "shape", ()), doc="Length of each axis.")
    ndim = property(lambda self: getattr(self.data, "ndim", 0), doc="Number of axes.")
    size = property(lambda self: getattr(self.data, "size", 1), doc="Number of elements.")
    dtype = property(lambda self: np.result_type(self.data), doc="Type of the elements.")

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def item(self) -> float:
        """The one element, as a Python number."""
        return self.data.item()  # type: ignore[no-any-return]

    def numpy(self) -> Array:
        """The data, as an array that shares its memory where it can."""
        return np.asarray(self.data)

    def detach(self) -> Tensor:
        """A leaf with the same data, through which no gradient flows."""
        return Tensor(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def _compare(self, comparison: Any, other: Any) -> Array:
        return np.asarray(comparison(self.data, Tensor.lift(other).data))

    def __gt__(self, other: Any) -> Array:
        return self._compare(np.greater, other)

    def __ge__(self, other: Any) -> Array:
        return self._compare(np.greater_equal, other)

    def __lt__(self, other: Any) -> Array:
        return self._compare(np.less, other)

    def __le__(self, other: Any) -> Array:
        return self._compare(np.less_equal, other)

    def __repr__(self) -> str:
        made = f", from={self.rule.name}" if self.rule else ""
        wants = ", requires_grad=True" if self.requires_grad and not self.rule else ""
        data = np.array2string(np.asarray(self.data), separator=", ", prefix="Tensor(")
        return f"Tensor({data}{made}{wants})"

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """``np.exp(tensor)`` and ``array * tensor``: NumPy hands the call to the rule table."""
        if ufunc in _PIECEWISE_CONSTANT:
            arrays = [x.data if isinstance(x, Tensor) else x for x in inputs]
            return getattr(ufunc, method)(*arrays, **options)
        if ufunc is np.matmul and method == "__call__" and not options:
            return Tensor.lift(inputs[0]) @ inputs[1]
        if ufunc is np.add and method == "reduce":
            return inputs[0].sum(*inputs[1:], **options)
        rule = _DIFFERENTIABLE.get(ufunc)
        if rule is None or method != "__call__" or options:
            raise _no_rule(f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else ""))
        return rule(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """As for ufuncs, for the other NumPy functions that have a rule."""
        if function not in _FUNCTIONS:
            raise _no_rule(f"np.{function.__name__}")
        return _FUNCTIONS[function](*args, **kwargs)


Tensor.kind = Tensor  # of a subclass too: what is computed from a model's parameter is none


def _record(rule: Rule, *inputs: Tensor, static: tuple[Any, ...] = ()) -> Tensor:
    return apply(rule, Tensor, inputs, static)


def _no_rule(name: str) -> TypeError:
    return TypeError(
        f"{name}: there is no differentiation rule for this call on a Tensor; write it with the "
        f"operators of mlsys/foundations/autodiff/rules.py, add a rule there, or apply it to "
        f"x.data if no gradient is to flow through it"
    )


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """a where the condition holds, b elsewhere; no gradient flows to the condition."""
    chosen = np.asarray(condition.data if isinstance(condition, Tensor) else condition, dtype=bool)
    return _record(rules.where, *map(Tensor.lift, (a, b)), static=(chosen,))


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """The arrays one behind the other along an axis that all of them have."""
    return _record(rules.concatenate, *map(Tensor.lift, tensors), static=(axis,))


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Tensor:
    """x repeated, without a copy, to a shape that it broadcasts to."""
    return _record(rules.broadcast_to, Tensor.lift(x), static=(shape,))


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: where,
    np.concatenate: concatenate,
    np.broadcast_to: broadcast_to,
    np.sum: Tensor.sum,
    np.mean: Tensor.mean,
    np.max: Tensor.max,
    np.reshape: Tensor.reshape,
    np.transpose: Tensor.transpose,
    np.swapaxes: Tensor.swapaxes,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
}
