"""The array against NumPy: the same numbers, and the same memory where nothing need be copied."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlsys.foundations.measurement.meter import measure_peak
from mlsys.foundations.tensor import CopyNeeded, Layout, NDArray, contiguous, elementwise
from mlsys.foundations.tensor.ndarray import (
    asarray,
    empty,
    from_memory,
    from_numpy,
    reduce,
    shares_memory,
)


@given(data=st.data())
def test_to_numpy_and_back_share_memory_with_the_same_strides(draw_view, data):
    buffer, view, layout = draw_view(data)
    there = NDArray(buffer, layout).to_numpy()
    assert np.array_equal(there, view)
    assert np.shares_memory(there, buffer) or not view.size
    back = from_numpy(view)
    assert back.shape == view.shape and np.array_equal(back.to_numpy(), view)
    if view.size:
        assert tuple(8 * stride for stride in back.strides) == view.strides
        assert np.shares_memory(back.to_numpy(), view)


@given(data=st.data())
def test_a_chain_of_views_is_numpys_chain_and_copies_nothing(draw_view, draw_slice, data):
    _, view, _ = draw_view(data)
    assume(view.ndim and view.size)
    part = draw_slice(data, len(view))
    ours, theirs = from_numpy(view)[part].T[..., None], view[part].T[..., None]
    assert np.array_equal(ours.to_numpy(), theirs)
    assert np.shares_memory(ours.to_numpy(), view) or not theirs.size


def test_views_of_a_large_array_allocate_next_to_nothing():
    x = empty((1024, 1024))
    with measure_peak() as memory:
        y = x.T[::2, ::-1].broadcast_to((8, 512, 1024)).windows(3).diagonal(1, 2)
    assert memory.peak < 10_000 and y.buffer is x.buffer


@given(data=st.data())
def test_reshape_copies_only_where_numpy_does(draw_view, data):
    buffer, view, layout = draw_view(data)
    assume(view.size)
    ours = NDArray(buffer, layout)
    flat = ours.reshape(-1)
    assert np.array_equal(flat.to_numpy(), view.reshape(-1))
    assert (flat.buffer is buffer) == np.shares_memory(view.reshape(-1), buffer)
    assert not np.shares_memory(ours.reshape(-1, copy=True).to_numpy(), buffer)
    if flat.buffer is not buffer:
        with pytest.raises(CopyNeeded, match=r"contiguous\(\)"):
            ours.reshape(-1, copy=False)


@given(data=st.data())
def test_contiguous_copies_only_what_is_not(draw_view, data):
    buffer, view, layout = draw_view(data)
    ours = NDArray(buffer, layout)
    packed = ours.contiguous()
    assert (packed is ours) == view.flags.c_contiguous
    assert packed.to_numpy().flags.c_contiguous and np.array_equal(packed.to_numpy(), view)
    assert ours.copy().buffer is not buffer


@given(data=st.data())
def test_arithmetic_is_numpys(draw_view, data):
    _, view, _ = draw_view(data)
    x = from_numpy(view)
    assert np.array_equal((x * x + 3).to_numpy(), view * view + 3)
    assert np.array_equal((2.5 * x).to_numpy(), 2.5 * view)
    if view.ndim:
        assert np.array_equal((x + x[..., :1]).to_numpy(), view + view[..., :1])


@given(data=st.data())
def test_reductions_are_numpys(draw_view, data):
    _, view, _ = draw_view(data)
    assume(view.size)
    x, axes = from_numpy(view), tuple(k - view.ndim for k in range(view.ndim) if k != 1)
    for axis in (None, axes, *range(view.ndim)):
        for keep in (False, True):
            assert np.array_equal(x.sum(axis, keep).to_numpy(), view.sum(axis, keepdims=keep))
            assert np.array_equal(x.max(axis, keep).to_numpy(), view.max(axis, keepdims=keep))


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float16, np.float32, np.complex64])
def test_types_of_results_are_numpys(dtype):
    array = np.ones((2, 3), dtype)
    x = from_numpy(array)
    assert (x + x).dtype == (array + array).dtype and x.sum().dtype == array.sum().dtype
    assert (x * 2).dtype == (array * 2).dtype  # a number of Python's adapts, as NumPy's rules say
    assert x[:, 1:].copy().dtype == dtype


@given(data=st.data())
def test_writing_through_a_view_is_numpys_even_where_source_and_target_overlap(draw_slice, data):
    theirs, ours = np.arange(12).reshape(3, 4), from_numpy(np.arange(12).reshape(3, 4))
    into, other = draw_slice(data, 4), draw_slice(data, 4)
    assume(theirs[:, into].shape == theirs[:, other].shape)
    theirs[:, into], ours[:, into] = theirs[:, other], ours[:, other]
    assert np.array_equal(ours.to_numpy(), theirs)
    theirs[1:], ours[1:] = theirs[:-1], ours[:-1]
    theirs[0], ours[0] = 7, 7
    assert np.array_equal(ours.to_numpy(), theirs)


def test_writing_where_elements_share_a_position_is_refused():
    row = from_numpy(np.zeros(3))
    for view in (row.broadcast_to((4, 3)), row.windows(2)):
        with pytest.raises(ValueError, match="several elements at one position"):
            view[...] = 1.0
    assert not row.to_numpy().any()


def test_raw_memory_is_an_array_and_stays_what_it_was():
    raw = bytearray(8 * 6)
    x = from_memory(raw, np.float64, Layout((2, 3), (1, 2)))  # column after column
    x[...] = np.array([[1.0, 2, 3], [4, 5, 6]])
    assert np.frombuffer(raw).tolist() == [1, 4, 2, 5, 3, 6]
    assert x.item(1, -1) == 6.0


def test_a_small_view_keeps_the_large_buffer_alive_and_a_copy_does_not():
    big = np.zeros(1000)
    seen = weakref.ref(big)
    x = NDArray(big, contiguous((1000,)))
    view, copied = x[:1], x[:1].copy()
    del x, big
    gc.collect()
    assert seen() is not None and view.shape == copied.shape
    del view
    gc.collect()
    assert seen() is None


def test_memory_that_is_read_only_stays_so():
    array = np.arange(4.0)
    array.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        from_numpy(array)[0] = 1.0


def test_two_arrays_of_one_origin_know_that_they_share():
    array = np.arange(12)
    even, odd, all_ = from_numpy(array)[::2], from_numpy(array)[1::2], from_numpy(array)
    assert shares_memory(even, all_) and not shares_memory(all_[::2], all_[1::2])
    assert shares_memory(even, odd)  # two buffers: only the bounds are compared
    assert not shares_memory(from_numpy(array[:6]), from_numpy(array[6:]))


def test_numpy_accepts_ours_where_it_wants_an_array():
    x = from_numpy(np.arange(6.0).reshape(2, 3))
    assert np.shares_memory(np.asarray(x), x.buffer)
    assert np.array(x, copy=True).base is None
    assert np.array_equal((np.ones(3) + x).to_numpy(), np.ones(3) + x.to_numpy())
    assert "strides=(3, 1)" in repr(x)
    assert asarray(x) is x


def test_mistakes_say_what_to_do():
    with pytest.raises(ValueError, match="for other arrays there is from_numpy"):
        NDArray(np.zeros((2, 2)), contiguous((4,)))
    with pytest.raises(ValueError, match="the buffer holds positions 0 to 3"):
        NDArray(np.zeros(4), contiguous((5,)))
    with pytest.raises(ValueError, match="no multiples of the 4 bytes"):
        from_numpy(np.zeros(3, "f4, i2")["f0"])
    with pytest.raises(ValueError, match="maximum over no elements"):
        reduce(np.maximum, empty((0, 3)), 0)
    with pytest.raises(ValueError, match="do not broadcast"):
        elementwise(np.add, empty((2,)), empty((3,)))
