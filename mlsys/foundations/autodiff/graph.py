"""What is recorded while a program runs: nodes that remember their inputs and the rule applied.

    x ──┐
        ├─ multiply ── y ──┐          a Node per value, an arrow per input;
    w ──┘                  ├─ add     a Rule says how to compute the value
                      b ───┘          and how to pull a gradient back along each arrow

Recording costs one small object per operation and keeps every input alive until the backward
walk has passed it: that is why training needs more memory than inference.
Source: Baydin et al., "Automatic Differentiation in Machine Learning: a Survey", JMLR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Value: TypeAlias = Any  # an Array, or a Node while gradients are themselves being recorded
VJP: TypeAlias = Callable[..., Value]


class GraphError(RuntimeError):
    """The graph cannot be walked: nothing was recorded, or an earlier walk has freed it."""


class Freed:
    """Stands where a node's inputs were before its graph was freed; following it is an error."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __iter__(self) -> Iterator[Node]:
        raise GraphError(
            f"backward: the graph behind {self.name} was freed by an earlier backward; call that "
            f"one with retain_graph=True, or compute the output again"
        )


class Rule:
    """One operator: how to compute it, and one vector-Jacobian product per input.

    forward: ``forward(*inputs, *static) -> y`` on arrays.
    vjps: for input i, ``vjp(g, y, *inputs, *static)`` returns the gradient of the final
        scalar in that input, given g, its gradient in y. It may leave a broadcast shape
        in place (the walk sums it away). It uses only operators, methods and functions
        that nodes have too: run on nodes, it records its own graph (higher order).
    expects: what it wants of its inputs; the second half of its error message.
    """

    __slots__ = ("binary", "expects", "forward", "freed", "name", "vjps")

    def __init__(
        self, name: str, forward: Callable[..., Value], *vjps: VJP, expects: str = ""
    ) -> None:
        self.name = name
        self.forward = forward
        self.vjps = vjps
        self.binary = len(vjps) == 2
        self.expects = expects
        self.freed: Any = Freed(name)

    def __repr__(self) -> str:
        return f"Rule({self.name!r})"

    def __call__(self, *inputs: Value, static: tuple[Any, ...] = ()) -> Value:
        """Arrays in, array out; if one is a node, a recorded node out."""
        for x in inputs:
            if isinstance(x, Node):
                return apply(self, x.kind, tuple(map(x.kind.lift, inputs)), static)
        return self.forward(*inputs, *static)

    def pull(self, g: Value, y: Value, node: Node, values: list[Value]) -> list[Value]:
        """For each input that needs one, its gradient; None for the others."""
        return [
            vjp(g, y, *values, *node.static) if x.requires_grad else None
            for x, vjp in zip(node.inputs, self.vjps, strict=True)
        ]


class VariadicRule(Rule):
    """An operator with any number of inputs; its one VJP takes the input's index first."""

    __slots__ = ()

    def pull(self, g: Value, y: Value, node: Node, values: list[Value]) -> list[Value]:
        """As in Rule, with ``vjp(i, g, y, *inputs, *static)`` for input i."""
        (vjp,) = self.vjps
        return [
            vjp(i, g, y, *values, *node.static) if x.requires_grad else None
            for i, x in enumerate(node.inputs)
        ]


class Node:
    """A value in the graph, made by ``rule`` from ``inputs``; a leaf has neither."""

    __slots__ = ("data", "grad", "inputs", "requires_grad", "rule", "static")

    kind: ClassVar[type[Node]]  # of the nodes that rules make of this one
    data: Any  # an Array; a Python number in a constant
    grad: Any
    requires_grad: bool
    rule: Rule | None
    inputs: tuple[Node, ...]
    static: tuple[Any, ...]

    @classmethod
    def lift(cls, value: Any) -> Self:
        """The value as a node; what is none becomes a leaf that wants no gradient."""
        if isinstance(value, cls):
            return value
        node = cls.__new__(cls)
        # A Python number stays one: then the array's precision wins (float32 * 2.0).
        node.data = value if isinstance(value, (int, float)) else np.asarray(value)
        node.grad, node.requires_grad = None, False
        node.rule, node.inputs, node.static = None, (), ()
        return node


N = TypeVar("N", bound=Node)


def apply(rule: Rule, kind: type[N], inputs: tuple[Node, ...], static: tuple[Any, ...]) -> N:
    """Compute ``rule`` on the inputs' data; record it if an input needs a gradient.

    kind: the class of the node to make. Raises ShapeError when the inputs do not fit.
    """
    out = kind.__new__(kind)
    try:
        out.data = rule.forward(*[x.data for x in inputs], *static)
    except (ValueError, TypeError, IndexError) as error:
        raise refusal(rule, inputs, static, error) from error
    out.grad = None
    for x in inputs:
        if x.requires_grad and is_recording():
            out.requires_grad, out.rule = True, rule
            out.inputs, out.static = inputs, static
            return out
    out.requires_grad, out.rule, out.inputs, out.static = False, None, (), ()
    return out


class ShapeError(ValueError):
    """An operator was given inputs that do not fit together."""


def refusal(rule: Rule, inputs: tuple[Node, ...], static: Any, error: Exception) -> ShapeError:
    """The error that names the operation, what came, and what it expects."""
    came = " and ".join(str(np.shape(x.data)) for x in inputs)
    with_static = f" with {', '.join(map(str, static))}" if static else ""
    wanted = f"; expected {rule.expects}" if rule.expects else ""
    # What NumPy says of its own operators adds nothing; what a kernel of ours says, does.
    why = "" if "core dimension" in str(error) or "broadcast" in str(error) else f" ({error})"
    return ShapeError(f"{rule.name}: cannot take shapes {came}{with_static}{wanted}{why}")


# A context variable, not a module global: threads, asyncio tasks and greenlets each have their own,
# so one simulated rank that stops recording does not stop the others.
_recording: ContextVar[bool] = ContextVar("recording", default=True)
is_recording = _recording.get


@contextmanager
def recording(wanted: bool) -> Iterator[None]:
    """Record operations, or do not, until the end of the block."""
    token = _recording.set(wanted)
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> AbstractContextManager[None]:
    """Compute without recording: results are leaves that need no gradient, inputs may be freed."""
    return recording(False)
