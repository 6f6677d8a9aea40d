"""Examples whose sums are exact in any order, and what becomes of them step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Example = tuple[Array, Array, float]  # keys, values, target


def drawn(rng: np.random.Generator, count: int, size: int, nonzeros: int) -> list[Example]:
    """Values are 1 or -1: with a rate of 1/4 each step takes two more bits, and none is rounded."""
    examples = []
    for _ in range(count):
        keys = np.sort(rng.choice(size, int(rng.integers(1, nonzeros + 1)), replace=False))
        values = rng.choice([-1.0, 1.0], keys.size)
        examples.append((keys, values, float(rng.integers(-8, 9))))
    return examples


def plain(examples: list[Example]) -> list[list[Any]]:
    """Examples that can travel."""
    return [list(example) for example in examples]


def change(weights: Array, example: Example, rate: float) -> Array:
    """What a step from these weights adds, as a whole vector."""
    keys, values, target = example
    added = np.zeros_like(weights)
    added[keys] = -rate * (values @ weights[keys] - target) * values
    return added


def after(
    weights: Array, examples: list[Example], delays: list[int], rate: float, overwrite: bool
) -> Array:
    """The weights after all steps, each computed from those of ``delays[k]`` steps before."""
    history = [weights]
    for k, (example, delay) in enumerate(zip(examples, delays, strict=True)):
        old = history[max(0, k - delay)]
        history.append((old if overwrite else history[-1]) + change(old, example, rate))
    return history[-1]


def conflicts_of(edges: list[Array], size: int) -> list[float]:
    """omega, delta and rho, by looking at every pair."""
    sets = [set(edge.tolist()) for edge in edges]
    shares = [sum(component in edge for edge in sets) / len(sets) for component in range(size)]
    meetings = [sum(bool(edge & other) for other in sets) / len(sets) for edge in sets]
    return [max(map(len, sets)), max(shares), max(meetings)]
