"""Both laws of speed-up against a program whose parts are timed one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.scaling import amdahl, efficiency, gustafson, serial_fraction

shares = st.floats(0, 1)
workers = st.integers(1, 10_000)


@given(st.floats(0.01, 100), st.floats(0, 100), workers)
def test_amdahl_is_the_ratio_of_two_times_of_one_problem(serial, split, p):
    one, many = serial + split, serial + split / p
    assert amdahl(split / one, p) == pytest.approx(one / many)


@given(st.floats(0.01, 100), st.floats(0, 100), workers)
def test_gustafson_is_the_ratio_of_two_times_of_the_larger_problem(serial, split, p):
    many, one = serial + split, serial + split * p
    assert gustafson(split / many, p) == pytest.approx(one / many)


@given(st.floats(0, 0.999), workers)
def test_the_serial_part_is_a_wall_for_one_law_and_a_slope_for_the_other(parallel, p):
    assert amdahl(parallel, p) <= min(p, 1 / (1 - parallel)) * (1 + 1e-9)
    assert amdahl(parallel, p) <= gustafson(parallel, p) * (1 + 1e-9) <= p * (1 + 1e-6)


@given(shares, st.integers(2, 1000))
def test_the_serial_fraction_undoes_amdahl(parallel, p):
    assert serial_fraction(amdahl(parallel, p), p) == pytest.approx(1 - parallel, abs=1e-9)


def test_perfect_speed_up_is_efficient():
    assert efficiency(8.0, 8) == 1.0
    assert amdahl(1.0, 64) == gustafson(1.0, 64) == 64


@pytest.mark.parametrize(("parallel", "p"), [(-0.1, 2), (1.1, 2), (0.5, 0), (float("nan"), 2)])
def test_impossible_shares_and_workers_are_refused(parallel, p):
    for law in (amdahl, gustafson):
        with pytest.raises(ValueError, match="parallel share"):
            law(parallel, p)


def test_one_worker_says_nothing_about_the_serial_part():
    with pytest.raises(ValueError, match="workers > 1"):
        serial_fraction(1.0, 1)
