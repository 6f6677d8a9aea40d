"""The cursor: each example once an epoch, and the same order however often it is interrupted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.training.cursor import BatchCursor, WindowCursor

sizes = st.integers(1, 60)
seeds = st.integers(0, 2**32)


@given(sizes, sizes, seeds)
def test_an_epoch_covers_each_example_once(examples: int, batch: int, seed: int) -> None:
    cursor = BatchCursor(examples, batch, seed)
    for epoch in range(3):
        seen: list[int] = []
        while cursor.epoch == epoch:
            part = next(cursor)
            assert 0 < len(part) <= batch
            seen += part.tolist()
        assert sorted(seen) == list(range(examples))


@given(sizes, sizes, seeds)
def test_drop_last_leaves_out_less_than_a_batch(examples: int, batch: int, seed: int) -> None:
    if batch > examples:
        with pytest.raises(ValueError, match="no batch of"):
            BatchCursor(examples, batch, seed, drop_last=True)
        return
    cursor = BatchCursor(examples, batch, seed, drop_last=True)
    parts = []
    while cursor.epoch == 0:
        parts.append(next(cursor))
    assert all(len(part) == batch for part in parts)
    assert len(parts) == examples // batch
    assert len(np.unique(np.concatenate(parts))) == len(parts) * batch


@given(sizes, sizes, seeds, st.sets(st.integers(0, 40)))
def test_interruptions_change_nothing(
    examples: int, batch: int, seed: int, stops: set[int]
) -> None:
    whole, broken = BatchCursor(examples, batch, seed), BatchCursor(examples, batch, seed)
    for step in range(40):
        if step in stops:
            state = broken.state_dict()
            broken = BatchCursor(examples, batch, seed)
            broken.load_state_dict(state)
        np.testing.assert_array_equal(next(whole), next(broken))


@given(st.integers(2, 60), st.lists(st.integers(1, 20), min_size=1, max_size=8), seeds)
def test_a_place_does_not_depend_on_the_batch_size(
    examples: int, batches: list[int], seed: int
) -> None:
    """A run may go on with batches of another size: position counts examples."""
    cursor, taken = BatchCursor(examples, 1, seed), []
    for batch in batches:
        cursor.batch = batch
        taken += next(cursor).tolist()
    one_by_one = BatchCursor(examples, 1, seed)
    assert taken == [int(next(one_by_one)[0]) for _ in taken]


def test_orders_differ_between_epochs_and_seeds() -> None:
    a, b = BatchCursor(100, 10, 0), BatchCursor(100, 10, 1)
    orders = [a.order(0).tolist(), a.order(1).tolist(), b.order(0).tolist()]
    assert len({tuple(order) for order in orders}) == 3
    assert a.order(0).tolist() == orders[0]


@given(st.integers(1, 20), st.integers(2, 12), st.integers(1, 9), seeds)
def test_windows_lie_in_the_text_and_do_not_overlap(
    window: int, count: int, batch: int, seed: int
) -> None:
    tokens = window * count + seed % window
    cursor = WindowCursor(tokens, window, batch, seed)
    for epoch in range(2):
        starts: list[int] = []
        while cursor.epoch == epoch:
            starts += next(cursor).tolist()
        starts.sort()
        assert len(starts) == count - 1
        assert starts[0] >= 0
        assert starts[-1] + window + 1 <= tokens  # the token behind the last one exists
        assert set(np.diff(starts).tolist()) <= {window}


def test_a_place_in_other_data_is_refused() -> None:
    state = BatchCursor(10, 2, 0).state_dict()
    with pytest.raises(ValueError, match="examples=10, this cursor has examples=11"):
        BatchCursor(11, 2, 0).load_state_dict(state)
    with pytest.raises(ValueError, match="seed"):
        BatchCursor(10, 2, 1).load_state_dict(state)
    with pytest.raises(ValueError, match="it needs 20"):
        WindowCursor(tokens=19, window=10, batch=1, seed=0)
