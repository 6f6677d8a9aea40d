"""Percentiles against NumPy and their definition; the histogram against its promised bound."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.percentiles import (
    LogHistogram,
    bucket_of,
    bucket_value,
    interpolated,
    nearest_rank,
    value_at,
)

times = st.lists(st.floats(0, 1e6) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=60)
positive = st.floats(1e-9, 1e9)
percents = st.integers(0, 100)
errors = st.sampled_from([0.001, 0.01, 0.05, 0.3])


@given(times, percents)
def test_nearest_rank_is_the_smallest_sample_that_enough_do_not_exceed(samples, percent):
    value = nearest_rank(samples, percent)
    wanted = Fraction(percent, 100) * len(samples)
    assert sum(x <= value for x in samples) >= wanted
    smaller = [x for x in samples if x < value]
    assert not smaller or len(smaller) < wanted


@given(st.lists(st.floats(0, 1e6), min_size=64, max_size=64), st.integers(0, 64))
def test_nearest_rank_is_numpys_inverted_cdf(samples, sixty_fourths):
    percent = 100 * sixty_fourths / 64  # exact in binary, so both sides see the same number
    assert nearest_rank(samples, percent) == np.percentile(samples, percent, method="inverted_cdf")


@given(times, st.floats(0, 100))
def test_interpolated_is_numpys_default(samples, percent):
    wanted = np.percentile(samples, percent)
    assert interpolated(samples, percent) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("percent", "count", "place"), [(55, 100, 55), (99.9, 1000, 999)])
def test_decimal_percents_hit_the_sample_a_reader_expects(percent, count, place):
    assert nearest_rank(range(1, count + 1), percent) == place


@given(times, percents, errors)
def test_the_histogram_keeps_its_relative_error(samples, percent, error):
    samples = [x if x > 1e-9 else 0.0 for x in samples]
    histogram = LogHistogram(error)
    histogram.extend(samples)
    true = nearest_rank(samples, percent)
    assert abs(histogram.percentile(percent) - true) <= error * true * (1 + 1e-9)


@given(positive, errors)
def test_a_bucket_stands_for_all_that_falls_into_it(value, error):
    stand_in = bucket_value(bucket_of(value, error), error)
    assert abs(stand_in - value) <= error * value * (1 + 1e-9)


@given(errors)
def test_the_worst_sample_uses_the_whole_error(error):
    growth = (1 + error) / (1 - error)
    edge = growth**5 * (1 - 1e-12)  # just inside bucket 5
    assert bucket_of(edge, error) == 5
    assert (edge - bucket_value(5, error)) / edge == pytest.approx(error, rel=1e-6)


@given(times, times, percents, errors)
def test_merging_is_recording_together(left, right, percent, error):
    apart, together = (LogHistogram(error), LogHistogram(error)), LogHistogram(error)
    apart[0].extend(left)
    apart[1].extend(right)
    together.extend(left + right)
    for merged in (apart[0].merge(apart[1]), apart[1].merge(apart[0])):
        assert merged.buckets == together.buckets and merged.zeros == together.zeros
        assert merged.percentile(percent) == together.percentile(percent)


def test_nine_orders_of_magnitude_take_about_a_thousand_buckets():
    histogram = LogHistogram(error=0.01)
    histogram.extend(np.geomspace(1e-6, 1e3, 20_000))
    growth = 1.01 / 0.99
    assert len(histogram.buckets) <= math.log(1e9) / math.log(growth) + 2 < 1040


def test_percentiles_do_not_average():
    quiet, stalled = np.full(990, 1.0), np.full(10, 1000.0)
    busy_server, idle_server = np.concatenate([quiet, stalled]), np.full(10, 1.0)
    average = (nearest_rank(busy_server, 99.5) + nearest_rank(idle_server, 99.5)) / 2
    both = nearest_rank(np.concatenate([busy_server, idle_server]), 99.5)
    assert (average, both) == (500.5, 1000.0)


def test_of_pages_that_ask_a_hundred_servers_63_percent_meet_the_slowest_hundredth():
    answers = np.random.default_rng(7).exponential(size=(20_000, 100))
    slow = answers.max(axis=1) > nearest_rank(answers.ravel(), 99)
    assert slow.mean() == pytest.approx(1 - 0.99**100, abs=0.01)  # 63 %


@pytest.mark.parametrize("percent", [-1, 100.5, math.nan])
def test_a_percent_out_of_range_is_refused(percent):
    for ask in (nearest_rank, interpolated):
        with pytest.raises(ValueError, match="from 0 to 100"):
            ask([1.0], percent)


@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf])
def test_a_time_that_cannot_be_is_refused_and_not_counted(value):
    histogram = LogHistogram()
    with pytest.raises(ValueError, match="finite number >= 0"):
        histogram.add(value)
    assert histogram.count == 0


def test_nothing_has_no_percentile():
    with pytest.raises(ValueError, match="no samples"):
        LogHistogram().percentile(50)
    with pytest.raises(ValueError, match="at least one"):
        nearest_rank([], 50)


def test_histograms_of_different_errors_do_not_merge():
    with pytest.raises(ValueError, match="one error"):
        LogHistogram(0.01).merge(LogHistogram(0.02))


def test_a_place_beyond_the_samples_is_refused():
    with pytest.raises(ValueError, match="expected one from 1 to 3"):
        value_at({2: 1, 5: 2}, 4, error=0.01)


@pytest.mark.parametrize("error", [0, 1, -0.1, math.nan])
def test_the_error_is_a_share(error):
    with pytest.raises(ValueError, match=r"try 0\.01"):
        LogHistogram(error)
