"""Clocks of ranges are those of keys, for less."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.clocks import KeyClocks, RangeClocks, advance, least

BEGIN, END, WORKERS = 10, 40, (7, 3, 9)


@st.composite
def spans(draw):
    begin = draw(st.integers(BEGIN, END - 1))
    return begin, draw(st.integers(begin + 1, END))


settings = st.lists(st.tuples(spans(), st.sampled_from(WORKERS), st.integers(-1, 6)), max_size=30)


@given(settings, spans())
def test_ranges_say_what_a_vector_for_each_key_says(operations, asked):
    ranges, keys = RangeClocks(BEGIN, END, WORKERS), KeyClocks(BEGIN, END, WORKERS)
    for span, worker, clock in operations:
        ranges.set(*span, worker, clock)
        keys.set(*span, worker, clock)
        assert ranges.least(*asked) == keys.least(*asked)
    again = RangeClocks.from_state(ranges.state())
    assert (again.ranges, again.workers) == (ranges.ranges, ranges.workers)


@given(settings)
def test_there_are_no_more_ranges_than_cuts_and_neighbours_differ(operations):
    clocks, cuts = RangeClocks(BEGIN, END, WORKERS), {BEGIN, END}
    for span, worker, clock in operations:
        clocks.set(*span, worker, clock)
        cuts |= {*span}
        ranges = clocks.ranges
        assert len(ranges) <= len(cuts) - 1
        assert ranges[0][0] == BEGIN and ranges[-1][1] == END
        for left, right in itertools.pairwise(ranges):
            assert left[1] == right[0] and left[2] != right[2]


@given(settings, spans(), st.integers(-1, 6))
def test_how_many_have_reached_a_clock(operations, asked, clock):
    clocks = RangeClocks(BEGIN, END, WORKERS)
    alone = {worker: KeyClocks(BEGIN, END, [worker]) for worker in WORKERS}
    for span, worker, reached in operations:
        clocks.set(*span, worker, reached)
        alone[worker].set(*span, worker, reached)
    expected = [worker for worker in WORKERS if alone[worker].least(*asked) >= clock]
    assert clocks.reached(*asked, clock, WORKERS) == len(expected)
    assert clocks.least(*asked, expected) >= (clock if expected else -1)


def test_all_of_a_worker_that_is_pushed_in_pieces_is_one_range_again():
    ranges = [(0, 9, (0, 0))]
    for begin in (3, 0, 6):
        ranges = advance(ranges, begin, begin + 3, 0, 1)
    assert ranges == [(0, 9, (1, 0))]


def test_no_clock_goes_back():
    """A push that comes late says no more than what is known; elsewhere it says something."""
    ranges = advance([(0, 9, (0, 0))], 0, 6, 0, 5)
    assert advance(ranges, 3, 9, 0, 2) == [(0, 6, (5, 0)), (6, 9, (2, 0))]


def test_keys_that_are_not_here():
    with pytest.raises(ValueError, match="no key from 9 to 11"):
        least([(0, 9, (0,))], 9, 12, [0])
