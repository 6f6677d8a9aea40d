"""Laws of the small system: what each step promises, and what the loop does with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.introduction import (
    Day,
    Fault,
    Model,
    Orders,
    Policy,
    Problem,
    Retrain,
    Service,
    World,
    alarm,
    arrive,
    features,
    gate,
    join,
    run_days,
    train,
    validate,
)

seeds = st.integers(0, 2**32 - 1)
FIRST_TRUTH = (15.0, 4.0, 0.8, 6.0)


def batch(seed: int = 0, day: int = 1, **world: object) -> Orders:
    return arrive(World(**world), day, np.random.default_rng(seed))  # type: ignore[arg-type]


def some_model(seed: int) -> Model:
    rng = np.random.default_rng(seed)
    return Model(seed, np.array(FIRST_TRUTH) + rng.normal(size=4), (0, 0), 2.4, 1.8)


@given(seed=seeds, weights=st.tuples(*[st.floats(-9, 9)] * 4))
def test_without_noise_training_finds_the_planted_weights(seed, weights):
    model = train(batch(seed, weights=weights, noise=0.0), version=1, ridge=0.0)
    np.testing.assert_allclose(model.weights, weights, atol=1e-9)
    assert model.error < 1e-9


@given(seed=seeds)
def test_training_without_ridge_is_least_squares(seed):
    orders = batch(seed)
    oracle = np.linalg.lstsq(features(orders), orders.minutes, rcond=None)[0]
    np.testing.assert_allclose(train(orders, 1, ridge=0.0).weights, oracle, rtol=1e-9)


@given(seed=seeds, ridge=st.floats(1e-3, 1e6))
def test_ridge_is_least_squares_with_four_more_rows(seed, ridge):
    orders = batch(seed)
    x = np.vstack([features(orders), np.sqrt(ridge) * np.eye(4)])
    y = np.concatenate([orders.minutes, np.zeros(4)])
    oracle = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(train(orders, 1, ridge).weights, oracle, rtol=1e-6, atol=1e-9)


def test_a_model_knows_the_days_it_was_trained_on():
    window = join([batch(day=day) for day in (4, 5, 6)])
    assert len(window) == 900
    assert train(window, version=8).trained_on == (4, 6)


@given(day=st.integers(1, 60), drift_day=st.integers(1, 60))
def test_only_the_weight_of_a_kilometre_drifts_and_only_from_its_day(day, drift_day):
    moved = World(drift_day=drift_day, drift=0.5).weights_on(day) - np.array(FIRST_TRUTH)
    expected = 0.5 * (day - drift_day + 1) if day >= drift_day else 0.0
    np.testing.assert_allclose(moved, [0.0, expected, 0.0, 0.0])
    np.testing.assert_array_equal(World().weights_on(day), FIRST_TRUTH)


@given(seed=seeds, day=st.integers(-7, 40))
def test_what_arrives_is_valid(seed, day):
    assert validate(batch(seed, day, drift_day=15)) == []


BAD_VALUES = [
    (Fault.MISSING, "km", np.nan),
    (Fault.MISSING, "minutes", np.nan),
    (Fault.RANGE, "km", 2400.0),
    (Fault.RANGE, "items", 0.0),
    (Fault.RANGE, "hour", 24.0),
    (Fault.RANGE, "minutes", -1.0),
    (Fault.RANGE, "minutes", np.inf),
]


@pytest.mark.parametrize(("fault", "column", "value"), BAD_VALUES)
@given(seed=seeds, rows=st.integers(1, 300))
def test_each_kind_of_bad_row_is_named_and_counted(fault, column, value, seed, rows):
    orders = batch(seed)
    values = getattr(orders, column).copy()
    values[np.random.default_rng(seed).permutation(300)[:rows]] = value
    assert validate(replace(orders, **{column: values})) == [Problem(fault, column, rows)]


def test_a_wrong_type_and_a_short_column_are_named_and_do_not_hide_the_rest():
    orders = batch()
    broken = replace(
        orders, km=orders.km.astype(str), hour=orders.hour[:-3], items=orders.items * 9
    )
    assert validate(broken)[0] == Problem(Fault.TYPE, "km", 300)
    assert [p.column for p in validate(broken)] == ["km", "items", "hour"]
    assert validate(broken)[2] == Problem(Fault.LENGTH, "hour", 3)
    assert str(validate(broken)[2]) == "hour: length (3 rows)"


def test_the_ends_of_a_range_belong_to_it():
    orders = batch(orders_per_day=2)
    assert validate(replace(orders, km=np.array([0.1, 30.0]), hour=np.array([0, 23]))) == []


def test_metres_for_kilometres_train_without_complaint():
    metres = replace(batch(), km=batch().km * 1000)
    assert np.isfinite(train(metres, 1).weights).all()
    assert validate(metres) == [Problem(Fault.RANGE, "km", 300)]


@given(ours=seeds, theirs=seeds, seed=seeds)
def test_the_gate_never_deploys_a_worse_model(ours, theirs, seed):
    candidate, incumbent, holdout = some_model(ours), some_model(theirs), batch(seed)
    decision = gate(candidate, incumbent, holdout)
    truth = [
        np.mean(np.abs(features(holdout) @ m.weights - holdout.minutes))
        for m in (candidate, incumbent)
    ]
    assert (decision.candidate_error, decision.incumbent_error) == pytest.approx(tuple(truth))
    assert decision.deploy == (truth[0] < truth[1])


def test_the_gate_keeps_what_is_in_service_on_a_tie_and_on_a_broken_candidate():
    model, holdout = some_model(1), batch()
    assert not gate(model, model, holdout).deploy
    assert not gate(replace(model, weights=np.full(4, np.nan)), model, holdout).deploy


def test_the_gate_asks_for_a_holdout():
    nothing = batch(orders_per_day=0)
    with pytest.raises(ValueError, match="holdout has no orders"):
        gate(some_model(1), some_model(2), nothing)


@given(seed=seeds, versions=st.integers(1, 6))
def test_rollback_restores_every_promise_to_the_bit(seed, versions):
    orders = batch(seed)
    service = Service(some_model(0))
    promises = [service.model.predict(orders)]
    for version in range(1, versions):
        service.deploy(some_model(version))
        promises.append(service.model.predict(orders))
    for version in reversed(range(versions - 1)):
        assert service.rollback().version == version
        np.testing.assert_array_equal(service.model.predict(orders), promises[version])
    with pytest.raises(ValueError, match="version 0 has none before it"):
        service.rollback()


@given(seed=seeds, retrain=st.sampled_from(Retrain), gates=st.booleans())
def test_one_seed_gives_one_log(seed, retrain, gates):
    world, policy = World(drift_day=5, orders_per_day=40), Policy(retrain=retrain, gates=gates)
    one, other = (run_days(world, policy, 12, np.random.default_rng(seed)) for _ in range(2))
    assert one == other


def log_of(seed: int, days: int, drift_day: int | None = None, **policy: object) -> list[Day]:
    rng = np.random.default_rng(seed)
    return run_days(World(drift_day=drift_day), Policy(**policy), days, rng)  # type: ignore[arg-type]


def test_the_alarm_is_silent_when_nothing_changes():
    """Four standard errors on one side: about 3 false alarms in 100,000 days by the normal law."""
    days = [day for seed in range(20) for day in log_of(seed, 50, retrain=Retrain.NEVER)]
    assert sum(day.alarm for day in days) <= 1


@pytest.mark.parametrize("seed", range(10))
def test_the_alarm_finds_the_planted_drift_within_nine_days(seed):
    log = log_of(seed, 40, drift_day=15, retrain=Retrain.NEVER)
    first = next(day.day for day in log if day.alarm)
    assert 15 + 2 <= first <= 15 + 9  # nothing can be seen before the first slow day comes back


@given(n=st.integers(2, 500))
def test_the_alarm_counts_in_standard_errors_of_a_day(n):
    model = replace(some_model(0), error=2.0, spread=1.0)
    assert not alarm(model, np.full(n, 2.0 + 3.9 / np.sqrt(n)))
    assert alarm(model, np.full(n, 2.0 + 4.1 / np.sqrt(n)))


@pytest.mark.parametrize("seed", range(5))
def test_without_drift_and_retraining_the_error_stays_at_the_noise(seed):
    """The mean absolute value of normal noise is its standard deviation times sqrt(2 / pi)."""
    errors = [day.error for day in log_of(seed, 40, retrain=Retrain.NEVER)]
    assert np.mean(errors) == pytest.approx(3.0 * np.sqrt(2 / np.pi), rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_with_drift_retraining_holds_the_error_and_not_retraining_does_not(seed):
    never, on_alarm, daily = (log_of(seed, 45, drift_day=15, retrain=r)[-1].error for r in Retrain)
    assert never > 4 * 2.4
    assert max(on_alarm, daily) < never / 2


def metres_on_day_ten(orders: Orders) -> Orders:
    return replace(orders, km=orders.km * 1000) if orders.day[0] == 10 else orders


def worst_error(seed: int, **policy: object) -> float:
    rng = np.random.default_rng(seed)
    log = run_days(World(), Policy(**policy), 25, rng, metres_on_day_ten)  # type: ignore[arg-type]
    return max(day.error for day in log)


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_in_metres_is_stopped_by_validation_or_by_the_gate_and_by_nothing_else(seed):
    assert worst_error(seed, gates=False) < 3
    assert worst_error(seed, validates=False) < 3
    assert worst_error(seed, validates=False, gates=False) > 4


def test_the_bad_batch_is_named_in_the_log_on_the_day_it_comes_back():
    log = run_days(World(), Policy(), 14, np.random.default_rng(0), metres_on_day_ten)
    assert {day.day: day.problems for day in log if day.problems} == {
        12: (Problem(Fault.RANGE, "km", 300),)
    }


@given(seed=seeds, delay=st.integers(1, 6))
def test_nothing_is_learnt_before_the_true_times_are_known(seed, delay):
    log = log_of(seed, delay + 3, drift_day=1, delay=delay)
    assert all(day.decision is None and day.version == 0 for day in log[:delay])
    assert all(day.decision is not None for day in log[delay:])
