"""An array is a buffer and a layout; a view is the same buffer and another layout.

    x = arange(6).reshape(2, 3)      buffer [0 1 2 3 4 5]    (2, 3) strides (3, 1) offset 0
    y = x.T[1:]                         the same buffer      (2, 2) strides (1, 3) offset 1
    y[0, 1] = 9                         now x[1, 1] is 9

Indexing, transposing, broadcasting never copy, whatever the size; arithmetic and ``copy`` make a
new buffer; ``reshape`` copies only where no view exists, and not at all if told so. No layout may
reach outside its buffer: that is checked once, when the array is made, and not at each element.
Source: van der Walt, Colbert & Varoquaux, "The NumPy array", 2011; the array API standard, 2021,
for ``copy=None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from mlsys.foundations.tensor import loops, views
from mlsys.foundations.tensor.layout import (
    Array,
    Layout,
    Shape,
    check_bounds,
    contiguous,
    is_contiguous,
    position,
    resolved_axis,
)
from mlsys.foundations.tensor.overlap import may_overlap, repeats
from mlsys.foundations.tensor.reshape import CopyNeeded, reshape
from mlsys.foundations.tensor.views import Key


class NDArray:
    """An n-dimensional array over a one-dimensional buffer.

    buffer: a contiguous NumPy array of one axis. Raises ValueError if the layout leaves it.
    """

    __slots__ = ("buffer", "layout")
    __array_priority__ = 1000  # in ``numpy_array + ours``, ours decides

    def __init__(self, buffer: Array, layout: Layout) -> None:
        if buffer.ndim != 1 or not buffer.flags.c_contiguous:
            raise ValueError(
                f"a buffer is memory of one axis without gaps, got shape {buffer.shape} with "
                f"strides {buffer.strides} bytes; for other arrays there is from_numpy"
            )
        check_bounds(layout, len(buffer))
        self.buffer, self.layout = buffer, layout

    @property
    def shape(self) -> Shape:
        """The length of each axis."""
        return self.layout.shape

    @property
    def strides(self) -> Shape:
        """Elements from one index to the next, for each axis."""
        return self.layout.strides

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of each element."""
        return self.buffer.dtype

    # ------------------------------------------------------------ views: nothing is copied

    def view(self, layout: Layout) -> NDArray:
        """The same memory under another layout."""
        return NDArray(self.buffer, layout)

    def __getitem__(self, key: Key) -> NDArray:
        return self.view(views.select(self.layout, key))

    def transpose(self, axes: Sequence[int] | None = None) -> NDArray:
        """The axes in another order; reversed, if none is given."""
        return self.view(views.transpose(self.layout, axes))

    @property
    def T(self) -> NDArray:
        """The axes in reverse order."""
        return self.transpose()

    def broadcast_to(self, shape: Shape) -> NDArray:
        """Repeated to fill the shape, by strides of 0; not to be written to."""
        return self.view(views.broadcast_to(self.layout, shape))

    def diagonal(self, first: int = 0, second: int = 1) -> NDArray:
        """The elements whose indices on the two axes are equal, on a last axis."""
        return self.view(views.diagonal(self.layout, first, second))

    def windows(self, size: int, axis: int = -1, step: int = 1) -> NDArray:
        """Overlapping windows along an axis, their inside on a last axis."""
        return self.view(views.windows(self.layout, size, axis, step))

    def reshape(self, *shape: int, copy: bool | None = None) -> NDArray:
        """The same elements in another shape; one length may be -1.

        copy: None copies where there is no view, True always; False raises CopyNeeded instead.
        """
        if copy:
            return self.copy().reshape(*shape)
        try:
            return self.view(reshape(self.layout, shape))
        except CopyNeeded:
            if copy is False:
                raise
            return self.copy().reshape(*shape)

    # ------------------------------------------------------------ copies and writes

    def copy(self) -> NDArray:
        """The elements in a buffer of their own, row after row."""
        fresh = empty(self.shape, self.dtype)
        loops.copy_lines(*_operands(fresh, self))
        return fresh

    def contiguous(self) -> NDArray:
        """This array if its rows lie one after the other without a gap, else a copy."""
        return self if is_contiguous(self.layout) else self.copy()

    def __setitem__(self, key: Key, value: Any) -> None:
        target, source = self[key], asarray(value, self.dtype)
        if repeats(target.layout):
            raise ValueError(
                f"{target.layout} has several elements at one position, so the last one written "
                f"would win; write to a copy()"
            )
        if shares_memory(target, source):  # what is written must not be read again
            source = source.copy()
        loops.copy_lines(*_operands(target, source.broadcast_to(target.shape)))

    def item(self, *index: int) -> Any:
        """One element, as a Python number."""
        return self.buffer[position(self.layout, index)].item()

    # ------------------------------------------------------------ arithmetic: a new buffer

    def __add__(self, other: Any) -> NDArray:
        return elementwise(np.add, self, other)

    def __mul__(self, other: Any) -> NDArray:
        return elementwise(np.multiply, self, other)

    __radd__, __rmul__ = __add__, __mul__

    def sum(self, axis: int | Shape | None = None, keepdims: bool = False) -> NDArray:
        """The sum over one axis, some axes, or all."""
        return reduce(np.add, self, axis, keepdims)

    def max(self, axis: int | Shape | None = None, keepdims: bool = False) -> NDArray:
        """The largest element over one axis, some axes, or all."""
        return reduce(np.maximum, self, axis, keepdims)

    # ------------------------------------------------------------ NumPy

    def to_numpy(self) -> Array:
        """NumPy's array over the same memory, with the same strides; nothing is copied."""
        size = self.dtype.itemsize
        steps = tuple(stride * size for stride in self.strides)
        start = self.layout.offset * size if self.layout.size else 0
        return np.ndarray(self.shape, self.dtype, self.buffer, start, steps)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.to_numpy()
        return np.array(array, dtype) if copy else np.asarray(array, dtype)

    def __repr__(self) -> str:
        return f"NDArray({self.to_numpy()!r:.400}, strides={self.strides})"


def empty(shape: Shape, dtype: Any = np.float64) -> NDArray:
    """A new array, row after row, of whatever was in memory."""
    layout = contiguous(shape)
    return NDArray(np.empty(layout.size, dtype), layout)


def from_memory(memory: bytearray | memoryview, dtype: Any, layout: Layout) -> NDArray:
    """Raw bytes as an array, without a copy; the layout counts elements of the dtype.

    >>> from_memory(bytearray(b"abcdef"), np.uint8, Layout((2, 3), (1, 2))).item(1, 2)
    102
    """
    return NDArray(np.frombuffer(memory, dtype), layout)


def from_numpy(array: Array) -> NDArray:
    """An array over the memory of NumPy's, without a copy.

    The buffer runs from the lowest byte that the array touches to the highest. Raises ValueError if
    a stride is no whole number of elements, as in a field of a structured array.
    """
    size = array.dtype.itemsize
    if any(stride % size for stride in array.strides):
        raise ValueError(
            f"strides of {array.strides} bytes are no multiples of the {size} bytes of an element; "
            f"copy the array first"
        )
    if array.size == 0:
        return empty(array.shape, array.dtype)
    low, high = byte_bounds(array)
    upwards: list[Any] = [slice(None, None, -1 if step < 0 else 1) for step in array.strides]
    ascending = array[(..., *upwards)]  # from the lowest address on
    writeable = array.flags.writeable
    buffer = as_strided(ascending, ((high - low) // size,), (size,), writeable=writeable)
    start = (array.__array_interface__["data"][0] - low) // size
    return NDArray(buffer, Layout(array.shape, tuple(s // size for s in array.strides), start))


def asarray(value: Any, dtype: Any = None) -> NDArray:
    """The value itself if it is an NDArray, else what NumPy makes of it."""
    return value if isinstance(value, NDArray) else from_numpy(np.asarray(value, dtype))


def shares_memory(a: NDArray, b: NDArray) -> bool:
    """Whether writing to one may change the other; False is certain.

    Two buffers of one origin are compared by their addresses.
    """
    if a.buffer is b.buffer:
        return may_overlap(a.layout, b.layout)
    return bool(np.may_share_memory(a.to_numpy(), b.to_numpy()))


def elementwise(function: np.ufunc, *inputs: Any) -> NDArray:
    """The function of NumPy, applied element by element to arrays and numbers that broadcast."""
    kinds = [type(x) if type(x) in (int, float, complex) else asarray(x).dtype for x in inputs]
    *dtypes, result = function.resolve_dtypes((*kinds, None))  # a Python number adapts
    arrays = [asarray(value, dtype) for value, dtype in zip(inputs, dtypes)]
    shape = views.broadcast_shapes(*(array.shape for array in arrays))
    out = empty(shape, result)
    loops.map_lines(function, *_operands(out, *(array.broadcast_to(shape) for array in arrays)))
    return out


def reduce(
    function: np.ufunc, x: NDArray, axis: int | Shape | None = None, keepdims: bool = False
) -> NDArray:
    """The function folded over the axes: np.add, np.multiply, np.maximum, np.minimum, ...

    The result is broadcast back over x, with stride 0 on the reduced axes: so the loop that
    visits x once meets each result as often as it has something to add to it.
    """
    named = range(len(x.shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = {resolved_axis(k, len(x.shape)) for k in named}
    kept = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    out = empty(kept, function.reduce(np.ones(1, x.dtype)).dtype)
    if function.identity is None and not x.layout.size and out.layout.size:
        raise ValueError(f"{function.__name__} over no elements, of shape {x.shape}, is undefined")
    first = x[tuple(slice(0, 1) if k in axes else slice(None) for k in range(len(x.shape)))]
    out[...] = first if function.identity is None else function.identity
    loops.reduce_lines(function, *_operands(out.broadcast_to(x.shape), x))
    dropped = tuple(0 if k in axes else slice(None) for k in range(len(x.shape)))
    return out if keepdims else out[dropped]


def _operands(*arrays: NDArray) -> list[loops.Operand]:
    return [(array.buffer, array.layout) for array in arrays]
