"""The bound's factor, and the exact limit of a late weight, against simulation and eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.hogwild import conflicts, largest_rate, plant, slowdown
from mlsys.distributed.hogwild.bound import steepest, workers_allowed
from mlsys.distributed.hogwild.trajectory import in_turn, run, updates_to


@given(st.integers(0, 40), st.floats(0.01, 0.99))
def test_below_the_limit_all_roots_lie_in_the_unit_circle_and_above_one_does_not(
    delay: int, share: float
) -> None:
    for product, inside in ((share, True), (1 + share, False)):
        polynomial = np.zeros(delay + 2)
        polynomial[0], polynomial[1] = 1, -1
        polynomial[-1] += product * largest_rate(delay)
        assert (np.abs(np.roots(polynomial)).max() < 1) == inside


def test_a_delay_is_not_negative() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        largest_rate(-1)


def test_without_delay_there_is_no_slowdown_and_it_grows_with_the_square() -> None:
    assert slowdown(100, 1.0, 1.0, 0) == 1
    far, further = (slowdown(3, 0.01, 0.0, tau) - 1 for tau in (8, 16))
    assert further == pytest.approx(4 * far)


def test_the_bound_holds_and_is_far_away() -> None:
    problem = plant(800, 100, 3, np.random.default_rng(0))
    factor = slowdown(*conflicts([row[0] for row in problem.rows()], 100), tau=7)
    order = np.random.default_rng(1).integers(800, size=3000)
    alone, eight = (
        updates_to((losses := run(problem, order, in_turn(3000, p), 0.25)[1]), losses[0] / 50)
        for p in (1, 8)
    )
    assert eight <= factor * alone
    assert factor > 50 * eight / alone


def test_steepest_is_the_largest_eigenvalue() -> None:
    problem = plant(40, 7, 3, np.random.default_rng(0))
    mean = np.zeros((7, 7))
    for keys, values, _ in problem.rows():
        mean[np.ix_(keys, keys)] += np.outer(values, values) / 40
    assert steepest(problem) == pytest.approx(np.linalg.eigvalsh(mean)[-1])


def test_as_many_workers_as_the_steepest_direction_allows() -> None:
    """Mean steps, which have no noise, shrink with that many and grow with one more."""
    problem = plant(300, 5, 5, np.random.default_rng(0), positive=True)
    product = 0.3 * steepest(problem)
    allowed = workers_allowed(problem, 0.3)
    for workers, shrinks in ((allowed, True), (allowed + 1, False)):
        w = [1.0] * workers
        for _ in range(4000):
            w.append(w[-1] - product * w[-workers])
        assert (max(map(abs, w[-100:])) < max(map(abs, w[500:600]))) == shrinks
