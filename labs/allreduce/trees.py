"""Laws of the two trees, and the price of an allreduce over them."""

from __future__ import annotations

import math

from autograder import Wrong, typed


def trees_of(student, ranks: int) -> list[list[int]]:
    """The student's two trees, as lists of parents that are at least ranks."""
    what = f"two_trees({ranks})"
    trees = typed(student.call("two_trees", ranks), list[list[int]], what)
    if len(trees) != 2 or any(len(tree) != ranks for tree in trees):
        lengths = [len(tree) for tree in trees]
        raise Wrong(f"{what}: expected two lists of {ranks} parents, got lengths {lengths}")
    for tree in trees:
        if wrong := [p for p in tree if not -1 <= p < ranks]:
            raise Wrong(f"{what}: {wrong[0]} is no rank: {tree}")
    return trees


def height(tree: list[int], what: str) -> int:
    """The longest way to the root; raises `Wrong` unless every rank gets there."""
    if tree.count(-1) != 1:
        raise Wrong(f"{what}: expected one root, got {tree.count(-1)} in {tree}")
    longest = 0
    for rank in range(len(tree)):
        steps, at = 0, rank
        while tree[at] != -1:
            steps, at = steps + 1, tree[at]
            if steps > len(tree):
                raise Wrong(f"{what}: rank {rank} never comes to the root: {tree}")
        longest = max(longest, steps)
    return longest


def children(tree: list[int]) -> list[list[int]]:
    """For each rank, those that hang on it."""
    return [[rank for rank, parent in enumerate(tree) if parent == r] for r in range(len(tree))]


def price(ranks: int, nbytes: float, segments: int, alpha: float, beta: float) -> float:
    """Seconds for an allreduce over two trees, as the handout derives them."""
    h = math.floor(math.log2(ranks))
    return 4 * (h + segments - 1) * (alpha + beta * nbytes / (2 * segments))
