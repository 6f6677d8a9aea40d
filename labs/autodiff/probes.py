"""What the checks ask of a student's file; runs beside it and knows no answer.

Node and Rule have the attributes of those in mlsys.foundations.autodiff.graph, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np


class Rule:
    """One operator: its forward computation, and one vector-Jacobian product for each input."""

    def __init__(self, forward: Any, *vjps: Any) -> None:
        self.forward, self.vjps = forward, vjps

    def pull(self, g: Any, y: Any, node: Node, values: list[Any]) -> Iterator[Any]:
        """For each input that needs one, its gradient; None for the others."""
        for x, vjp in zip(node.inputs, self.vjps, strict=True):
            yield vjp(g, y, *values, *node.static) if x.requires_grad else None


class Node:
    """A value in the graph, made by ``rule`` from ``inputs``; a leaf has no rule and no inputs."""

    __slots__ = ("data", "grad", "inputs", "requires_grad", "rule", "static")

    def __init__(
        self, data: Any, requires_grad: bool, rule: Rule | None = None, *inputs: Node
    ) -> None:
        self.data, self.requires_grad = data, requires_grad
        self.rule, self.inputs, self.static, self.grad = rule, inputs, (), None


RULES = {
    "add": Rule(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g),
    "multiply": Rule(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    "sine": Rule(np.sin, lambda g, y, x: g * np.cos(x)),
    "transpose": Rule(np.transpose, lambda g, y, x: g.T),
}


def order_of(
    student: Any, inputs: list[list[int]], needs: list[bool], output: int, known: list[int]
) -> np.ndarray:
    """topological_order on a graph; nodes are numbered, -1 is none of them.

    inputs: of each node; needs: whether it needs a gradient.
    """
    nodes: list[Node] = []
    for needed, sources in zip(needs, inputs, strict=True):
        rule = RULES["add"] if sources else None
        nodes.append(Node(None, needed, rule, *(nodes[i] for i in sources)))
    if known:
        return _numbers(nodes, student.topological_order(nodes[output], [nodes[i] for i in known]))
    return _numbers(nodes, student.topological_order(nodes[output]))


def order_of_chain(student: Any, depth: int) -> np.ndarray:
    """topological_order on h = h + h, repeated."""
    nodes = [Node(None, True)]
    for _ in range(depth):
        nodes.append(Node(None, True, RULES["add"], nodes[-1], nodes[-1]))
    return _numbers(nodes, student.topological_order(nodes[-1]))


def _numbers(nodes: list[Node], order: Any) -> np.ndarray:
    number = {id(node): i for i, node in enumerate(nodes)}
    return np.array([number.get(id(node), -1) for node in order], dtype=np.int32)


def unbroadcast(student: Any, g: np.ndarray, shape: list[int]) -> Any:
    """The student's unbroadcast, with the shape as the tuple that arrays have."""
    return student.unbroadcast(g, tuple(shape))


def gradients(
    student: Any,
    leaves: list[np.ndarray],
    needs: list[bool],
    program: list[list[Any]],
    order: list[int],
    seed: np.ndarray,
    hide: bool,
) -> list[Any]:
    """The grad of each leaf after a walk through ``order`` with the student's pull_back.

    program: [rule, input, ...] for each node after the leaves; order: nodes, inputs first;
    seed: the gradient of the last node; hide: the rules' numbers come from ``value`` alone.
    """
    nodes = [Node(x, needed) for x, needed in zip(leaves, needs, strict=True)]
    for name, *numbers in program:
        nodes.append(_applied(RULES[name], [nodes[i] for i in numbers]))
    value = attrgetter("data")
    if hide:
        data = {id(node): node.data for node in nodes}
        for node in nodes:
            node.data = np.full(node.data.shape, np.nan)
        value = lambda node: data[id(node)]  # noqa: E731
    nodes[-1].grad = seed
    for i in reversed(order):
        if (rule := nodes[i].rule) is not None:
            g, nodes[i].grad = nodes[i].grad, None
            student.pull_back(nodes[i], rule, g, value)
    return [node.grad for node in nodes[: len(leaves)]]


def _applied(rule: Rule, inputs: list[Node]) -> Node:
    needed = any(x.requires_grad for x in inputs)
    return Node(rule.forward(*(x.data for x in inputs)), needed, rule, *inputs)


def pulled_back(
    student: Any, name: str, inputs: list[np.ndarray], arrived: list[Any], g: np.ndarray
) -> list[Any]:
    """One pull_back: the grad of each input, which has ``arrived`` before (None: nothing yet)."""
    nodes = [Node(x, True) for x in inputs]
    for node, grad in zip(nodes, arrived, strict=True):
        node.grad = grad
    rule = RULES[name]
    student.pull_back(_applied(rule, nodes), rule, g, attrgetter("data"))
    return [node.grad for node in nodes]


def shared(student: Any, first: str, inputs: list[int], g: np.ndarray, h: np.ndarray) -> list[Any]:
    """Pull g back through ``first``, then h through an addition that shares its input 0.

    inputs: of ``first``, among nodes 0 and 1; the addition's are 0 and 2. Returns what must be as
    it was when it was handed over: g, h, and the grads of node 1, if it is used, and of node 2.
    """
    nodes = [Node(np.zeros(g.shape), True) for _ in range(3)]
    for name, numbers, arrived in ((first, inputs, g), ("add", [0, 2], h)):
        node = _applied(RULES[name], [nodes[i] for i in numbers])
        student.pull_back(node, RULES[name], arrived, attrgetter("data"))
    return [g, h, *(nodes[i].grad for i in (1, 2) if i in (*inputs, 2))]
