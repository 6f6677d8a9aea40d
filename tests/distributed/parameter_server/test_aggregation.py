"""Sums of pushes by clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.aggregation import Rounds, total
from mlsys.distributed.parameter_server.clocks import RangeClocks
from mlsys.distributed.parameter_server.messages import Push


def push(sender: int, clock: int, begin: int = 0, end: int = 4, sequence: int = 1) -> Push:
    return Push(0, (0, 0), sender, sequence, clock, begin, end, 0, None, np.ones((end - begin, 1)))


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_a_total_is_what_a_serial_sum_over_all_keys_gives(sets, seed: int) -> None:
    rng, dense = np.random.default_rng(seed), np.zeros((8, 2), np.float32)
    parts = []
    for each in sets:
        keys = np.array(sorted(each), np.int64)
        values = rng.standard_normal((len(keys), 2)).astype(np.float32)
        before = [values.copy() for _, values in parts]
        parts.append((keys, values))
        dense[keys] += values
    keys, sums = total(parts)
    assert keys.tolist() == sorted(set().union(*sets))
    assert np.array_equal(sums, dense[keys])  # to the bit
    assert all(map(np.array_equal, before, [values for _, values in parts]))


def test_a_total_of_ranges_names_no_keys() -> None:
    one, two = np.ones((3, 1)), np.full((3, 1), 2.0)
    keys, sums = total([(None, one), (None, two)])
    assert keys is None and sums.tolist() == [[3.0]] * 3 and one.sum() == 3


def test_a_round_is_due_when_enough_have_reached_it_in_the_order_of_ranks() -> None:
    rounds, clocks = Rounds(), RangeClocks(0, 4, [7, 8, 9])
    for each in (push(9, 0), push(7, 0), push(9, 1, sequence=2)):
        rounds.add(each, None)
    assert not list(rounds.due(clocks, [7, 8, 9], 3))
    ((key, parts),) = rounds.due(clocks, [7, 8, 9], 2)  # with one backup worker
    assert key == (0, 0, 4) and [each.sender for each, _ in parts] == [7, 9]
    assert list(rounds.open) == [(1, 0, 4)]


def test_who_has_gone_on_is_not_waited_for() -> None:
    rounds, clocks = Rounds(), RangeClocks(0, 4, [7, 8])
    rounds.add(push(7, 0), None)
    rounds.add(push(8, 1), None)  # began at clock 1
    assert [key[0] for key, _ in rounds.due(clocks, [7, 8], 2)] == [0]
    clocks.set(0, 4, 7, 3)
    assert [key[0] for key, _ in rounds.due(clocks, [7, 8], 2)] == [1]


def test_ranges_that_overlap_are_refused_and_others_are_rounds_of_their_own() -> None:
    rounds = Rounds()
    rounds.add(push(7, 0, 0, 2), None)
    rounds.add(push(7, 0, 2, 4), None)
    with pytest.raises(ValueError, match="must speak for the same ranges"):
        rounds.add(push(8, 0, 1, 3), None)
    assert len(rounds.open) == 2
