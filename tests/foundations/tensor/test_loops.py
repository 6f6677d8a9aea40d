"""Fast loops and the odometer visit the same elements; NumPy agrees with both."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.tensor.layout import Layout, contiguous, positions
from mlsys.foundations.tensor.loops import (
    copy_lines,
    line,
    lines,
    loop_nest,
    map_elements,
    map_lines,
    odometer,
    reduce_elements,
    reduce_lines,
)
from mlsys.foundations.tensor.views import broadcast_to, transpose


@given(st.lists(st.integers(0, 3), max_size=4).map(tuple))
def test_the_odometer_is_a_nest_of_loops(shape):
    assert list(odometer(shape)) == list(itertools.product(*map(range, shape)))


@given(data=st.data())
def test_elementwise_by_lines_by_elements_and_by_numpy(draw_view, data):
    buffer, view, layout = draw_view(data)
    other = np.arange(100, 100 + view.size)
    turned = contiguous(layout.shape[::-1])
    for loop in (map_lines, map_elements):
        out = np.zeros(view.size, int)
        loop(
            np.multiply,
            (out, contiguous(layout.shape)),
            (buffer, layout),
            (other, transpose(turned)),
        )
        wanted = view * other.reshape(view.shape[::-1]).T
        assert np.array_equal(out.reshape(view.shape), wanted)


@given(data=st.data())
def test_reductions_by_lines_by_elements_and_by_numpy(draw_view, data):
    buffer, view, layout = draw_view(data)
    axes = tuple(k for k in range(view.ndim) if data.draw(st.booleans()))
    wanted = np.add.reduce(view, axis=axes, keepdims=True)
    for loop in (reduce_lines, reduce_elements):
        out = np.zeros(wanted.size, int)
        to = broadcast_to(contiguous(wanted.shape), layout.shape)
        loop(np.add, (out, to), (buffer, layout))
        assert np.array_equal(out.reshape(wanted.shape), wanted)


@given(data=st.data())
def test_lines_cover_each_index_once(draw_view, data):
    _, _, layout = draw_view(data)
    seen = [
        start + k * step for (start,), length, (step,) in lines([layout]) for k in range(length)
    ]
    assert sorted(seen) == sorted(positions(layout).ravel().tolist())


@given(data=st.data())
def test_a_copy_by_lines_is_numpys(draw_view, data):
    buffer, view, layout = draw_view(data)
    out = np.zeros(view.size, int)
    copy_lines((out, contiguous(layout.shape)), (buffer, layout))
    assert np.array_equal(out.reshape(view.shape), view)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_whatever_the_order_of_axes_an_array_without_gaps_is_one_line(axes):
    turned = transpose(contiguous((4, 5, 6)), axes)
    assert loop_nest([turned, turned]) == [(120, (1, 1))]


def test_the_smallest_strides_are_innermost():
    rows = contiguous((4, 5))
    assert loop_nest([broadcast_to(contiguous((1, 5)), (4, 5)), rows])[-1] == (5, (1, 1))
    assert loop_nest([broadcast_to(contiguous((4, 1)), (4, 5)), rows])[-1] == (5, (0, 1))


@given(st.integers(0, 5), st.integers(1, 3), st.booleans())
def test_a_line_may_run_backwards_to_the_first_element(length, step, backwards):
    buffer = np.arange(20)
    start, signed = ((length - 1) * step, -step) if backwards and length else (0, step)
    got = line(buffer, start, length, signed)
    assert np.shares_memory(got, buffer) or not length
    assert got.tolist() == [start + k * signed for k in range(length)]
    assert positions(Layout((length,), (signed,), start)).tolist() == got.tolist()
