"""The click log: one stream however it is cut, and labels that follow the planted truth."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.datasets.bayes import auc, greatest_auc
from mlsys.foundations.datasets.clicks import calibrate, plant_clicks, sigmoid
from mlsys.foundations.measurement.meter import measure_peak

seeds = st.integers(0, 2**32 - 1)
LOG = plant_clicks((5000, 300, 7), np.random.default_rng(0), rate=0.05, spread=1.5)


def joined(chunks):
    chunks = list(chunks)
    return np.concatenate([c.keys for c in chunks]), np.concatenate([c.clicked for c in chunks])


@given(count=st.integers(1, 500), chunk=st.integers(1, 600), seed=seeds)
def test_the_log_is_the_same_whatever_the_chunk(count, chunk, seed):
    keys, clicked = joined(LOG.stream(count, chunk, np.random.default_rng(seed)))
    whole = LOG.rows(count, np.random.default_rng(seed))
    np.testing.assert_array_equal(keys, whole.keys)
    np.testing.assert_array_equal(clicked, whole.clicked)
    assert len(whole) == count


@given(first=st.integers(0, 400), count=st.integers(1, 100), seed=seeds)
def test_a_worker_may_begin_at_any_row(first, count, seed):
    whole = LOG.rows(first + count, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    LOG.skip(first, rng)
    late = LOG.rows(count, rng)
    np.testing.assert_array_equal(late.keys, whole.keys[first:])
    np.testing.assert_array_equal(late.clicked, whole.clicked[first:])


def test_skipping_needs_a_generator_that_can_jump():
    with pytest.raises(TypeError, match="got MT19937; use numpy"):
        LOG.skip(5, np.random.Generator(np.random.MT19937(0)))


def test_one_seed_plants_one_truth_and_another_another():
    logs = [plant_clicks((50, 20), np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(logs[0].weights, logs[1].weights)
    assert logs[0].intercept == logs[1].intercept
    assert (logs[0].weights != logs[2].weights).any()


def test_each_field_has_keys_of_its_own_with_its_own_frequencies():
    rows = LOG.rows(200_000, np.random.default_rng(5))
    assert (rows.keys.dtype, rows.clicked.dtype) == (np.int64, np.int64)
    for f, field in enumerate(LOG.fields):
        key = rows.keys[:, f] - LOG.first[f]
        assert key.min() >= 0 and key.max() < field.n
        top = np.bincount(key, minlength=field.n)[:5] / len(rows)
        p = field.probability[:5]
        assert (np.abs(top - p) < 6 * np.sqrt(p * (1 - p) / len(rows))).all()


def test_clicks_follow_the_planted_probability():
    rows = LOG.rows(200_000, np.random.default_rng(6))
    p = LOG.probability(rows.keys)
    for low, high in ((0, 0.02), (0.02, 0.05), (0.05, 0.2), (0.2, 1)):
        group = (p >= low) & (p < high)
        sigma = np.sqrt((p * (1 - p))[group].sum())
        assert abs(rows.clicked[group].sum() - p[group].sum()) < 6 * sigma


def test_the_truth_ranks_as_well_as_its_bound_says():
    rows = LOG.rows(200_000, np.random.default_rng(7))
    p = LOG.probability(rows.keys)
    ones = rows.clicked.sum()  # the variance of an AUC is at most A (1 - A) / min(ones, zeros)
    bound = 6 * 0.5 / np.sqrt(ones)
    assert abs(auc(p, rows.clicked) - greatest_auc(p)) < bound


@pytest.mark.parametrize("rate", [0.003, 0.05, 0.5])
def test_the_share_of_clicks_is_the_one_asked_for(rate):
    log = plant_clicks((2000, 100), np.random.default_rng(8), rate=rate)
    p = log.probability(log.rows(100_000, np.random.default_rng(9)).keys)
    assert abs(p.mean() - rate) < 6 * np.sqrt(2) * p.std() / np.sqrt(len(p))


@given(rate=st.floats(0.001, 0.999), scores=st.lists(st.floats(-30, 30), min_size=1, max_size=30))
def test_calibration_hits_the_rate(rate, scores):
    score = np.array(scores)
    mean = scipy.special.expit(calibrate(score, rate) + score).mean()
    assert mean == pytest.approx(rate, rel=1e-6)


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=20).map(np.array))
def test_sigmoid_is_scipys_without_a_warning(z):
    smallest = np.finfo(np.float64).tiny  # below it SciPy says 0, ours a subnormal number
    with np.errstate(over="raise"):
        np.testing.assert_allclose(sigmoid(z), scipy.special.expit(z), rtol=1e-12, atol=smallest)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_the_truth_is_as_sparse_as_asked(share):
    log = plant_clicks((3000,), np.random.default_rng(12), nonzero=share)
    sigma = np.sqrt(3000 * share * (1 - share))
    assert abs((log.weights != 0).sum() - 3000 * share) <= 6 * sigma


def test_a_stream_is_held_in_the_memory_of_one_chunk():
    peaks = []
    for count in (20_000, 80_000):
        rng = np.random.default_rng(10)
        with measure_peak() as memory:
            for _ in LOG.stream(count, 5_000, rng):
                pass
        peaks.append(memory.peak)
    assert peaks[1] < 1.2 * peaks[0] < 80_000 * 8 * 4  # which the keys alone would take, held


@pytest.mark.parametrize(
    ("sizes", "settings"),
    [((), {}), ((10,), {"rate": 0.0}), ((10,), {"rate": 1.0}), ((10,), {"nonzero": 1.2})],
)
def test_a_truth_that_cannot_be_is_refused(sizes, settings):
    with pytest.raises(ValueError, match="one field or more"):
        plant_clicks(sizes, np.random.default_rng(0), **settings)


def test_chunks_have_rows():
    with pytest.raises(ValueError, match="got 0"):
        next(LOG.stream(10, 0, np.random.default_rng(0)))
