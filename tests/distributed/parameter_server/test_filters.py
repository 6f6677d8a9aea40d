"""Filters: nothing is lost that counts, and nothing is sent that does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.filters import KKT, SignificantlyModified
from mlsys.distributed.parameter_server.updates import ProximalL1

SIZE = 30


@st.composite
def pushes(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = []
    for _ in range(draw(st.integers(1, 8))):
        keys = np.flatnonzero(rng.random(SIZE) < 0.5)
        made.append((keys, rng.normal(size=(len(keys), 2))))
    return made


@given(pushes(), st.floats(0, 3))
def test_sent_and_kept_make_all_that_was_given(given_pushes, threshold):
    chosen, total, sent = SignificantlyModified(threshold), np.zeros((SIZE, 2)), np.zeros((SIZE, 2))
    for keys, values in given_pushes:
        total[keys] += values
        out, changes = chosen.push(keys, values)
        assert (np.diff(out) > 0).all()
        assert (np.abs(changes).max(axis=1, initial=0) >= threshold).all()
        sent[out] += changes
        kept_keys, kept = chosen.kept()
        assert (np.abs(kept) < threshold).all()
        left = total - sent
        np.testing.assert_allclose(left[kept_keys], kept, atol=1e-12)
        others = np.setdiff1d(np.arange(SIZE), kept_keys)
        np.testing.assert_allclose(left[others], 0, atol=1e-12)


def test_a_threshold_of_nothing_sends_everything():
    keys, values = np.array([1, 4]), np.zeros((2, 1))
    out, changes = SignificantlyModified(0).push(keys, values)
    assert out.tolist() == [1, 4] and (changes == values).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 2), st.floats(0, 1))
def test_what_kkt_leaves_out_a_proximal_step_would_leave_at_0(seed, l1, delta):
    rng = np.random.default_rng(seed)
    keys = np.arange(SIZE)
    weights = rng.normal(size=(SIZE, 1)) * (rng.random((SIZE, 1)) < 0.3)
    gradients = rng.normal(size=(SIZE, 1))
    out, values = KKT(l1, delta).push(keys, gradients, weights)
    np.testing.assert_array_equal(values, gradients[out])
    after = weights.copy()
    ProximalL1(0.1, l1).apply(after, {}, gradients)
    quiet = np.setdiff1d(keys, out)
    assert not after[quiet].any() and not weights[quiet].any()
    assert set(KKT(l1, delta + 0.1).push(keys, gradients, weights)[0]) >= set(out)


def test_what_is_no_number_is_not_hidden():
    keys, values = np.arange(3), np.array([[0.1], [np.nan], [0.1]])
    assert SignificantlyModified(1.0).push(keys, values)[0].tolist() == [1]
    assert KKT(1.0).push(keys, values, np.zeros((3, 1)))[0].tolist() == [1]


@given(pushes())
def test_sums_are_those_of_a_dictionary(given_pushes):
    chosen, sums = SignificantlyModified(np.inf), {}
    for keys, values in given_pushes:
        chosen.push(keys, values)
        for key, value in zip(keys.tolist(), values, strict=True):
            sums[key] = sums.get(key, 0) + value
    keys, kept = chosen.kept()
    assert keys.tolist() == sorted(sums)
    assert (kept == np.array([sums[key] for key in keys.tolist()]).reshape(-1, 2)).all()


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="expected the weights"):
        KKT(1.0).push(np.arange(2), np.ones((2, 1)))
    with pytest.raises(ValueError, match="threshold"):
        SignificantlyModified(-1)
    with pytest.raises(ValueError, match="delta"):
        KKT(1.0, -0.1)
