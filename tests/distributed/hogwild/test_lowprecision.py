"""Rounding: near, unbiased, inside the range; nearest stands still where random goes on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.hogwild import draw_order, plant
from mlsys.distributed.hogwild.lowprecision import FixedPoint, round_to
from mlsys.distributed.hogwild.trajectory import in_turn, run

steps = st.sampled_from([1.0, 0.5, 2.0**-6])


@given(st.lists(st.floats(-100, 100), min_size=1), steps, st.integers(0, 2**32 - 1))
def test_rounded_numbers_are_multiples_next_to_what_they_were(
    x: list[float], step: float, seed: int
) -> None:
    for rng, most in ((None, 0.5), (np.random.default_rng(seed), 1.0)):
        rounded = round_to(np.array(x), step, rng)
        assert np.array_equal(rounded, step * np.rint(rounded / step))
        assert (np.abs(rounded - x) <= most * step * (1 + 1e-12)).all()
    multiples = step * np.rint(np.array(x) / step)
    assert np.array_equal(round_to(multiples, step, np.random.default_rng(seed)), multiples)


def test_random_rounding_is_right_on_average() -> None:
    """Mean of 40,000 with standard deviation at most 1/2: 6 sigma are 0.015."""
    rng = np.random.default_rng(0)
    for x in (0.1, 0.5, -0.9, 3.25):
        assert abs(round_to(np.full(40_000, x), 1.0, rng).mean() - x) < 0.015


def test_numbers_stop_at_the_ends_of_their_range() -> None:
    add = FixedPoint(bits=8, step=0.25)
    weights = np.zeros(3)
    add(weights, np.array([0, 2]), np.array([1000.0, -1000.0]))
    assert weights.tolist() == [127 / 4, 0, -128 / 4] and add.largest == 127 / 4


def test_small_changes_add_up_only_if_rounded_at_random() -> None:
    """4,000 changes of 0.1: 400, with a standard deviation of 19 when rounded at random."""
    key, change = np.array([0]), np.array([0.1])
    for rng, low, high in ((None, 0, 0), (np.random.default_rng(0), 286, 514)):
        weights, add = np.zeros(1), FixedPoint(16, 1.0, rng)
        for _ in range(4000):
            add(weights, key, change)
        assert low <= weights[0] <= high


def test_eight_workers_learn_with_eight_bits_if_rounded_at_random() -> None:
    rng = np.random.default_rng(0)
    problem = plant(500, 50, 4, rng)
    order = draw_order(problem, 16, rng)
    full, near, random = (
        run(problem, order, in_turn(len(order), 8), 0.1, every=len(order), **how)[1][-1]
        for how in (
            {},
            {"add": FixedPoint(8, 2.0**-5)},
            {"add": FixedPoint(8, 2.0**-5, np.random.default_rng(1))},
        )
    )
    assert full < random < near / 10
