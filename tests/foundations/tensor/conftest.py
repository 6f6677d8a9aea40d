"""Random views, made by NumPy, and the layouts that NumPy gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from mlsys.foundations.tensor import Layout

View = tuple[np.ndarray, np.ndarray, Layout]  # the buffer, a view of it, the view's layout


@pytest.fixture(scope="session")
def layout_of() -> Callable[[np.ndarray, np.ndarray], Layout]:
    """Return a function that reads a view's layout off NumPy: strides and addresses, in bytes."""

    def read(view: np.ndarray, buffer: np.ndarray) -> Layout:
        size = buffer.itemsize
        start = view.__array_interface__["data"][0] - buffer.__array_interface__["data"][0]
        return Layout(view.shape, tuple(s // size for s in view.strides), start // size)

    return read


@pytest.fixture(scope="session")
def draw_slice() -> Callable[..., slice]:
    """Return a function that draws a slice of an axis, with steps of both signs."""

    def draw(data: st.DataObject, length: int) -> slice:
        bound = st.none() | st.integers(-length - 1, length + 1)
        step = data.draw(st.sampled_from([None, 1, 2, 3, -1, -2]))
        return slice(data.draw(bound), data.draw(bound), step)

    return draw


@pytest.fixture(scope="session")
def draw_view(
    layout_of: Callable[..., Layout], draw_slice: Callable[..., slice]
) -> Callable[..., View]:
    """Return a function that draws a buffer and a view: cut, turned, repeated, windowed."""

    def step(data: st.DataObject, view: np.ndarray) -> np.ndarray:
        kind = data.draw(
            st.sampled_from(["slice", "transpose", "broadcast", "windows", "diagonal"])
        )
        if kind == "slice":
            return view[(..., *(draw_slice(data, n) for n in view.shape))]
        if kind == "transpose":
            return view.transpose(data.draw(st.permutations(range(view.ndim))))
        if kind == "broadcast":
            wide = tuple(3 if n == 1 else n for n in view.shape)
            return np.broadcast_to(view, (2, *wide) if view.ndim < 3 else wide)
        if kind == "windows" and view.ndim and view.shape[-1] >= 2:
            return sliding_window_view(view, 2, axis=-1)
        if kind == "diagonal" and view.ndim >= 2:
            return np.diagonal(view, 0, *data.draw(st.permutations(range(view.ndim)))[:2])
        return view

    def draw(data: st.DataObject, steps: int = 3, **options: Any) -> View:
        shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=3)))
        buffer = np.arange(int(np.prod(shape)), **options)
        view = buffer.reshape(shape)
        for _ in range(data.draw(st.integers(0, steps))):
            view = step(data, view)
        return buffer, view, layout_of(view, buffer)

    return draw
