"""Tensors: n-dimensional arrays as one-dimensional memory and a rule where each element lies.

Read in this order:

layout      shape, strides, offset; from an index to a position; contiguity and bounds
views       select, transpose, broadcast, diagonal, windows: other layouts of the same memory
reshape     merge axes and split them; when a new shape needs a copy
overlap     whether two views meet
loops       an odometer, and the same work a line at a time
ndarray     a buffer and a layout: views, copies, arithmetic, and NumPy without a copy
locality    what the order of loops costs, in cache lines
"""

from mlsys.foundations.tensor.layout import Layout, contiguous, extent, is_contiguous, position
from mlsys.foundations.tensor.ndarray import NDArray, elementwise, from_memory, from_numpy, reduce
from mlsys.foundations.tensor.overlap import may_overlap, overlaps, repeats
from mlsys.foundations.tensor.reshape import CopyNeeded, reshape
from mlsys.foundations.tensor.views import (
    broadcast_shapes,
    broadcast_to,
    diagonal,
    select,
    transpose,
    windows,
)

__all__ = [
    "CopyNeeded", "Layout", "NDArray", "broadcast_shapes", "broadcast_to", "contiguous",
    "diagonal", "elementwise", "extent", "from_memory", "from_numpy", "is_contiguous",
    "may_overlap", "overlaps", "position", "reduce", "repeats", "reshape", "select", "transpose",
    "windows",
]  # fmt: skip
