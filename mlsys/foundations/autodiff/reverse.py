"""Reverse mode: visit every node once, consumers before inputs, adding gradients as they meet.

Work: a node's rule runs once for each input, however many paths lead to it, so the whole
gradient costs a small constant times the forward pass (Griewank & Walther, 2008, chapter 4).
While the walk is under way a node's ``grad`` is the part of its gradient that has arrived;
when the walk reaches the node, all of it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

import numpy as np

from mlsys.foundations.autodiff.graph import Array, Node, Rule, Value

_data = attrgetter("data")


def topological_order(output: Node, known: Iterable[Node] = ()) -> list[Node]:
    """Every node that ``output`` depends on, each once, inputs first.

    Only nodes that need a gradient count; ``known`` nodes are left out, and what lies
    behind them. Iterative, because a chain of operations is easily deeper than Python's
    stack. Work: one step for each node and each arrow.
    """
    order: list[Node] = []
    seen = set(known)
    stack: list[Node | None] = [output]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below depends on is in order by now
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            for x in node.inputs:
                if x.requires_grad and x not in seen:
                    stack.append(x)
    return order


def unbroadcast(g: Value, shape: tuple[int, ...]) -> Value:
    """Sum g over the axes along which an input of this shape was repeated.

    >>> unbroadcast(np.ones((4, 3)), (1, 3))
    array([[4., 4., 4.]])
    """
    extra = g.ndim - len(shape)
    if extra:
        g = g.sum(tuple(range(extra)))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(stretched, keepdims=True) if stretched else g


def walk(order: Sequence[Node], value: Callable[[Node], Value]) -> None:
    """Pull gradients back through ``order``, a topological order, last node first.

    value: what the rules are run on: ``node.data`` to get numbers, the node itself to
    get a graph, which makes the gradient differentiable in its turn.
    """
    for node in reversed(order):
        if node.rule is not None:  # a leaf keeps its gradient
            g, node.grad = node.grad, None
            pull_back(node, node.rule, g, value)


def pull_back(node: Node, rule: Rule, g: Value, value: Callable[[Node], Value]) -> None:
    """Give each input of ``node`` its piece of the gradient g that has arrived."""
    values = [value(x) for x in node.inputs]
    pieces = rule.pull(g, value(node), node, values)
    for x, piece in zip(node.inputs, pieces, strict=True):
        if piece is not None:
            if piece.shape != x.data.shape:
                piece = unbroadcast(piece, x.data.shape)
            # A new array, never in place: two inputs may share the very same piece.
            x.grad = piece if x.grad is None else x.grad + piece


def walk_arrays(order: list[Node], free: bool) -> None:
    """``walk(order, attrgetter("data"))``, faster: ``pull_back`` in place, twice over.

    Most nodes of most programs have two inputs and no static arguments, and for them loops and
    calls would cost more than the arithmetic. Empties ``order`` as it goes, and with ``free``
    forgets each node's inputs too, so that arrays are released during the walk and not after it.
    """
    last = order.pop
    while order:
        node = last()
        rule = node.rule
        if rule is None:
            continue
        g, node.grad = node.grad, None
        if rule.binary and not node.static:
            a, b = node.inputs
            a_data, b_data = a.data, b.data
            a_vjp, b_vjp = rule.vjps
            if a.requires_grad:
                piece = a_vjp(g, node.data, a_data, b_data)
                if piece.shape != a_data.shape:
                    piece = unbroadcast(piece, a_data.shape)
                a.grad = piece if a.grad is None else a.grad + piece
            if b.requires_grad:
                piece = b_vjp(g, node.data, a_data, b_data)
                if piece.shape != b_data.shape:
                    piece = unbroadcast(piece, b_data.shape)
                b.grad = piece if b.grad is None else b.grad + piece
        elif type(rule) is Rule:
            values = [x.data for x in node.inputs]
            values += node.static
            for x, vjp in zip(node.inputs, rule.vjps, strict=True):
                if x.requires_grad:
                    piece = vjp(g, node.data, *values)
                    if piece.shape != x.data.shape:
                        piece = unbroadcast(piece, x.data.shape)
                    x.grad = piece if x.grad is None else x.grad + piece
        else:
            pull_back(node, rule, g, _data)
        if free:
            node.static = ()  # what the forward computation saved for the derivative
            node.inputs = rule.freed


def backward(output: Node, seed: Value, retain_graph: bool, create_graph: bool) -> None:
    """Add to each leaf's ``grad`` its part of the gradient of ``(seed * output).sum()``.

    Leaves end with arrays of their own, of their own precision, safe to update in place.
    """
    order = topological_order(output)
    leaves = [node for node in order if node.rule is None]
    grads = _gather(order, output, seed, leaves, create_graph, free=not retain_graph)
    if not create_graph:
        grads = owned(leaves, grads, seed)
    for leaf, g in zip(leaves, grads, strict=True):
        leaf.grad = g if leaf.grad is None else leaf.grad + g


def cotangents(
    output: Node, seed: Value, wanted: Sequence[Node], create_graph: bool = False
) -> list[Value]:
    """The gradient of ``(seed * output).sum()`` for each wanted node, None where there is none.

    Changes no ``grad`` and frees nothing: the functional counterpart of ``backward``.
    """
    order = topological_order(output, known=wanted)
    leaves = [node for node in order if node.rule is None]
    return _gather(order, output, seed, [*wanted, *leaves], create_graph)[: len(wanted)]


def _gather(
    order: list[Node],
    output: Node,
    seed: Value,
    ends: Sequence[Node],
    create_graph: bool,
    free: bool = False,
) -> list[Value]:
    """Walk, and return what arrived at ``ends``; every ``grad`` is left as it was, error or not."""
    earlier = [node.grad for node in ends]
    for node in ends:
        node.grad = None
    try:
        output.grad = seed
        if create_graph:
            walk(order, lambda node: node)
        else:
            walk_arrays(order, free)
        return [node.grad for node in ends]
    finally:
        for node in order:
            node.grad = None
        for node, grad in zip(ends, earlier, strict=True):
            node.grad = grad


def owned(leaves: Sequence[Node], grads: Sequence[Value], seed: Value) -> list[Array]:
    """Each gradient as an array that nothing else holds: rules may pass on a view, or g itself."""
    arrays: list[Array] = []
    taken = {id(seed)}
    for leaf, g in zip(leaves, grads, strict=True):
        array = np.asarray(g)
        if array.dtype != leaf.data.dtype:
            array = array.astype(leaf.data.dtype)
        if array.base is not None or id(array) in taken:
            array = array.copy()
        taken.add(id(array))
        arrays.append(array)
    return arrays
