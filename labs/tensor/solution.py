"""Lab: strides, and einsum as a plan of views and matrix products.

Rebuild the arithmetic of the chapter, on layouts. Then write plans: what einsum should do, as data,
for a machine that can copy, multiply matrices, and nothing else. The handout says what a plan is,
how it is executed, and what is counted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
Shape = tuple[int, ...]
Run = tuple[int, Shape]  # a length, and the stride of each operand
Axes = dict[str, tuple[int, int]]  # for each letter: a length and a stride
View = tuple[str | int, "Layout"]  # a buffer, and where in it the elements lie
Plan = tuple[list[Any], View]  # steps, and where the result lies in the end


def letter_axes(names: str, layout: Layout) -> Axes:
    """For each letter of ``names`` its length, and how far one step along it moves in memory.

    names: one letter for each axis of the layout. A letter that stands for several axes steps along
    all of them at once. Raises ValueError if the axes of a letter differ in length (1 and 3, too),
    or if there is not a letter for each axis.

    >>> letter_axes("ij", Layout((2, 3), (3, 1)))
    {'i': (2, 3), 'j': (3, 1)}
    """
    if len(names) != layout.ndim:
        raise ValueError(f"{names!r} should have {layout.ndim} letters, for shape {layout.shape}")
    axes: Axes = {}
    for letter, length, stride in zip(names, layout.shape, layout.strides):
        before, step = axes.get(letter, (length, 0))
        if before != length:
            raise ValueError(f"{letter} has length {before} and {length} in {names!r}")
        axes[letter] = (length, step + stride)
    return axes


def einsum_plan(subscripts: str, layouts: Sequence[Layout]) -> Plan:
    """The steps by which the machine of the handout computes an einsum, and where its result lies.

    subscripts: such as "ij,jk->ik", with an arrow, one or two operands, letters and no dots.
    layouts: of each operand; no length or stride is 0. Returns ``(steps, result)``. A view is
    ``(buffer, layout)``; buffers are "a" and "b", the operands; "one", which holds the number 1;
    and 0, 1, ..., what the steps have made. Steps are of two kinds:

        ("copy", x)          the elements of view x, row after row
        ("product", x, y)    x[t] @ y[t] for each t: (batch, rows, inner) times
                             (batch, inner, columns) makes (batch, rows, columns), row after row

    The result's axes are the letters behind the arrow, in their order. Raises ValueError if two
    lengths of a letter differ, or a letter behind the arrow stands there twice or nowhere before.

    >>> einsum_plan("ij->ji", [Layout((2, 3), (3, 1))])
    ([], ('a', Layout(shape=(3, 2), strides=(1, 3), offset=0)))
    """
    inputs, _, output = subscripts.partition("->")
    named = list(zip("ab"[: len(layouts)], inputs.split(","), layouts, strict=True))
    operands = [_solution_Operand(b, letter_axes(n, of), of.offset) for b, n, of in named]
    _solution_refuse(operands, output)
    steps: list[Any] = []
    if len(operands) == 1:
        if set(operands[0].axes) <= set(output):
            return steps, operands[0].view(*output)
        operands.append(_solution_Operand("one", {}))
    else:
        wanted = [(set(other.axes) | set(output)) for other in reversed(operands)]
        operands = [_solution_summed(steps, *pair) for pair in zip(operands, wanted)]
    return steps, _solution_product(steps, *operands, output).view(*output)


def execute(plan: Plan, *memories: Array) -> Array:
    """What the machine makes of a plan; given, to try your plans on. Nothing is checked or counted.

    memories: for each operand the one-dimensional array in which its elements lie.

    >>> ones = ("one", Layout((1, 2, 1), (0, 0, 0)))
    >>> steps = [("product", ("a", Layout((1, 3, 2), (0, 1, 3))), ones)]
    >>> execute((steps, (0, Layout((3,), (1,)))), np.arange(6.0))  # "ij->j" of shape (2, 3)
    array([3., 5., 7.])
    """
    steps, result = plan
    buffers: dict[str | int, Array] = {"one": np.ones(1), **dict(zip("ab", memories))}

    def read(view: View) -> Array:
        buffer, layout = view
        moves = zip(layout.strides, np.indices(layout.shape))
        return buffers[buffer][layout.offset + sum(stride * index for stride, index in moves)]

    for number, (word, *views) in enumerate(steps):
        x, *others = map(read, views)
        buffers[number] = np.ravel(x @ others[0] if word == "product" else x)
    return read(result)


# ruff: noqa: F821
@dataclass(frozen=True, eq=False)
class _solution_Operand:
    buffer: str | int
    axes: Axes
    offset: int = 0

    def axis(self, group: Sequence[str], lengths: dict[str, int]) -> tuple[int, int] | None:
        """The letters as one axis: its length and stride; None if they lie at no regular distance.

        A letter that the operand does not have is repeated, by a stride of 0.
        """
        axes = [self.axes.get(letter, (lengths[letter], 0)) for letter in group]
        runs = collapse(tuple(n for n, _ in axes), tuple(step for _, step in axes))
        if len(runs) > 1:
            return None
        return (runs[0][0], runs[0][1][0]) if runs else (1, 0)

    def view(self, *groups: Sequence[str], lengths: dict[str, int] | None = None) -> View:
        lengths = lengths or {letter: n for letter, (n, _) in self.axes.items()}
        axes = [self.axis(group, lengths) for group in groups]
        shape, strides = zip(*axes) if axes else ((), ())
        return self.buffer, Layout(tuple(shape), tuple(strides), self.offset)

    @property
    def size(self) -> int:
        return math.prod(n for n, _ in self.axes.values())


def _solution_refuse(operands: list[_solution_Operand], output: str) -> None:
    lengths: dict[str, int] = {}
    for operand in operands:
        for letter, (n, _) in operand.axes.items():
            if lengths.setdefault(letter, n) != n:
                raise ValueError(f"{letter} has length {lengths[letter]} and {n}")
    if len(set(output)) < len(output) or not set(output) <= set(lengths):
        raise ValueError(f"the letters of {output!r} should be different ones of {list(lengths)}")


def _solution_summed(
    steps: list[Any], operand: _solution_Operand, wanted: set[str]
) -> _solution_Operand:
    """The operand, summed over the letters that nobody wants."""
    kept = "".join(letter for letter in operand.axes if letter in wanted)
    if len(kept) == len(operand.axes):
        return operand
    return _solution_product(steps, operand, _solution_Operand("one", {}), kept)


def _solution_product(
    steps: list[Any], a: _solution_Operand, b: _solution_Operand, output: str
) -> _solution_Operand:
    """Add the product, and before it the copies that it needs; the result, letter by letter."""
    lengths = {letter: n for x in (a, b) for letter, (n, _) in x.axes.items()}
    copied, groups = _solution_arrangement(a, b, output, lengths)
    batch, rows, inner, columns = groups
    if a in copied:
        a = _solution_copied(steps, a, [*batch, *rows, *inner])
    if b in copied:
        b = _solution_copied(steps, b, [*batch, *inner, *columns])
    x = a.view(batch, rows, inner, lengths=lengths)
    y = b.view(batch, inner, columns, lengths=lengths)
    steps.append(("product", x, y))
    return _solution_made(len(steps) - 1, [*batch, *rows, *columns], lengths)


def _solution_arrangement(
    a: _solution_Operand, b: _solution_Operand, output: str, lengths: dict[str, int]
) -> tuple[list[_solution_Operand], list[Any]]:
    """The cheapest operands to copy so that each group is one axis; the groups, in order."""
    for copied in sorted(([], [a], [b], [a, b]), key=lambda which: sum(x.size for x in which)):
        uncopied = [x for x in (a, b) if x not in copied]
        for groups in _solution_groups(a, b, output):
            orders = [_solution_order(group, uncopied, lengths) for group in groups]
            if None not in orders:
                return copied, orders
    raise AssertionError("with both copied, any order will do")


def _solution_groups(a: _solution_Operand, b: _solution_Operand, output: str) -> Any:
    """Ways to deal the letters to batch, rows, inner, columns."""
    shared = [letter for letter in output if letter in a.axes and letter in b.axes]
    rows = [letter for letter in output if letter not in b.axes]
    columns = [letter for letter in output if letter not in a.axes]
    inner = [letter for letter in {**a.axes, **b.axes} if letter not in output]
    yield shared, rows, inner, columns
    idle = all(a.axes[letter][0] == 1 for letter in shared)
    for letters in (rows, columns) if idle else ():  # lent to a batch in which the other stands
        for count in range(1, len(letters)):
            for lent in itertools.combinations(letters, count):
                left = [[x for x in group if x not in lent] for group in (rows, columns)]
                yield [*shared, *lent], left[0], inner, left[1]


def _solution_order(
    group: Sequence[str], operands: list[_solution_Operand], lengths: dict[str, int]
) -> Sequence[str] | None:
    """An order in which the letters are one axis in each of the operands, if there is any."""
    for order in itertools.permutations(group):
        if all(x.axis(order, lengths) for x in operands):
            return order
    return None


def _solution_copied(
    steps: list[Any], operand: _solution_Operand, order: list[str]
) -> _solution_Operand:
    own = [letter for letter in order if letter in operand.axes]
    steps.append(("copy", operand.view(*own)))
    lengths = {letter: n for letter, (n, _) in operand.axes.items()}
    return _solution_made(len(steps) - 1, own, lengths)


def _solution_made(buffer: int, order: list[str], lengths: dict[str, int]) -> _solution_Operand:
    """What a step has made: the letters in this order, the last one fastest."""
    shape = tuple(lengths[letter] for letter in order)
    return _solution_Operand(buffer, dict(zip(order, zip(shape, contiguous_strides(shape)))))
