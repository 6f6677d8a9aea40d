"""Buckets: every tensor once, in order, none over the cap but a lonely one; views that share."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.data_parallel.buckets import (
    Spec,
    assign_buckets,
    by_dtype,
    flatten,
    make_buckets,
    unflatten,
)

sizes = st.lists(st.integers(0, 300), min_size=1, max_size=30)


@given(sizes, st.integers(0, 500), st.randoms(use_true_random=False))
def test_buckets_keep_the_order_and_the_cap(sizes: list[int], cap: int, random: object) -> None:
    order = list(range(len(sizes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    buckets = assign_buckets(sizes, order, cap)
    assert [tensor for bucket in buckets for tensor in bucket] == order
    for bucket in buckets:
        assert bucket and (len(bucket) == 1 or sum(sizes[tensor] for tensor in bucket) <= cap)


@given(sizes, st.integers(0, 500))
def test_no_two_neighbours_would_have_fitted_into_one(sizes: list[int], cap: int) -> None:
    buckets = assign_buckets(sizes, range(len(sizes)), cap)
    for bucket, after in pairwise(buckets):
        assert sum(sizes[tensor] for tensor in bucket) + sizes[after[0]] > cap


def test_a_bucket_may_be_full_to_the_last_byte() -> None:
    assert assign_buckets([2, 2, 1], [0, 1, 2], 4) == [[0, 1], [2]]


def test_a_negative_cap_is_refused() -> None:
    with pytest.raises(ValueError, match="cap of 0 bytes or more, got -1"):
        assign_buckets([1], [0], -1)


@given(st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=6))
def test_unflatten_undoes_flatten_and_shares_its_memory(shapes: list[list[int]]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=tuple(shape)) for shape in shapes]
    flat = flatten(arrays)
    views = unflatten(flat, [array.shape for array in arrays])
    for array, view in zip(arrays, views, strict=True):
        np.testing.assert_array_equal(array, view)
    flat += 1.0
    for array, view in zip(arrays, views, strict=True):
        np.testing.assert_array_equal(array + 1.0, view)


def test_a_bucket_has_one_dtype_and_the_first_to_be_full_comes_first() -> None:
    specs = [
        Spec("a", (2,), np.float32),
        Spec("b", (1,), np.float64),
        Spec("c", (3,), np.float32),
        Spec("d", (2,), np.float64),
    ]
    assert by_dtype(specs, [3, 2, 1, 0], cap=1 << 20) == [[3, 1], [2, 0]]
    assert by_dtype(specs, [3, 2, 1, 0], cap=12) == [[3], [2], [1], [0]]
    first, second = make_buckets(specs, [3, 2, 1, 0], cap=1 << 20)
    assert (first.flat.dtype, first.flat.size) == (np.float64, 3)
    assert (second.flat.dtype, second.flat.size) == (np.float32, 5)
    second.views[1][:] = 7
    assert second.flat.tolist() == [0, 0, 0, 7, 7]
