"""Sliding windows: the two copies that turn convolution into a matrix product.

    image (h, w), kernel 2 x 2            columns: one for each place of the kernel

        a b c                                 a b d e      top left of each window
        d e f          unfold ->              b c e f      top right
        g h i                                 d e g h      bottom left
                                              e f h i      bottom right

``unfold`` copies each pixel as often as windows cover it; ``fold`` adds the copies up again. Each
is the adjoint of the other, so each is the other's derivative. Both copy one block for each kernel
position, kh * kw copies in all, never one for each pixel.
Source: Chellapilla, Puri & Simard, "High performance convolutional neural networks for document
processing", IWFHR 2006.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlsys.foundations.autodiff.graph import Array


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

    def blocks(self, down: int, across: int) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
        """For each kernel position, the pixels under it at all places at once."""
        for i in range(self.height):
            for j in range(self.width):
                yield (
                    i,
                    j,
                    (
                        slice(i, i + self.stride * down, self.stride),
                        slice(j, j + self.stride * across, self.stride),
                    ),
                )


def unfold(x: Array, window: Window) -> Array:
    """x: (n, c, h, w) -> columns (n, c * kh * kw, down * across)."""
    n, c, h, w = x.shape
    down, across = window.places(h, w)
    padded = _pad(x, window.padding)
    columns = np.empty((n, c, window.height, window.width, down, across), x.dtype)
    for i, j, block in window.blocks(down, across):
        columns[:, :, i, j] = padded[:, :, *block]
    return columns.reshape(n, c * window.height * window.width, down * across)


def fold(columns: Array, shape: tuple[int, ...], window: Window) -> Array:
    """columns (n, c * kh * kw, down * across) -> (n, c, h, w): each pixel the sum of its copies."""
    n, c, h, w = shape
    down, across = window.places(h, w)
    p = window.padding
    blocks = columns.reshape(n, c, window.height, window.width, down, across)
    padded = np.zeros((n, c, h + 2 * p, w + 2 * p), columns.dtype)
    for i, j, block in window.blocks(down, across):
        padded[:, :, *block] += blocks[:, :, i, j]
    return padded[:, :, p : p + h, p : p + w]


def _pad(x: Array, p: int) -> Array:
    """x with p zeros around each image."""
    if p == 0:
        return x
    n, c, h, w = x.shape
    padded = np.zeros((n, c, h + 2 * p, w + 2 * p), x.dtype)
    padded[:, :, p : p + h, p : p + w] = x
    return padded
