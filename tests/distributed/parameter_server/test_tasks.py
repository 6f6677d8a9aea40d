"""Pieces of a task are the shards that it touches, and together they are the task."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.group import Table
from mlsys.distributed.parameter_server.keys import signature
from mlsys.distributed.parameter_server.tasks import Task, as_rows, cut


@given(st.integers(1, 200), st.data())
def test_pieces_cover_the_range_that_a_task_speaks_for(size, data):
    table = Table("w", size, shards=data.draw(st.integers(1, min(size, 9))))
    begin = data.draw(st.integers(0, size))
    end = data.draw(st.integers(begin, size))
    chosen = data.draw(st.sets(st.integers(begin, end - 1))) if begin < end else set()
    keys = np.array(sorted(chosen), np.int64)
    for given_keys in (None, keys):
        pieces = list(cut(table, 0, given_keys, begin, end, signed=True))
        assert [key for piece in pieces for key in range(piece.begin, piece.end)] == [
            *range(begin, end)
        ]
        for piece in pieces:
            low, high = table.bounds(piece.shard[1])
            assert low <= piece.begin < piece.end <= high
            if given_keys is None:
                assert piece.rows == slice(piece.begin - begin, piece.end - begin)
            else:
                assert piece.keys.tolist() == keys[piece.rows].tolist()
                assert piece.signature == signature(piece.keys)
                assert all(piece.begin <= key < piece.end for key in piece.keys)
    assert sum(len(piece.keys) for piece in pieces) == len(keys)


def test_values_become_rows_of_the_table():
    narrow, wide = Table("a", 9), Table("b", 9, width=2, dtype="<f8")
    assert as_rows(narrow, [1, 2], 2).tolist() == [[1], [2]]
    assert as_rows(narrow, np.ones(2), 2).dtype == np.float32
    assert as_rows(wide, np.ones((2, 4))[:, ::2], 2).flags.c_contiguous
    with pytest.raises(ValueError, match=r"table 'b': expected values of shape \(3, 2\)"):
        as_rows(wide, np.ones(3), 3)


def test_a_task_is_done_when_nothing_is_left_of_it():
    waited = []

    class Waiter:
        def wait(self, *tasks):
            waited.extend(tasks)

    task = Task(Waiter(), np.ones(2))
    assert not task.done
    task.started, task.left = True, 1
    assert not task.done
    task.left = 0
    assert task.done and task.wait().tolist() == [1, 1] and waited == [task]
