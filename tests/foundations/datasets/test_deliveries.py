"""Late labels: known after the door, never before; and what is known is fast for its age."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.datasets.deliveries import DAY, Deliveries, plant_town
from mlsys.foundations.introduction import Orders, World, join, validate

seeds = st.integers(0, 2**32 - 1)


def columns(batches: list[Deliveries]) -> dict[str, np.ndarray]:
    orders = join([b.orders for b in batches])
    rest = {name: [getattr(b, name) for b in batches] for name in ("kitchen", "placed", "known")}
    return {f.name: getattr(orders, f.name) for f in fields(Orders)} | {
        name: np.concatenate(arrays) for name, arrays in rest.items()
    }


@given(cut=st.integers(0, 4), seed=seeds)
def test_days_in_one_go_are_days_in_two(cut, seed):
    town = plant_town(20, np.random.default_rng(1), World(orders_per_day=40))
    one, two = np.random.default_rng(seed), np.random.default_rng(seed)
    whole = columns(list(town.stream(range(4), one)))
    parts = columns([*town.stream(range(cut), two), *town.stream(range(cut, 4), two)])
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)


@given(seed=seeds, day=st.integers(0, 400))
def test_a_day_is_valid_in_order_and_known_only_after_the_door(seed, day):
    rng = np.random.default_rng(seed)
    deliveries = plant_town(20, rng, World(noise=1.0), spread=1.0).day(day, rng)
    assert validate(deliveries.orders) == []
    assert (np.diff(deliveries.placed) >= 0).all()
    hours = (deliveries.placed - DAY * day) / 60
    np.testing.assert_array_equal(np.floor(hours), deliveries.orders.hour)
    assert (deliveries.known >= deliveries.placed + deliveries.orders.minutes).all()
    assert ((deliveries.kitchen >= 0) & (deliveries.kitchen < 20)).all()


@given(seed=seeds, day=st.integers(0, 60))
def test_without_noise_minutes_are_what_is_expected(seed, day):
    rng = np.random.default_rng(seed)
    town = plant_town(5, rng, World(noise=0.0, drift_day=20, drift=0.3))
    deliveries = town.day(day, rng)
    np.testing.assert_allclose(town.expected(deliveries), deliveries.orders.minutes)


def test_with_noise_the_best_model_errs_as_a_normal_error_does():
    rng = np.random.default_rng(2)
    town = plant_town(50, rng, World(orders_per_day=50_000, noise=3.0))
    deliveries = town.day(1, rng)
    error = np.abs(deliveries.orders.minutes - town.expected(deliveries))
    mean, variance = 3 * np.sqrt(2 / np.pi), 9 * (1 - 2 / np.pi)
    assert abs(error.mean() - mean) < 6 * np.sqrt(variance / len(error))


@given(seed=seeds, hours=st.floats(0, 72))
def test_known_by_keeps_just_the_rows_whose_label_is_there(seed, hours):
    rng = np.random.default_rng(seed)
    day = plant_town(20, rng, World(orders_per_day=60)).day(0, rng)
    seen = day.known_by(60 * hours)
    assert len(seen) == (day.known <= 60 * hours).sum()
    assert (seen.known <= 60 * hours).all()
    assert set(seen.placed) <= set(day.placed)


def test_what_is_known_is_fast_for_its_age():
    rng = np.random.default_rng(3)
    town = plant_town(50, rng, World(orders_per_day=20_000))
    day = town.day(0, rng)
    for now in (DAY, 2 * DAY):
        known = day.known <= now
        one, other = day.orders.minutes[known], day.orders.minutes[~known]
        error = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert other.mean() - one.mean() > 6 * error


def test_disputes_take_their_planted_mean():
    rng = np.random.default_rng(4)
    town = plant_town(50, rng, World(orders_per_day=30_000))
    day = town.day(0, rng)
    wait = day.known - day.placed - day.orders.minutes
    late = day.orders.minutes > town.late
    for group, mean, sigma in (
        (~late, town.report, town.report),
        (late, town.report + town.dispute, np.hypot(town.report, town.dispute)),
    ):
        assert abs(wait[group].mean() - mean) < 6 * sigma / np.sqrt(group.sum())


@pytest.mark.parametrize("kitchens", [0, -1])
def test_a_town_has_kitchens(kitchens):
    with pytest.raises(ValueError, match="at least one kitchen"):
        plant_town(kitchens, np.random.default_rng(0))
