"""Views: another layout over the same memory, for O(axes) work and no bytes.

    of a b c / d e f in memory     a b c d e f         shape   strides  offset

        transpose                  a d / b e / c f     (3, 2)  (1, 3)   0
        select [:, ::-1]           c b a / f e d       (2, 3)  (3, -1)  2
        broadcast row 0 to 4       a b c, four times   (4, 3)  (0, 1)   0
        diagonal                   a e                 (2,)    (4,)     0
        windows of 2               ab bc / de ef       (2,2,2) (3,1,1)  0

Each is a function from layouts to layouts: no memory is in sight, and so none can be copied. What
picks elements at no regular distance (a list of indices, a mask) has no layout and is not here.
Source: NumPy user guide, "Copies and views"; APL had the same from one descriptor (Abrams, 1970).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import SupportsIndex

from mlsys.foundations.tensor.layout import Layout, Shape, resolved, resolved_axis

Part = SupportsIndex | slice | EllipsisType | None
Key = Part | tuple[Part, ...]


def select(layout: Layout, key: Key) -> Layout:
    """The layout of ``x[key]``: integers, slices, None for a new axis, ... for the axes between.

    >>> select(Layout((2, 3), (3, 1)), (slice(None), slice(None, None, -1)))
    Layout(shape=(2, 3), strides=(3, -1), offset=2)
    """
    shape, strides, offset, axis = [], [], layout.offset, 0
    for part in spelled_out(key, layout):
        if part is None:
            shape.append(1)
            strides.append(0)
            continue
        stride = layout.strides[axis]
        if isinstance(part, slice):
            start, length, step = sliced(part, layout.shape[axis])
            shape.append(length)
            strides.append(stride * step)
        else:
            start = resolved(operator.index(part), layout.shape[axis])
        offset += stride * start
        axis += 1
    return Layout(tuple(shape), tuple(strides), offset)


def sliced(part: slice, length: int) -> tuple[int, int, int]:
    """What a slice takes of an axis: its first index, how many elements, the step between them.

    >>> sliced(slice(None, None, -2), 6)
    (5, 3, -2)
    """
    taken = range(*part.indices(length))
    return (taken.start, len(taken), taken.step) if taken else (0, 0, taken.step)


def spelled_out(key: Key, layout: Layout) -> list[SupportsIndex | slice | None]:
    """The parts of a key, one for each axis, with ``...`` (or nothing) written as full slices."""
    parts = list(key) if isinstance(key, tuple) else [key]
    for part in parts:
        if not _is_part(part):
            raise TypeError(
                f"a view is taken by integers, slices, None and ..., got {part!r:.60}: a list or a "
                f"mask picks elements at no regular distance, which only a copy brings together"
            )
    used = sum(part is not None and part is not ... for part in parts)
    if used > layout.ndim or parts.count(...) > 1:
        raise IndexError(
            f"{key!r} takes {used} axes of shape {layout.shape}; "
            f"give at most {layout.ndim} of them and one ..."
        )
    place = parts.index(...) if ... in parts else len(parts)
    missing = [slice(None)] * (layout.ndim - used)
    return [*parts[:place], *missing, *parts[place + 1 :]]  # type: ignore[list-item]


def _is_part(part: object) -> bool:
    if part is None or part is ... or isinstance(part, slice):
        return True
    number = hasattr(part, "__index__") and getattr(part, "ndim", 0) == 0
    return number and not isinstance(part, bool)


def transpose(layout: Layout, axes: Sequence[int] | None = None) -> Layout:
    """The axes in another order: new axis number k is old axis axes[k]; None reverses them.

    >>> transpose(Layout((2, 3), (3, 1)))
    Layout(shape=(3, 2), strides=(1, 3), offset=0)
    """
    axes = range(layout.ndim)[::-1] if axes is None else axes
    order = [resolved_axis(axis, layout.ndim) for axis in axes]
    if sorted(order) != list(range(layout.ndim)):
        raise ValueError(f"transpose of shape {layout.shape} names each axis once, got {axes}")
    shape, strides = (tuple(of[k] for k in order) for of in (layout.shape, layout.strides))
    return Layout(shape, strides, layout.offset)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The one shape to which arrays of these shapes are repeated when they are combined.

    Shapes are aligned at their last axis; a missing axis counts as length 1, and lengths that
    meet must be equal or 1. Raises ValueError otherwise.

    >>> broadcast_shapes((64, 1), (10,))
    (64, 10)
    """
    ndim = max(map(len, shapes), default=0)
    padded = [(1,) * (ndim - len(shape)) + shape for shape in shapes]
    return tuple(_common(set(lengths) - {1}, shapes) for lengths in zip(*padded))


def _common(lengths: set[int], shapes: tuple[Shape, ...]) -> int:
    """The one length other than 1 that meets on an axis, if there is one at all."""
    if len(lengths) > 1:
        raise ValueError(
            f"shapes {' and '.join(map(str, shapes))} do not broadcast: on one axis, lengths "
            f"{' and '.join(map(str, sorted(lengths)))} meet, and neither is 1"
        )
    return lengths.pop() if lengths else 1


def broadcast_to(layout: Layout, shape: Shape) -> Layout:
    """The layout that repeats its elements to fill ``shape``: a stride of 0 goes nowhere.

    >>> broadcast_to(Layout((3, 1), (1, 1)), (2, 3, 4))
    Layout(shape=(2, 3, 4), strides=(0, 1, 0), offset=0)
    """
    new = len(shape) - layout.ndim
    if new < 0 or any(n not in (1, m) for n, m in zip(layout.shape, shape[new:])):
        raise ValueError(
            f"shape {layout.shape} cannot be repeated to {shape}: aligned at the last axis, each "
            f"of its lengths must be 1 or equal to the length wanted"
        )
    strides = [0 if n == 1 else step for n, step in zip(layout.shape, layout.strides)]
    return Layout(shape, (0,) * new + tuple(strides), layout.offset)


def diagonal(layout: Layout, first: int = 0, second: int = 1) -> Layout:
    """The elements whose indices on two axes are equal; the axis that walks them comes last.

    One step on it is a step on both: its stride is the sum.

    >>> diagonal(Layout((3, 3), (3, 1)))
    Layout(shape=(3,), strides=(4,), offset=0)
    """
    i, j = resolved_axis(first, layout.ndim), resolved_axis(second, layout.ndim)
    if i == j:
        raise ValueError(f"a diagonal runs along two axes, got axis {first} twice")
    kept = [axis for axis in range(layout.ndim) if axis not in (i, j)]
    shape = [layout.shape[axis] for axis in kept] + [min(layout.shape[i], layout.shape[j])]
    strides = [layout.strides[axis] for axis in kept] + [layout.strides[i] + layout.strides[j]]
    return Layout(tuple(shape), tuple(strides), layout.offset)


def windows(layout: Layout, size: int, axis: int = -1, step: int = 1) -> Layout:
    """All runs of ``size`` neighbours along an axis; a last axis is added, which walks the run.

    >>> windows(Layout((5,), (1,)), 3)
    Layout(shape=(3, 3), strides=(1, 1), offset=0)
    """
    i = resolved_axis(axis, layout.ndim)
    length, stride = layout.shape[i], layout.strides[i]
    if not 1 <= size <= length or step < 1:
        raise ValueError(f"windows of {size}, every {step}, do not fit an axis of length {length}")
    shape, strides = list(layout.shape), list(layout.strides)
    shape[i], strides[i] = (length - size) // step + 1, stride * step
    return Layout((*shape, size), (*strides, stride), layout.offset)
