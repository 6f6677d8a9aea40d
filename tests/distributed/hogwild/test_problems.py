"""Planted least squares against SciPy's sparse matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from mlsys.distributed.hogwild import LeastSquares, draw_order, plant


def matrix(problem: LeastSquares) -> csr_matrix:
    shape = len(problem), problem.size
    return csr_matrix((problem.values, problem.keys, problem.starts), shape=shape)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.booleans(), st.booleans())
def test_a_planted_problem_is_what_it_says(
    seed: int, nonzeros: int, shared: bool, positive: bool
) -> None:
    rng = np.random.default_rng(seed)
    problem = plant(30, 9, nonzeros, rng, shared=shared, positive=positive)
    keys = problem.keys.reshape(30, nonzeros)
    assert (np.diff(keys) > 0).all() and keys.min() >= 0 and keys.max() < 9
    assert not shared or (keys[:, 0] == 0).all()
    assert not positive or (problem.values >= 0).all()
    weights = rng.standard_normal(9)
    errors = matrix(problem) @ weights - problem.targets
    assert problem.loss(weights) == pytest.approx(np.mean(errors**2) / 2)
    row_keys, row_values, target = problem[7]
    assert np.array_equal(row_keys, keys[7]) and target == problem.targets[7]
    assert np.array_equal(row_values, problem.values.reshape(30, -1)[7])


def test_some_weights_meet_all_targets() -> None:
    problem = plant(50, 12, 4, np.random.default_rng(0))
    found = np.linalg.lstsq(matrix(problem).toarray(), problem.targets, rcond=None)[0]
    assert problem.loss(found) < 1e-20


def test_an_order_names_examples() -> None:
    problem = plant(50, 12, 4, np.random.default_rng(0))
    order = draw_order(problem, 2.5, np.random.default_rng(1))
    assert len(order) == 125 and set(order.tolist()) <= set(range(50))


@pytest.mark.parametrize("nonzeros", [0, 6])
def test_a_row_has_at_least_one_component_and_no_more_than_there_are(nonzeros: int) -> None:
    with pytest.raises(ValueError, match="1 to size = 5"):
        plant(3, 5, nonzeros, np.random.default_rng(0))
