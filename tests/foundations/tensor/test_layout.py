"""Layouts against NumPy's strides, addresses and flags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.array_utils import byte_bounds

from mlsys.foundations.tensor.layout import (
    Layout,
    check_bounds,
    contiguous,
    extent,
    is_contiguous,
    position,
    positions,
    resolved,
    resolved_axis,
)

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@given(shapes)
def test_contiguous_strides_are_those_of_a_new_numpy_array(shape):
    if 0 not in shape:  # without elements strides mean nothing, and NumPy's have changed
        assert contiguous(shape).strides == tuple(stride // 8 for stride in np.empty(shape).strides)
    assert is_contiguous(contiguous(shape))


@given(data=st.data())
def test_each_element_lies_where_numpy_finds_it(draw_view, data):
    buffer, view, layout = draw_view(data)
    for index in np.ndindex(view.shape):
        assert buffer[position(layout, index)] == view[index]
        behind = [i - n for i, n in zip(index, view.shape)]  # the same element, from the other end
        assert position(layout, behind) == position(layout, index)


@given(data=st.data())
def test_all_positions_at_once_are_the_positions_one_by_one(draw_view, data):
    buffer, view, layout = draw_view(data)
    assert np.array_equal(buffer[positions(layout)] if view.size else view, view)
    assert positions(layout).shape == layout.shape


@given(data=st.data())
def test_the_extent_is_numpys_bounds(draw_view, data):
    buffer, view, layout = draw_view(data)
    low, high = byte_bounds(view)
    start = byte_bounds(buffer)[0]
    want = range((low - start) // 8, (high - start) // 8) if view.size else range(0)
    assert extent(layout) == want


@given(data=st.data())
def test_contiguous_is_what_numpys_flag_says(draw_view, data):
    _, view, layout = draw_view(data)
    assert is_contiguous(layout) == view.flags.c_contiguous


def test_a_layout_that_leaves_its_buffer_is_refused_on_either_side():
    check_bounds(Layout((3,), (2,), 1), 6)
    check_bounds(Layout((0, 9), (100, 100), -5), 0)  # no element, nothing touched
    for layout in (Layout((3,), (2,), 2), Layout((2,), (-1,), 0), Layout((2, 3), (3, 1), 1)):
        with pytest.raises(ValueError, match="the buffer holds positions 0 to 5"):
            check_bounds(layout, 6)


def test_mistakes_name_the_shape():
    with pytest.raises(IndexError, match=r"shape \(2, 3\) has 2 indices, got \(1,\)"):
        position(contiguous((2, 3)), (1,))
    with pytest.raises(IndexError, match="index 3 is outside an axis of length 3"):
        position(contiguous((2, 3)), (1, 3))
    with pytest.raises(ValueError, match="a length of at least 0 and a stride for each axis"):
        Layout((2, 3), (1,))
    with pytest.raises(ValueError, match="there is no axis 2 among 2"):
        resolved_axis(2, 2)
    assert [resolved(i, 3) for i in (-3, -1, 0, 2)] == [0, 2, 0, 2]
