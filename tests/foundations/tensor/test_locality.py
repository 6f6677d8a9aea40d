"""The cache model against closed forms, and walks against loops that are written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.tensor.layout import contiguous
from mlsys.foundations.tensor.locality import Cache, lines_fetched, matmul_operands, tiles, walk
from mlsys.foundations.tensor.views import transpose

N = 16


def test_rows_fetch_each_line_once_and_columns_once_for_each_element():
    matrix, small = contiguous((N, N)), Cache(line=4, ways=8)
    assert lines_fetched(walk(matrix), small) == N * N // 4
    assert lines_fetched(walk(transpose(matrix)), small) == N * N  # the column has 16 lines


def test_columns_are_as_good_as_rows_when_a_column_of_lines_fits():
    matrix = transpose(contiguous((N, N)))
    assert lines_fetched(walk(matrix), Cache(line=4, ways=N)) == N * N // 4


@given(st.lists(st.integers(0, 60), max_size=80), st.integers(1, 6))
def test_one_line_more_never_costs_a_fetch(places, ways):
    """LRU is a stack algorithm (Mattson and others, 1970): what fits k lines fits k + 1."""
    few, more = (lines_fetched(places, Cache(4, size)) for size in (ways, ways + 1))
    assert more <= few
    assert lines_fetched(places, Cache(4, 100)) == len({place // 4 for place in places})


def test_a_stride_of_the_cache_s_own_size_meets_one_set_and_one_element_more_does_not():
    cache, column = Cache(line=8, ways=2, sets=16), 8  # eight rows, two of which fit one set
    for width, fetched in ((128, 2 * column), (136, column)):
        places = [row * width for row in range(column)] * 2
        assert lines_fetched(places, cache) == fetched
    assert cache.capacity == 256


def loops(n: int, order: str) -> list[int]:
    """The walk of a matrix product, as anybody would write it."""
    places = []
    for counters in itertools.product(range(n), repeat=3):
        at = dict(zip(order, counters))
        i, j, k = at["i"], at["j"], at["k"]
        places += [i * n + k, n * n + k * n + j, 2 * n * n + i * n + j]
    return places


@pytest.mark.parametrize("order", ["ijk", "ikj", "jik", "jki", "kij", "kji"])
def test_a_product_in_any_order_of_loops_is_three_layouts(order):
    assert walk(*matmul_operands(4, order)) == loops(4, order)


def test_the_order_of_loops_decides_what_a_product_fetches():
    """The inner loop fetches a line for: nothing and two quarters; one and a quarter; two."""
    cache, n = Cache(line=4, ways=12), 24
    fetched = {o: lines_fetched(walk(*matmul_operands(n, o)), cache) for o in ("ikj", "ijk", "jki")}
    steps = n**3
    assert fetched["ikj"] < 0.6 * steps < 1.2 * steps < fetched["ijk"] < 1.4 * steps
    assert fetched["jki"] > 1.9 * steps


def test_tiles_visit_all_elements_tile_after_tile():
    matrix = contiguous((6, 4))
    numbers = np.arange(24).reshape(6, 4)
    wanted = [numbers[r : r + 2, c : c + 2].ravel() for r in (0, 2, 4) for c in (0, 2)]
    assert walk(tiles(matrix, 2)) == np.concatenate(wanted).tolist()


def test_a_transpose_by_tiles_fetches_each_line_once_where_rows_and_columns_do_not():
    source, target = contiguous((N, N)), transpose(contiguous((N, N)))
    target = type(target)(target.shape, target.strides, N * N)
    cache = Cache(line=4, ways=10)
    assert lines_fetched(walk(source, target), cache) > 2 * (N * N // 4)
    assert lines_fetched(walk(tiles(source, 4), tiles(target, 4)), cache) == 2 * (N * N // 4)
