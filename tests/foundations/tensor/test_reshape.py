"""Reshape: a view exactly where NumPy finds one, and the same one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlsys.foundations.tensor.layout import Layout, contiguous, positions
from mlsys.foundations.tensor.reshape import (
    CopyNeeded,
    collapse,
    inferred,
    reshape,
    reshaped_strides,
)


def draw_shape(data: st.DataObject, size: int) -> tuple[int, ...]:
    """A random factorisation of the size, with some lengths of 1."""
    shape, left = [], size
    while left > 1:
        shape.append(data.draw(st.sampled_from([n for n in range(2, left + 1) if left % n == 0])))
        left //= shape[-1]
    for place in data.draw(st.lists(st.integers(0, len(shape)), max_size=2)):
        shape.insert(place, 1)
    return tuple(shape)


@given(data=st.data())
def test_there_is_a_view_exactly_where_numpy_makes_one(draw_view, data):
    buffer, view, layout = draw_view(data)
    assume(view.size)
    target = draw_shape(data, view.size)
    wanted = view.reshape(target)
    if np.shares_memory(wanted, buffer):
        assert np.array_equal(buffer[positions(reshape(layout, target))], wanted)
    else:
        with pytest.raises(CopyNeeded, match="has no view of shape"):
            reshape(layout, target)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-6, 6)), max_size=3), st.data())
def test_a_view_exists_exactly_if_the_definition_is_met(axes, data):
    """By trial: take the strides from neighbours in the new shape, and see whether all fit."""
    layout = Layout(tuple(n for n, _ in axes), tuple(stride for _, stride in axes))
    target = draw_shape(data, layout.size)
    wanted = positions(layout).reshape(target)
    strides = [
        int(np.diff(wanted, axis=k).ravel()[0]) if n > 1 else 0 for k, n in enumerate(target)
    ]
    fits = np.array_equal(positions(Layout(target, tuple(strides), int(wanted.flat[0]))), wanted)
    got = reshaped_strides(layout.shape, layout.strides, target)
    assert (got is not None) == fits
    if got is not None:
        assert np.array_equal(positions(Layout(target, got)), wanted)


@given(data=st.data())
def test_runs_walk_the_elements_in_the_same_order_and_cannot_be_merged_further(draw_view, data):
    _, _, layout = draw_view(data)
    assume(layout.size)
    runs = collapse(layout.shape, layout.strides)
    walked = Layout(tuple(n for n, _ in runs), tuple(s for _, (s,) in runs), layout.offset)
    assert np.array_equal(positions(walked).ravel(), positions(layout).ravel())
    assert all(n > 1 for n in walked.shape)
    assert all(out != n * step for (_, (out,)), (n, (step,)) in itertools.pairwise(runs))


def test_axes_merge_only_where_all_operands_agree():
    assert collapse((2, 3, 4), (12, 4, 1), (12, 4, 1)) == [(24, (1, 1))]
    assert collapse((2, 3, 4), (12, 4, 1), (0, 4, 1)) == [(2, (12, 0)), (12, (1, 1))]
    assert collapse((2, 3, 4), (12, 4, 1), (1, 2, 6)) == [(2, (12, 1)), (3, (4, 2)), (4, (1, 6))]


def test_the_missing_length_is_found_and_impossible_ones_are_named():
    assert inferred(24, (2, -1, 3)) == (2, 4, 3)
    for shape in ((5, -1), (2, 2), (-1, -1), (0, -1), (-24, -1)):
        with pytest.raises(ValueError, match="24 elements do not fill"):
            inferred(24, shape)


def test_no_elements_take_any_shape_without_elements():
    assert reshape(contiguous((0, 3)), (7, 0, 2)).shape == (7, 0, 2)
    assert math.prod(reshape(contiguous((0, 3)), (0,)).shape) == 0
