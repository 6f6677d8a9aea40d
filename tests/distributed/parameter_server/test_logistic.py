"""The algorithm against its bounds, against scikit-learn, against the planted truth; many = one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import SimulatedCluster
from mlsys.distributed.parameter_server.columns import Columns, Plan, cut, of_clicks, of_table
from mlsys.distributed.parameter_server.consistency import Consistency
from mlsys.distributed.parameter_server.filters import KKT
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.logistic import (
    BlockProximal,
    Fit,
    Learner,
    alone,
    objective,
    recovery,
    work,
)
from mlsys.distributed.parameter_server.node import run
from mlsys.foundations.datasets import Clicks, plant_clicks, table

small = st.floats(-3, 3)
FIELDS = (400, 150, 50)
INTERCEPT = sum(FIELDS)
BOUNDS = cut((0, 400, 550, INTERCEPT, INTERCEPT + 1), 3)


def log(workers: int, rows: int = 3000) -> tuple[list[Columns], np.ndarray, np.ndarray]:
    """A log dealt out to workers; the planted weights; how often each key occurs."""
    truth = plant_clicks(FIELDS, np.random.default_rng(1), exponent=0.6, rate=0.3, spread=2.0)
    made = truth.rows(rows, np.random.default_rng(2))
    parts = [Clicks(made.keys[w::workers], made.clicked[w::workers]) for w in range(workers)]
    often = np.bincount(made.keys.ravel(), minlength=INTERCEPT)
    return [of_clicks(part, INTERCEPT) for part in parts], truth.weights, often


def last(parts: list[Columns], plan: Plan, update: BlockProximal) -> np.ndarray:
    *_, rows = alone(parts, plan, update)
    return rows


# ------------------------------------------------------------ one step


@given(small, small, st.floats(0.1, 9), st.floats(0, 2), st.floats(0.1, 1), st.floats(0.1, 2))
def test_a_weight_moves_to_the_least_value_within_reach(
    w: float, g: float, h: float, l1: float, step: float, radius: float
) -> None:
    row = np.array([[w, 0.0]])
    BlockProximal(l1, step, radius).apply(row, {}, np.array([[g, h]]))
    value = lambda v: g * (v - w) + h / step * (v - w) ** 2 / 2 + l1 * abs(v)  # noqa: E731
    assert abs(row[0, 0] - w) <= radius + 1e-12
    assert row[0, 1] == g
    others = np.append(w + radius * np.linspace(-1, 1, 21), 0.0 if abs(w) <= radius else w)
    assert value(row[0, 0]) <= value(others).min() + 1e-12


def learner(seed: int) -> tuple[Learner, np.ndarray, np.ndarray, np.ndarray]:
    """A learner that knows random weights, and its examples as a table, labels, and weights."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=(7, 3)), np.ones(7)])
    y, w = rng.integers(0, 2, 7), rng.normal(size=4)
    made = Learner(of_table(x[:, :-1], y))
    made.see(slice(0, 4), np.column_stack([w + 1, w]))
    made.see(slice(0, 1), np.column_stack([w, w])[:1])
    made.see(slice(1, 4), np.column_stack([w, w])[1:])
    return made, x, y, w


@given(st.integers(0, 10**6))
def test_margins_and_slopes_are_those_of_the_table(seed: int) -> None:
    made, x, y, w = learner(seed)
    np.testing.assert_allclose(made.margin, x @ w, atol=1e-12)
    p = 1 / (1 + np.exp(-x @ w))
    np.testing.assert_allclose(made.loss(), -np.log(np.where(y == 1, p, 1 - p)).sum())
    np.testing.assert_allclose(made.slopes(slice(1, 3))[:, 0], (x.T @ (p - y))[1:3], atol=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 3), st.floats(-1, 1))
def test_the_loss_stays_below_the_quadratic(seed: int, feature: int, move: float) -> None:
    made, _, _, w = learner(seed)
    g, h = made.slopes(slice(feature, feature + 1))[0]
    before = made.loss()
    made.see(slice(feature, feature + 1), np.array([[w[feature] + move, 0]]))
    assert made.loss() <= before + g * move + h * move**2 / 2 + 1e-9


@given(st.integers(0, 10**6), st.floats(0, 3))
def test_feature_by_feature_the_objective_never_rises(seed: int, l1: float) -> None:
    part = learner(seed)[0].columns
    values = [
        objective([part], rows[:, 0], l1)
        for rows in alone([part], Plan((0, 1, 2, 3, 4), 5), BlockProximal(l1))
    ]
    assert (np.diff(values) <= 1e-9).all()


# ------------------------------------------------------------ where it ends


@pytest.mark.parametrize("delay", [0, 4])
def test_it_ends_where_scikit_learn_does(delay: int) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    data = table("breast_cancer")
    x = ((data.x - data.x.mean(0)) / data.x.std(0)).astype(float)
    both = np.column_stack([x, np.ones(len(x))])
    theirs = linear_model.LogisticRegression(
        l1_ratio=1.0, solver="liblinear", C=0.1, tol=1e-8, max_iter=10_000, fit_intercept=False
    ).fit(both, data.y)
    part = of_table(x, data.y)
    rows = last([part], Plan(tuple(range(32)), 80, delay), BlockProximal(10.0))
    found, best = (objective([part], w, 10.0) for w in (rows[:, 0], theirs.coef_[0]))
    assert best <= found * (1 + 1e-6)
    assert found <= best * (1 + 1e-3)


def test_it_finds_what_was_planted() -> None:
    parts, truth, often = log(workers=1, rows=20_000)
    found = last(parts, Plan(BOUNDS, 30), BlockProximal(25.0))[:-1, 0]
    seen = often >= 300
    assert recovery(found, truth).precision >= 0.8
    assert recovery(found[seen], truth[seen]).recall >= 0.8
    assert recovery(found[seen], truth[seen]).correlation >= 0.9


# ------------------------------------------------------------ many machines


def fit(parts: list[Columns], plan: Plan, l1: float, **options: Any) -> list[Fit]:
    """On the simulated cluster, with two servers."""
    kept = Table(
        "weights",
        plan.bounds[-1],
        width=2,
        dtype="<f8",
        update=BlockProximal(l1),
        consistency=Consistency(plan.delay, aggregate=True),
        shards=3,
    )
    group = Group((kept,), servers=2)

    def program(comm: Any) -> Any:
        return run(comm, group, lambda client: work(client, parts[client.index], plan, **options))

    return SimulatedCluster(3 + len(parts)).run(program).values[3:]


@pytest.mark.parametrize("delay", [0, 3])
def test_workers_compute_what_one_machine_does(delay: int) -> None:
    parts, _, _ = log(workers=3)
    plan = Plan(BOUNDS, 3, delay)
    rows = last(parts, plan, BlockProximal(8.0))
    for each in fit(parts, plan, 8.0):
        np.testing.assert_array_equal(each.weights, rows[each.keys, 0])


def test_the_kkt_filter_saves_pushes_and_costs_nothing() -> None:
    parts, _, _ = log(workers=2)
    plan = Plan(BOUNDS, 12, refresh=6)
    best = last(parts, plan, BlockProximal(8.0))[:, 0]
    filtered = fit(parts, plan, 8.0, kkt=KKT(8.0, 1.0))
    weights = np.zeros(plan.bounds[-1])
    for each in filtered:
        weights[each.keys] = each.weights
        assert each.pushed < 0.4 * plan.passes * len(each.keys)
    assert objective(parts, weights, 8.0) <= objective(parts, best, 8.0) * (1 + 1e-3)
