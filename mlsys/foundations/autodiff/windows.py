"""Sliding windows: the two copies that turn convolution into a matrix product.

    image (h, w), kernel 2 x 2            columns: one for each place of the kernel

        a b c                                 a b d e      top left of each window
        d e f          unfold ->              b c e f      top right
        g h i                                 d e g h      bottom left
                                              e f h i      bottom right

``unfold`` copies each pixel as often as windows cover it; ``fold`` adds the copies up again. Each
is the adjoint of the other, so each is the other's derivative.
Source: Chellapilla, Puri & Simard, "High performance convolutional neural networks for document
processing", IWFHR 2006.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mlsys.foundations.autodiff.graph import Array

_Block = tuple[slice, slice]


class Window(NamedTuple):
    """A kernel's height and width in pixels, its stride, and the zeros padded on each side."""

    height: int
    width: int
    stride: int
    padding: int

    def places(self, height: int, width: int) -> tuple[int, int]:
        """How many places the kernel has on an image, down and across."""
        down = (height + 2 * self.padding - self.height) // self.stride + 1
        across = (width + 2 * self.padding - self.width) // self.stride + 1
        if min(down, across) < 1:
            raise ValueError(
                f"a {self.height} x {self.width} kernel does not fit into a {height} x {width} "
                f"image with padding {self.padding}"
            )
        return down, across

    def overlaps(self, h: int, w: int) -> Iterator[tuple[int, int, _Block, _Block]]:
        """For each kernel position (i, j): the places where it lies inside the image, and the
        pixels under it there. What lies outside is padding: zeros that nobody needs to store.
        """
        down, across = self.places(h, w)
        for i in range(self.height):
            for j in range(self.width):
                rows, under = self._inside(i, down, h)
                columns, beside = self._inside(j, across, w)
                yield i, j, (rows, columns), (under, beside)

    def _inside(self, offset: int, places: int, length: int) -> tuple[slice, slice]:
        """Along one axis: the places whose pixel at this offset exists, and those pixels."""
        first = max(0, -(-(self.padding - offset) // self.stride))
        last = min(places - 1, (length - 1 + self.padding - offset) // self.stride)
        start = first * self.stride + offset - self.padding
        stop = last * self.stride + offset - self.padding + 1
        return slice(first, max(first, last + 1)), slice(start, max(start, stop), self.stride)


def unfold(x: Array, window: Window) -> Array:
    """x: (n, c, h, w) -> columns (n, c * kh * kw, down * across)."""
    n, c, h, w = x.shape
    down, across = window.places(h, w)
    views = sliding_window_view(_padded(x, window.padding), window[:2], axis=(2, 3))
    views = views[:, :, :: window.stride, :: window.stride]  # (n, c, down, across, kh, kw)
    columns = views.transpose(0, 1, 4, 5, 2, 3)  # all of these are views; the copy is the next line
    return columns.reshape(n, c * window.height * window.width, down * across)


def fold(columns: Array, shape: tuple[int, ...], window: Window) -> Array:
    """columns (n, c * kh * kw, down * across) -> (n, c, h, w): each pixel the sum of its copies."""
    n, c, h, w = shape
    blocks = columns.reshape(n, c, window.height, window.width, *window.places(h, w))
    x = np.zeros(shape, columns.dtype)
    for i, j, places, pixels in window.overlaps(h, w):
        x[:, :, *pixels] += blocks[:, :, i, j, *places]
    return x


def max_pool(x: Array, size: int, saved: list[Array]) -> Array:
    """The largest of each size x size window, windows side by side. x: (n, c, h, w).

    saved: receives which element of its window each one is, counted row by row; of equals the
    first, as in PyTorch.
    """
    first, *others = _elements(x, size)
    y = first.copy()
    winners = np.zeros(y.shape, np.int8 if size < 12 else np.int64)
    for k, element in enumerate(others, start=1):
        np.putmask(winners, element > y, k)
        np.maximum(y, element, out=y)
    saved[:] = [winners]
    return y


def unpool(g: Array, winners: Array, size: int) -> Array:
    """Each value of g at the place of its window's winner, zeros elsewhere."""
    n, c, down, across = g.shape
    x = np.empty((n, c, down * size, across * size), g.dtype)
    for k, element in enumerate(_elements(x, size)):
        np.multiply(g, winners == k, out=element)
    return x


def pick(x: Array, winners: Array, size: int) -> Array:
    """Of each window of x, the element that won: the adjoint of unpool."""
    y = np.zeros(winners.shape, x.dtype)
    for k, element in enumerate(_elements(x, size)):
        y += element * (winners == k)
    return y


def _elements(x: Array, size: int) -> list[Array]:
    """Views of x: for each place in a window, what all windows have there."""
    return [x[:, :, i::size, j::size] for i in range(size) for j in range(size)]


def _padded(x: Array, p: int) -> Array:
    """x with p zeros around each image."""
    if p == 0:
        return x
    n, c, h, w = x.shape
    padded = np.zeros((n, c, h + 2 * p, w + 2 * p), x.dtype)
    padded[:, :, p : p + h, p : p + w] = x
    return padded
