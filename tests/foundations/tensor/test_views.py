"""Each view against NumPy's: the same shape, strides and place in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from mlsys.foundations.tensor.layout import Layout, contiguous, positions
from mlsys.foundations.tensor.views import (
    broadcast_shapes,
    broadcast_to,
    diagonal,
    select,
    sliced,
    transpose,
    windows,
)


def same(layout: Layout, wanted: Layout) -> None:
    """Equal but for what is never used: strides of short axes, the place of no elements."""
    assert layout.shape == wanted.shape
    if wanted.size:
        assert layout.offset == wanted.offset
        used = [n > 1 for n in wanted.shape]
        pairs = zip(layout.strides, wanted.strides, used)
        assert all(ours == theirs for ours, theirs, matters in pairs if matters)


@given(data=st.data())
def test_select_is_numpys_indexing(draw_view, draw_slice, layout_of, data):
    buffer, view, layout = draw_view(data)

    def part(n):
        number = st.integers(-n, n - 1).map(np.int64) if n else st.nothing()
        chosen = data.draw(number | st.just(None))
        return draw_slice(data, n) if chosen is None else chosen

    front = data.draw(st.integers(0, view.ndim))
    back = data.draw(st.integers(front, view.ndim))
    key = [part(n) for n in view.shape[:front]]
    if back < view.ndim or data.draw(st.booleans()):
        key += [..., *(part(n) for n in view.shape[back:])]
    for _ in range(data.draw(st.integers(0, 2))):
        key.insert(data.draw(st.integers(0, len(key))), None)
    wanted = view[tuple(key) if ... in key else (*key, ...)]  # with ... a view even of one number
    same(select(layout, tuple(key)), layout_of(wanted, buffer))


@given(st.integers(0, 7), st.data())
def test_a_slice_takes_what_python_takes(length, data):
    bound = st.none() | st.integers(-9, 9)
    part = slice(data.draw(bound), data.draw(bound), data.draw(st.sampled_from([None, 2, -1, -3])))
    start, count, step = sliced(part, length)
    assert [start + k * step for k in range(count)] == list(range(length))[part]


@given(data=st.data())
def test_transpose_is_numpys(draw_view, layout_of, data):
    buffer, view, layout = draw_view(data)
    axes = data.draw(st.none() | st.permutations(range(view.ndim)))
    assert transpose(layout, axes) == layout_of(view.transpose(axes), buffer)


lengths = st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4).map(tuple)


@given(st.lists(lengths, max_size=3))
def test_broadcast_shapes_is_numpys_and_refuses_what_numpy_refuses(shapes):
    try:
        wanted = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ValueError, match="do not broadcast"):
            broadcast_shapes(*shapes)
    else:
        assert broadcast_shapes(*shapes) == wanted


@given(data=st.data())
def test_broadcast_to_is_numpys(draw_view, layout_of, data):
    buffer, view, layout = draw_view(data)
    wide = tuple(data.draw(st.integers(0, 3)) if n == 1 else n for n in view.shape)
    shape = (*data.draw(lengths)[:2], *wide)
    same(broadcast_to(layout, shape), layout_of(np.broadcast_to(view, shape), buffer))


@given(data=st.data())
def test_diagonal_is_numpys(draw_view, layout_of, data):
    buffer, view, layout = draw_view(data)
    if view.ndim >= 2:
        first, second = data.draw(st.permutations(range(-view.ndim, 0)))[:2]
        wanted = np.diagonal(view, 0, first, second)
        same(diagonal(layout, first, second), layout_of(wanted, buffer))


@given(data=st.data())
def test_windows_are_numpys(draw_view, layout_of, data):
    buffer, view, layout = draw_view(data)
    if view.ndim and view.size:
        axis = data.draw(st.integers(0, view.ndim - 1))
        size = data.draw(st.integers(1, view.shape[axis]))
        step = data.draw(st.integers(1, 3))
        wanted = sliding_window_view(view, size, axis)[
            (slice(None),) * axis + (slice(None, None, step),)
        ]
        same(windows(layout, size, axis, step), layout_of(wanted, buffer))


def test_a_view_of_a_view_needs_no_memory_of_how_it_was_made():
    one = select(transpose(contiguous((4, 6))), (slice(None, None, 2), slice(1, None)))
    assert one == Layout((3, 3), (2, 6), 6)
    assert np.array_equal(positions(one), np.arange(24).reshape(4, 6).T[::2, 1:])


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda x: select(x, (0, 0, 0)), IndexError, r"takes 3 axes of shape \(2, 3\)"),
        (lambda x: select(x, (..., ...)), IndexError, "one ..."),
        (lambda x: select(x, ([0, 1],)), TypeError, "which only a copy brings together"),
        (lambda x: select(x, (True,)), TypeError, "mask"),
        (lambda x: select(x, (np.array([0, 1]),)), TypeError, "regular distance"),
        (lambda x: select(x, 2), IndexError, "outside an axis of length 2"),
        (lambda x: transpose(x, (0, 0)), ValueError, "names each axis once"),
        (lambda x: broadcast_to(x, (2, 4)), ValueError, r"\(2, 3\) cannot be repeated to \(2, 4\)"),
        (lambda x: broadcast_to(x, (3,)), ValueError, "cannot be repeated"),
        (lambda x: diagonal(x, 0, -2), ValueError, "axis 0 twice"),
        (lambda x: windows(x, 4), ValueError, "do not fit an axis of length 3"),
    ],
)
def test_mistakes_say_what_to_do(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake(contiguous((2, 3)))
