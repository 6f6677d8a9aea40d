"""Long runs are the same as interleavings; what late reading costs in updates, sparse and dense."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.hogwild import LeastSquares, draw_order, interleaved, plant
from mlsys.distributed.hogwild.trajectory import in_turn, run, updates_to


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.booleans())
def test_a_ring_of_vectors_is_as_good_as_all_of_them(
    seed: int, longest: int, overwrite: bool
) -> None:
    rng = np.random.default_rng(seed)
    problem = plant(15, 10, 3, rng)
    order = draw_order(problem, 3, rng)
    delays = rng.integers(0, longest + 1, size=len(order))
    examples = [problem[row] for row in order]
    expected = interleaved(np.zeros(10), examples, delays, 0.2, overwrite)
    weights, losses = run(problem, order, delays, 0.2, overwrite=overwrite, every=9)
    assert np.array_equal(weights, expected)
    assert len(losses) == 6
    assert losses[0] == problem.loss(np.zeros(10)) and losses[-1] == problem.loss(weights)


def updates(problem: LeastSquares, workers: int, overwrite: bool = False) -> float:
    """To a hundredth of the first loss, at rate 1/2."""
    order = draw_order(problem, 4, np.random.default_rng(1))
    delays = in_turn(len(order), workers)
    losses = run(problem, order, delays, 0.5, overwrite=overwrite, every=50)[1]
    return updates_to(losses, losses[0] / 100, 50)


def test_sparse_examples_hardly_notice_sixteen_workers() -> None:
    problem = plant(1500, 200, 4, np.random.default_rng(0))
    assert updates(problem, 16) <= 1.3 * updates(problem, 1)


def test_dense_examples_that_point_the_same_way_diverge() -> None:
    problem = plant(1500, 20, 20, np.random.default_rng(0), positive=True)
    assert updates(problem, 1) < 1000
    assert updates(problem, 16) == np.inf


def test_one_component_that_all_share_is_enough() -> None:
    problem = plant(1500, 200, 4, np.random.default_rng(0), shared=True)
    assert updates(problem, 1) < 5000
    assert updates(problem, 32) == np.inf


def test_whole_vectors_that_are_put_back_undo_the_work_of_others() -> None:
    """Of eight workers in turn each continues its own run: eight times the updates, or more."""
    problem = plant(1500, 50, 4, np.random.default_rng(0))
    assert updates(problem, 8, overwrite=True) > 6 * updates(problem, 8)


def test_updates_are_counted_to_where_the_loss_stays_low() -> None:
    losses = np.array([4.0, 1.0, 3.0, 1.0, 0.5])
    assert updates_to(losses, 4.0) == 0
    assert updates_to(losses, 0.5, 10) == 40
    assert updates_to(losses, 0.1) == np.inf
    assert updates_to(np.array([1.0, 0.1, np.inf]), 0.5) == np.inf
    assert updates_to(np.array([1.0, 0.1, np.nan]), 0.5) == np.inf
