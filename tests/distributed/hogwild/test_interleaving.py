"""Interleavings: serial without delay, sums where steps add, losses where they overwrite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.hogwild import conflicts, interleaved, plant, sparse_step

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 6))
def test_a_step_is_the_gradient_step_of_its_example(seed: int, nonzeros: int) -> None:
    rng = np.random.default_rng(seed)
    problem = plant(1, 8, nonzeros, rng)
    keys, values, target = problem[0]
    weights = rng.standard_normal(8)
    dense = np.zeros(8)
    dense[keys] = values
    expected = weights - 0.3 * (dense @ weights - target) * dense
    sparse_step(weights, keys, values, target, 0.3)
    np.testing.assert_allclose(weights, expected, rtol=1e-12, atol=1e-12)


@given(seeds, st.booleans())
def test_without_delay_it_is_serial_sgd_bit_for_bit(seed: int, overwrite: bool) -> None:
    rng = np.random.default_rng(seed)
    problem = plant(20, 10, 3, rng)
    weights = rng.standard_normal(10)
    before = weights.copy()
    after = interleaved(weights, problem.rows(), [0] * 20, 0.5, overwrite)
    assert np.array_equal(weights, before)
    for example in problem.rows():
        sparse_step(weights, *example, 0.5)
    assert np.array_equal(after, weights)


@given(seeds)
def test_examples_that_meet_nobody_do_not_notice_delays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    examples = [
        (np.array([2 * k, 2 * k + 1]), rng.standard_normal(2), rng.standard_normal())
        for k in rng.permutation(9)
    ]
    start = rng.standard_normal(18)
    delays = rng.integers(0, 9, size=9)
    late = interleaved(start, examples, delays, 0.5)
    assert np.array_equal(late, interleaved(start, examples, [0] * 9, 0.5))


@given(seeds, st.integers(2, 8))
def test_readers_of_the_same_weights_add_up_or_all_but_the_last_are_lost(
    seed: int, workers: int
) -> None:
    rng = np.random.default_rng(seed)
    examples = plant(workers, 6, 6, rng).rows()
    start, delays = rng.standard_normal(6), range(workers)
    changes = []
    for example in examples:
        alone = start.copy()
        sparse_step(alone, *example, 0.5)
        changes.append(alone - start)
    added = interleaved(start, examples, delays, 0.5)
    np.testing.assert_allclose(added, start + sum(changes), atol=1e-12)
    last = interleaved(start, examples, delays, 0.5, overwrite=True)
    np.testing.assert_allclose(last, start + changes[-1], atol=1e-12)


@given(seeds, st.integers(1, 5), st.integers(5, 9))
def test_conflicts_are_those_of_every_pair(seed: int, nonzeros: int, size: int) -> None:
    keys = [row[0] for row in plant(12, size, nonzeros, np.random.default_rng(seed)).rows()]
    sets = [set(row.tolist()) for row in keys]
    omega, delta, rho = conflicts(keys, size)
    assert omega == nonzeros
    assert delta == max(sum(c in one for one in sets) for c in range(size)) / 12
    assert rho == max(sum(bool(a & b) for b in sets) for a in sets) / 12


def test_delays_must_be_as_many_as_examples() -> None:
    with pytest.raises(ValueError):
        interleaved(np.zeros(3), plant(2, 3, 1, np.random.default_rng(0)).rows(), [0], 0.5)
