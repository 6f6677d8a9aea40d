"""Splits lose no row and mix none up; shapes that do not fit are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.datasets.cards import Card, Examples

CARD = Card("toy", "A toy", "this test", "none")


def numbered(n: int) -> Examples:
    rows = np.arange(n)
    return Examples(np.stack([rows, -rows], axis=1).astype(np.float32), rows, CARD)


@given(n=st.integers(2, 200), share=st.floats(0.01, 0.99), seed=st.integers(0, 2**32 - 1))
def test_a_split_puts_each_row_on_one_side_and_keeps_it_whole(n, share, seed):
    first = round(share * n)
    rng = np.random.default_rng(seed)
    if not 0 < first < n:
        with pytest.raises(ValueError, match="leaves some on both"):
            numbered(n).split(share, rng)
        return
    a, b = numbered(n).split(share, rng)
    assert (len(a), len(b)) == (first, n - first)
    assert sorted([*a.y, *b.y]) == list(range(n))
    for part in (a, b):
        np.testing.assert_array_equal(part.x, np.stack([part.y, -part.y], axis=1))
        assert part.card is CARD


def test_the_same_seed_splits_alike_and_another_does_not():
    halves = [numbered(100).split(0.5, np.random.default_rng(seed))[0].y for seed in (1, 1, 2)]
    np.testing.assert_array_equal(halves[0], halves[1])
    assert (halves[0] != halves[2]).any()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 1.5, float("nan"), 0.001])
def test_a_share_that_leaves_a_side_empty_is_refused(share):
    with pytest.raises(ValueError, match="100 rows"):
        numbered(100).split(share, np.random.default_rng(0))


@pytest.mark.parametrize(("x", "y"), [((3, 2), (4,)), ((3, 2), (3, 1)), ((), (3,))])
def test_rows_without_labels_are_refused(x, y):
    with pytest.raises(ValueError, match="toy: expected x of shape"):
        Examples(np.zeros(x), np.zeros(y), CARD)
