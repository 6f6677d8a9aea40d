"""Derivatives as functions of functions; nothing here touches a ``grad``.

Arrays in, arrays out. Tensors in, Tensors out: the results are then part of their graph, so these
functions nest (``grad(grad(f))``), and the higher derivatives cost no new rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlsys.foundations.autodiff.graph import Array, Node, Rule, Value, apply, recording
from mlsys.foundations.autodiff.reverse import cotangents, owned, topological_order
from mlsys.foundations.autodiff.tensor import Tensor

Function = Callable[..., Tensor]
# y = x. A node of its own marks where the walk for this derivative has to stop.
_mark = Rule("mark", lambda x: x, lambda g, y, x: g)


def vjp(f: Function, *inputs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f's value, and the function that pulls a gradient of f's output back to all inputs.

    ``y, pull_back = vjp(f, a, b)``; ``pull_back(g)``, g of y's shape, returns one gradient for each
    input. One call costs a small constant times f, whatever the number of inputs.
    """
    nested = any(isinstance(x, Tensor) for x in inputs)
    marks = [_marked(x) for x in inputs]
    y = _result(f(*marks))

    def pull_back(g: Any) -> tuple[Any, ...]:
        create_graph = nested or isinstance(g, Tensor)
        return tuple(_pull(y, g, marks, create_graph))

    return (y if nested else y.numpy()), pull_back


def value_and_grad(f: Function, argument: int = 0) -> Callable[..., tuple[Any, Any]]:
    """The function that returns f's value, one number, and its gradient in one argument.

    Raises ValueError if f returns more than one element.
    """

    def both(*inputs: Any) -> tuple[Any, Any]:
        def of_argument(x: Any) -> Tensor:
            return f(*inputs[:argument], x, *inputs[argument + 1 :])

        y, pull_back = vjp(of_argument, inputs[argument])
        if np.size(y) != 1:
            raise ValueError(
                f"grad: the function returned shape {y.shape}; a gradient belongs to one number. "
                f"Reduce it with .sum() or .mean(), or use vjp"
            )
        return y, pull_back(np.ones(y.shape, y.dtype))[0]

    return both


def grad(f: Function, argument: int = 0) -> Callable[..., Any]:
    """The gradient of a scalar function in one of its arguments.

    >>> cube = lambda x: (x * x * x).sum()
    >>> grad(cube)(np.array([2.0]))
    array([12.])
    """
    both = value_and_grad(f, argument)
    return lambda *inputs: both(*inputs)[1]


def jvp(f: Function, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f's value, and its derivative along the tangents, one for each input.

    Forward mode out of reverse mode: pulling u back through f is linear in u, so the VJP
    of that is the derivative of f. Twice the work of a forward-mode pass, and no forward
    rules to write.
    Source: Townsend, "A new trick for calculating Jacobian vector products", 2017.
    """
    nested = any(isinstance(x, Tensor) for x in (*inputs, *tangents))
    _same_shapes(inputs, tangents)
    y, pull_back = vjp(f, *inputs)
    u = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
    total = Tensor(np.zeros((), y.dtype))
    for gradient, tangent in zip(pull_back(u), tangents, strict=True):
        total = total + (gradient * tangent).sum()
    (tangent_out,) = _pull(total, np.ones((), y.dtype), [u], create_graph=nested)
    return (Tensor.lift(y) if nested else y), tangent_out


def hvp(f: Function, x: Any, v: Any) -> Any:
    """Hessian of the scalar function f at x, times v (of x's shape), without the Hessian.

    The gradient of <grad f(x), v>: about twice the work of a gradient.
    Source: Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 1994.
    """
    _same_shapes([x], [v])
    return grad(lambda x: (grad(f)(x) * v).sum())(x)


def checkpoint(f: Function, *inputs: Any) -> Tensor:
    """f(*inputs), keeping only the inputs; what lies between is computed again later.

    Trades one more forward pass of f for the memory of its intermediate values. f must
    compute the same each time (draw random numbers outside it). Leaves that f uses
    without taking them as inputs get their gradients too; tensors computed outside it
    must be inputs.
    Source: Chen et al., "Training deep nets with sublinear memory cost", 2016.
    """
    nodes = tuple(Tensor.lift(x) for x in inputs)
    starts = [Tensor(x, requires_grad=x.requires_grad) for x in nodes]
    y = _result(f(*starts))
    behind = topological_order(y, known=starts) if y.requires_grad else []
    captured = tuple(node for node in behind if node.rule is None)
    rule = _Recompute(f, captured, y.data)
    return apply(rule, Tensor, (*nodes, *captured), ())


class _Recompute(Rule):
    """The rule of one checkpoint: pull g back by computing f, and its graph, again."""

    __slots__ = ("captured", "f")

    def __init__(self, f: Function, captured: tuple[Node, ...], y: Array) -> None:
        super().__init__("checkpoint", lambda *inputs: y)
        self.f = f
        self.captured = captured

    def pull(self, g: Value, y: Value, node: Node, values: list[Value]) -> list[Value]:
        """One more forward pass of f, recorded, and a walk of its own back through it."""
        starts = len(values) - len(self.captured)
        wants = [x.requires_grad for x in node.inputs]
        with recording(True):
            marks: list[Node] = [
                _marked(x) if want else Tensor(x)
                for x, want in zip(values[:starts], wants[:starts], strict=True)
            ]
            again = self.f(*marks)
        ends = zip([*marks, *self.captured], wants, strict=True)
        wanted = [end for end, want in ends if want]
        pieces = iter(cotangents(again, g, wanted, isinstance(g, Node)))
        return [next(pieces) if want else None for want in wants]


def _marked(x: Any) -> Tensor:
    """A node equal to x that needs a gradient, and ends the walk that asks for it."""
    if isinstance(x, Tensor) and x.requires_grad:
        return apply(_mark, Tensor, (x,), ())
    return Tensor(x, requires_grad=True)


def _result(y: Any) -> Tensor:
    if not isinstance(y, Tensor):
        raise TypeError(
            f"the function to differentiate returned {type(y).__name__}; expected one Tensor, "
            f"computed from its arguments with the operators of this package"
        )
    return y


def _pull(y: Tensor, g: Any, marks: Sequence[Tensor], create_graph: bool) -> list[Any]:
    """One gradient for each mark; zeros for those that y does not depend on."""
    _same_shapes([y], [g])
    seed = Tensor.lift(g) if create_graph else np.asarray(g, y.dtype)
    found = cotangents(y, seed, marks, create_graph) if y.requires_grad else [None] * len(marks)
    full = [
        (Tensor if create_graph else np.asarray)(np.zeros_like(mark.data)) if g is None else g
        for mark, g in zip(marks, found, strict=True)
    ]
    return full if create_graph else list(owned(marks, full, seed))


def _same_shapes(inputs: Sequence[Any], tangents: Sequence[Any]) -> None:
    came, wanted = [np.shape(t) for t in tangents], [np.shape(x) for x in inputs]
    if came != wanted:
        raise ValueError(f"expected directions of shapes {wanted}, one for each input; got {came}")
