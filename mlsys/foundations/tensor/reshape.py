"""Reshape without a copy, whenever that is possible: merge axes, then split them.

    shape (4, 2, 3), strides (12, 3, 1)     every second block of (8, 2, 3)

        merge    (2, 3) with (3, 1)         one run of 6 at stride 1, as 3 = 3 * 1
                 (4, 6) with (12, 1)        stays two: 12 is not 6 * 1
        split    to (2, 2, 6)               4 = 2 * 2 at strides (24, 12), then 6 at 1: a view
                 to (8, 3)                  8 would need elements of both runs: a copy

An axis and its inner neighbour are one when a step on the outer one is a whole walk along the
inner one. After all such merges a view exists exactly if each new axis lies inside one run.
"""

from __future__ import annotations

import math

from mlsys.foundations.tensor.layout import Layout, Shape, contiguous_strides

Run = tuple[int, Shape]  # a length, and the stride of each operand


class CopyNeeded(ValueError):
    """The elements, in the wanted shape, lie at no regular distance."""


def collapse(shape: Shape, *operands: Shape) -> list[Run]:
    """As few axes as can walk all operands in the same order, outermost first.

    operands: for each the strides, one for each axis. Axes of length 1 disappear; neighbours become
    one run where in every operand the outer stride is the inner length times the inner stride.

    >>> collapse((4, 2, 3), (12, 3, 1))
    [(4, (12,)), (6, (1,))]
    """
    runs: list[Run] = []
    for length, *inner in zip(shape, *operands):
        outer = runs[-1][1] if runs else ()
        if length == 1:
            continue
        if runs and all(out == length * step for out, step in zip(outer, inner)):
            runs[-1] = (runs[-1][0] * length, tuple(inner))
        else:
            runs.append((length, tuple(inner)))
    return runs


def reshaped_strides(shape: Shape, strides: Shape, target: Shape) -> Shape | None:
    """The strides of a view of shape ``target``, or None if there is no such view.

    Both shapes have the same number of elements, at least one. New axes are cut off the runs
    from the right. The stride of a new axis of length 1 is free.

    >>> reshaped_strides((4, 2, 3), (12, 3, 1), (2, 2, 6))
    (24, 12, 1)
    """
    runs = collapse(shape, strides)
    length, stride, new = 1, 1, []
    for wanted in reversed(target):
        if length == 1 < wanted:
            length, (stride,) = runs.pop()
        if length % wanted:
            return None
        new.append(stride)
        length, stride = length // wanted, stride * wanted
    return tuple(reversed(new))


def reshape(layout: Layout, shape: Shape) -> Layout:
    """The same elements, in the same order, in another shape; one length may be -1: the rest.

    Raises CopyNeeded where no strides do it, ValueError where the numbers of elements differ.
    """
    target = inferred(layout.size, shape)
    if layout.size == 0:
        return Layout(target, contiguous_strides(target), layout.offset)
    strides = reshaped_strides(layout.shape, layout.strides, target)
    if strides is None:
        raise CopyNeeded(
            f"shape {layout.shape} with strides {layout.strides} has no view of shape {target}: "
            f"copy first, with contiguous(), or ask for a shape that splits its axes"
        )
    return Layout(target, strides, layout.offset)


def inferred(size: int, shape: Shape) -> Shape:
    """The shape with its -1, if there is one, replaced by what makes up ``size`` elements.

    >>> inferred(12, (3, -1))
    (3, 4)
    """
    known = math.prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and known:
        shape = tuple(size // known if n == -1 else n for n in shape)
    if math.prod(shape) != size or min(shape, default=0) < 0:
        raise ValueError(f"{size} elements do not fill shape {shape}; at most one length may be -1")
    return shape
