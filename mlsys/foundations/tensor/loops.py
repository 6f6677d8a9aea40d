"""Loops over strided memory: an odometer that anyone can check, and lines that NumPy walks.

    for index in odometer(shape):                 for each line (the innermost run):
        out[position] = f(x[position], ...)           f(x[start : stop : step], ..., out=...)

The odometer pays Python's price, a microsecond or so, for each element; the other pays it for each
line. So lines should be long, and their strides small: axes are sorted by stride, and neighbours
that are one walk in every operand are merged. On arrays without gaps one line remains.
Source: the iterator of NumPy does the same (NumPy reference, "Array iterator API").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlsys.foundations.tensor.layout import Array, Layout, Shape, position
from mlsys.foundations.tensor.reshape import Run, collapse
from mlsys.foundations.tensor.views import transpose

Operand = tuple[Array, Layout]  # a one-dimensional buffer, and where the elements lie in it


def odometer(shape: Shape) -> Iterator[Shape]:
    """Every index of the shape, the last axis turning fastest.

    >>> list(odometer((2, 2)))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    if 0 in shape:
        return
    index = [0] * len(shape)
    while True:
        yield tuple(index)
        for axis in reversed(range(len(shape))):
            index[axis] += 1
            if index[axis] < shape[axis]:
                break
            index[axis] = 0  # this wheel is around: turn the next one
        else:
            return


def map_elements(function: np.ufunc, out: Operand, *inputs: Operand) -> None:
    """out = function(*inputs), an element at a time; all layouts have one shape."""
    target, layout = out
    for index in odometer(layout.shape):
        values = [buffer[position(where, index)] for buffer, where in inputs]
        target[position(layout, index)] = function(*values)


def map_lines(function: np.ufunc, out: Operand, *inputs: Operand) -> None:
    """out = function(*inputs), a line at a time; all layouts have one shape."""
    buffers = [buffer for buffer, _ in (out, *inputs)]
    for starts, length, steps in lines([layout for _, layout in (out, *inputs)]):
        target, *values = map(line, buffers, starts, [length] * len(buffers), steps)
        function(*values, out=target)


def copy_lines(out: Operand, x: Operand) -> None:
    """out = x, a line at a time; both layouts have one shape."""
    buffers = [out[0], x[0]]
    for starts, length, steps in lines([out[1], x[1]]):
        target, source = map(line, buffers, starts, [length] * 2, steps)
        target[:] = source


def reduce_elements(function: np.ufunc, out: Operand, x: Operand) -> None:
    """Fold each element of x into out; the axes to reduce have stride 0 in out's layout."""
    (target, to), (source, at) = out, x
    for index in odometer(at.shape):
        place = position(to, index)
        target[place] = function(target[place], source[position(at, index)])


def reduce_lines(function: np.ufunc, out: Operand, x: Operand) -> None:
    """Fold x into out a line at a time: into one element, or element by element into a line."""
    (target, to), (source, at) = out, x
    for (place, start), length, (kept, step) in lines([to, at]):
        values = np.broadcast_to(line(source, start, length, step), length)
        if kept:
            into = line(target, place, length, kept)
            function(into, values, out=into)
        else:
            target[place] = function(target[place], function.reduce(values))


def lines(layouts: Sequence[Layout]) -> Iterator[tuple[list[int], int, Shape]]:
    """Where each line begins in each operand, its length, and its step in each operand.

    layouts: of one shape. The lines cover every index once.
    """
    *outer, (length, steps) = loop_nest(layouts)
    for index in odometer(tuple(n for n, _ in outer)):
        moves = [sum(i * run[k] for i, (_, run) in zip(index, outer)) for k in range(len(layouts))]
        yield [layout.offset + move for layout, move in zip(layouts, moves)], length, steps


def loop_nest(layouts: Sequence[Layout]) -> list[Run]:
    """Nested loops, outermost first: large strides outside, axes merged where all operands agree.

    >>> rows, columns = Layout((2, 3), (3, 1)), Layout((2, 3), (1, 2))
    >>> loop_nest([rows, rows]), loop_nest([rows, columns])
    ([(6, (1, 1))], [(2, (3, 1)), (3, (1, 2))])
    """

    def total(axis: int) -> int:
        return sum(abs(layout.strides[axis]) for layout in layouts)

    order = sorted(range(layouts[0].ndim), key=total, reverse=True)
    ordered = [transpose(layout, order) for layout in layouts]
    nest = collapse(ordered[0].shape, *(layout.strides for layout in ordered))
    return nest or [(1, (1,) * len(layouts))]


def line(buffer: Array, start: int, length: int, step: int) -> Array:
    """The elements at start, start + step, ..., a view; at step 0, the one element there is."""
    if step == 0:
        return buffer[start : start + 1]
    stop = start + length * step
    return buffer[start : stop if stop >= 0 else None : step]
