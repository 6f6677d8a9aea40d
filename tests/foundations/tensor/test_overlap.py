"""Overlap against NumPy's exact answer, which solves the equation in integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.tensor.layout import Layout, positions
from mlsys.foundations.tensor.overlap import may_overlap, overlaps, repeats


def draw_layout(data: st.DataObject) -> Layout:
    axes = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 6)), max_size=3))
    shape, strides = tuple(n for n, _ in axes), tuple(stride for _, stride in axes)
    return Layout(shape, strides, data.draw(st.integers(24, 40)))


def over(buffer: np.ndarray, layout: Layout) -> np.ndarray:
    steps = tuple(8 * stride for stride in layout.strides)
    return np.ndarray(layout.shape, buffer.dtype, buffer, 8 * layout.offset, steps)


@given(st.data())
def test_overlaps_is_numpys_exact_answer(data):
    a, b, buffer = draw_layout(data), draw_layout(data), np.zeros(80)
    assert overlaps(a, b) == np.shares_memory(over(buffer, a), over(buffer, b))


@given(st.data())
def test_the_quick_test_never_denies_an_overlap(data):
    a, b = draw_layout(data), draw_layout(data)
    assert may_overlap(a, b) or not overlaps(a, b)


def test_the_quick_test_sees_what_gaps_and_parity_keep_apart():
    left, right = Layout((4, 2), (8, 1)), Layout((4, 2), (8, 1), 2)
    assert not may_overlap(Layout((4,), (1,)), Layout((4,), (1,), 4))
    assert not may_overlap(Layout((4,), (2,)), Layout((4,), (-2,), 7))
    assert may_overlap(left, right) and not overlaps(left, right)  # said in error, and allowed


@given(st.data())
def test_repeats_says_whether_an_element_has_two_indices(data):
    layout = draw_layout(data)
    assert repeats(layout) == (len(set(positions(layout).ravel().tolist())) < layout.size)
