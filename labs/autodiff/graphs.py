"""Random graphs and programs: what a walk must reach in them, and derivatives by complex steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

TINY = 1e-30  # of complex steps, which give derivatives exact to rounding


def random_graph(rng: np.random.Generator) -> list[list[int]]:
    """Inputs of each node, earlier ones; some do not lead to the last node."""
    leaves, size = int(rng.integers(1, 4)), int(rng.integers(5, 11))
    inner = [rng.integers(0, node, rng.integers(1, 4)).tolist() for node in range(leaves, size)]
    return [[] for _ in range(leaves)] + inner


def in_need(inputs: list[list[int]], of_leaves: list[bool]) -> list[bool]:
    """Whether each node needs a gradient: it does if one of its inputs does."""
    needs: list[bool] = []
    for node, sources in enumerate(inputs):
        needs.append(any(needs[i] for i in sources) if sources else of_leaves[node])
    return needs


def reached(inputs: list[list[int]], needs: list[bool], known: list[int]) -> set[int]:
    """The nodes that the last one depends on, by the definition of a path."""
    found, edge = set[int](), {len(inputs) - 1}
    while edge:
        found |= edge
        edge = {i for node in edge for i in inputs[node] if needs[i]} - set(known) - found
    return found


def drawn(inputs: list[list[int]], needs: list[bool], known: list[int]) -> str:
    """The graph in one line: 2 = f(0, 1); constants and known nodes are marked."""
    nodes = []
    for node, sources in enumerate(inputs):
        text = f"{node} = f({', '.join(map(str, sources))})" if sources else f"{node} a leaf"
        text += "" if needs[node] else " (no gradient)"
        nodes.append(text + (" (known)" if node in known else ""))
    return f"the graph [{'; '.join(nodes)}], output {len(inputs) - 1}"


def shapes_that_broadcast(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape of up to four axes, and one to which it broadcasts."""
    wide = tuple(rng.integers(1, 4, rng.integers(0, 5)).tolist())
    kept = wide[rng.integers(0, len(wide) + 1) :]
    return tuple(1 if rng.random() < 0.4 else n for n in kept), wide


def collected(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each element of g, sent back to where NumPy's broadcast took it from."""
    size = math.prod(shape)
    origin = np.broadcast_to(np.arange(size).reshape(shape), g.shape)
    return np.bincount(origin.ravel(), g.ravel(), size).reshape(shape)


def differentiated(leaves: np.ndarray, i: int, program: list[Any], seed: np.ndarray) -> np.ndarray:
    """The gradient of sum(seed * last) in leaf i, one complex step for each element."""
    gradient = np.zeros(leaves[i].shape)
    for place in np.ndindex(gradient.shape):
        values = list(leaves.astype(complex))
        values[i][place] += TINY * 1j
        for name, *numbers in program:
            operator = np.sin if name == "sine" else np.multiply
            values.append(operator(*(values[n] for n in numbers)))
        gradient[place] = (seed * values[-1]).sum().imag / TINY
    return gradient
