"""A layout: where in one-dimensional memory each element of an n-dimensional array lies.

    shape (2, 3), strides (3, 1), offset 0          element (i, j) lies at 0 + 3 i + 1 j

        position    0      1      2      3      4      5
        element   (0,0)  (0,1)  (0,2)  (1,0)  (1,1)  (1,2)

Keep the memory and change these few integers, and it is another array: transposed, reversed, cut,
repeated. That costs O(axes), whatever the number of elements. Strides here count elements; NumPy's
count bytes.
Source: van der Walt, Colbert & Varoquaux, "The NumPy array", Computing in Science & Engineering
13(2), 2011.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Layout:
    """Element (i, j, ...) lies at position offset + i * strides[0] + j * strides[1] + ...

    shape: the length of each axis, at least 0. strides: how many elements further the next index
    along the axis lies; may be 0 or negative. offset: the position of element (0, 0, ...).

    >>> Layout((2, 3), (3, 1)).size
    6
    """

    shape: Shape
    strides: Shape
    offset: int = 0

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or min(self.shape, default=0) < 0:
            raise ValueError(
                f"a layout has a length of at least 0 and a stride for each axis, got shape "
                f"{self.shape} and strides {self.strides}"
            )

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements it has; with stride 0, several may lie at one position."""
        return math.prod(self.shape)


def contiguous_strides(shape: Shape) -> Shape:
    """The strides with which the elements fill memory without a gap, the last axis fastest.

    An axis of length 0 counts as one of length 1.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(length, 1)
    return tuple(reversed(strides))


def contiguous(shape: Shape) -> Layout:
    """The layout of a new array: row after row, from position 0."""
    return Layout(shape, contiguous_strides(shape))


def position(layout: Layout, index: Sequence[int]) -> int:
    """Where the element with this index lies; a negative number counts from the axis' end.

    >>> position(Layout((2, 3), (3, 1)), (1, -1))
    5
    """
    if len(index) != layout.ndim:
        raise IndexError(
            f"an element of shape {layout.shape} has {layout.ndim} indices, got {tuple(index)}"
        )
    places = map(resolved, index, layout.shape)
    return layout.offset + sum(i * stride for i, stride in zip(places, layout.strides))


def resolved(index: int, length: int) -> int:
    """The index, counted from the front. Raises IndexError where the axis has no such element.

    >>> resolved(-1, 5)
    4
    """
    if not -length <= index < length:
        raise IndexError(
            f"index {index} is outside an axis of length {length}: "
            f"it should be from {-length} to {length - 1}"
        )
    return index % length


def resolved_axis(axis: int, ndim: int) -> int:
    """The number of an axis, counted from the front. Raises ValueError where there is none."""
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"there is no axis {axis} among {ndim}: name one from {-ndim} to {ndim - 1}"
        )
    return axis % ndim


def is_contiguous(layout: Layout) -> bool:
    """Whether the elements, in the order of their indices, lie one beside the other.

    The stride of an axis of length 1 is never used, and a layout without elements has no gaps.
    """
    dense = zip(layout.shape, layout.strides, contiguous_strides(layout.shape))
    return layout.size == 0 or all(n == 1 or stride == step for n, stride, step in dense)


def extent(layout: Layout) -> range:
    """From the lowest position that the layout touches to the highest; empty without elements.

    >>> extent(Layout((3,), (-2,), offset=5))
    range(1, 6)
    """
    if layout.size == 0:
        return range(0)
    reach = [(n - 1) * stride for n, stride in zip(layout.shape, layout.strides)]
    low = layout.offset + sum(step for step in reach if step < 0)
    high = layout.offset + sum(step for step in reach if step > 0)
    return range(low, high + 1)


def check_bounds(layout: Layout, length: int) -> None:
    """Raise ValueError unless each element lies in a buffer of ``length`` elements."""
    touched = extent(layout)
    if touched and not (touched.start >= 0 and touched.stop <= length):
        raise ValueError(
            f"{layout} reaches from position {touched.start} to {touched.stop - 1}, but the buffer "
            f"holds positions 0 to {length - 1}; make the shape or the strides smaller"
        )


def positions(layout: Layout) -> Array:
    """The position of each element, as integers in an array of the layout's shape."""
    found = np.full(layout.shape, layout.offset)
    for axis, (length, stride) in enumerate(zip(layout.shape, layout.strides)):
        after = layout.ndim - axis - 1
        found += stride * np.arange(length).reshape(length, *[1] * after)
    return found
