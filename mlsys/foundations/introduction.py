"""A whole machine-learning system in small; the function that learns is the smallest part.

Each day orders for food arrive, and a model in service promises minutes of delivery time. Days
later the true times come back. They are validated, and compared with the promises (an alarm
tells when those have gone wrong); a new model is trained on the latest window; a gate lets it
replace the old one only if it does better on a day that neither has seen; and the service
remembers older versions, so that a mistake can be taken back.

The truth is planted: linear, with rush hours, and from a given day on every kilometre takes
longer. Nothing in the code changes on that day. After Sculley et al., "Hidden technical debt
in machine learning systems", NIPS 2015, and Breck et al., "The ML test score", 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Orders:
    """A batch of orders: one array of shape (n,) per column; ``minutes`` come later."""

    day: npt.NDArray[Any]
    km: npt.NDArray[Any]
    items: npt.NDArray[Any]
    hour: npt.NDArray[Any]  # whole hours of the local day, 0 to 23
    minutes: npt.NDArray[Any]  # from order to door: the label

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True)
class World:
    """The planted truth: minutes = weights · (1, km, items, rush) + noise."""

    weights: tuple[float, float, float, float] = (15.0, 4.0, 0.8, 6.0)
    noise: float = 3.0  # standard deviation, minutes
    orders_per_day: int = 300
    drift_day: int | None = None  # the first day on which roads are slower; None: never
    drift: float = 0.15  # minutes per kilometre, added on each day from then on

    def weights_on(self, day: int) -> Array:
        """The true weights of one day, shape (4,)."""
        weights: Array = np.array(self.weights)
        if self.drift_day is not None:
            weights[1] += self.drift * max(0, day - self.drift_day + 1)
        return weights


def arrive(world: World, day: int, rng: np.random.Generator) -> Orders:
    """Draw one day of orders from the world, with the times they will turn out to take."""
    n = world.orders_per_day
    km = rng.lognormal(mean=1.0, sigma=0.5, size=n).clip(0.3, 15.0)
    items = rng.integers(1, 9, size=n).astype(float)
    hour = rng.integers(9, 23, size=n).astype(float)
    orders = Orders(np.full(n, day), km, items, hour, minutes=np.full(n, np.nan))
    noise = world.noise * rng.standard_normal(n)
    return replace(orders, minutes=features(orders) @ world.weights_on(day) + noise)


def join(batches: Sequence[Orders]) -> Orders:
    """One batch that holds the rows of all ``batches`` in order."""
    return Orders(*(np.concatenate([getattr(b, f.name) for b in batches]) for f in fields(Orders)))


class Fault(Enum):
    """What can be wrong with a column."""

    LENGTH = "length"
    TYPE = "type"
    MISSING = "missing"
    RANGE = "range"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one column, and in how many rows."""

    fault: Fault
    column: str
    rows: int

    def __str__(self) -> str:
        return f"{self.column}: {self.fault.value} ({self.rows} rows)"


SCHEMA = {  # column: lowest and highest believable value
    "km": (0.1, 30.0),
    "items": (1.0, 40.0),
    "hour": (0.0, 23.0),
    "minutes": (1.0, 180.0),
}


def validate(orders: Orders) -> list[Problem]:
    """Name everything wrong with a batch; an empty list means that it may be used.

    Columns come in the order of ``SCHEMA``. Each is checked for its length (that of
    ``day``), then for its type (integers or floats, so neither bool nor complex); a column
    that passes both is checked row by row for missing values (NaN) and for values outside its
    range, whose ends belong to it. ``rows`` counts the rows concerned: too many or too few,
    all for a wrong type, the bad ones otherwise.
    """
    problems = []
    for column, (low, high) in SCHEMA.items():
        values = getattr(orders, column)
        if len(values) != len(orders):
            problems.append(Problem(Fault.LENGTH, column, abs(len(values) - len(orders))))
        elif values.dtype.kind not in "iuf":
            problems.append(Problem(Fault.TYPE, column, len(values)))
        else:
            missing = np.isnan(values)
            outside = (values < low) | (values > high)  # false for NaN
            for fault, bad in ((Fault.MISSING, missing), (Fault.RANGE, outside)):
                if bad.any():
                    problems.append(Problem(fault, column, int(bad.sum())))
    return problems


@dataclass(frozen=True, eq=False)
class Model:
    """Four weights, where they came from, and how well they did there."""

    version: int  # the day on which it was made
    weights: Array  # (4,)
    trained_on: tuple[int, int]  # first and last day of its data
    error: float  # mean absolute error on that data, minutes
    spread: float  # standard deviation of the absolute errors, minutes

    def predict(self, orders: Orders) -> Array:
        """Minutes promised for each order, shape (n,)."""
        return features(orders) @ self.weights


def features(orders: Orders) -> Array:
    """The columns a model sees, shape (n, 4): 1, km, items, and whether it is rush hour."""
    rush = np.isin(orders.hour, (11, 12, 13, 18, 19, 20))
    return np.column_stack([np.ones(len(orders)), orders.km, orders.items, rush])


def train(orders: Orders, version: int, ridge: float = 1e-6) -> Model:
    """Ridge regression in closed form: solve (XᵀX + ridge·I) w = Xᵀy."""
    x, y = features(orders), orders.minutes
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    errors = np.abs(x @ weights - y)
    days = int(orders.day.min()), int(orders.day.max())
    return Model(version, weights, days, float(errors.mean()), float(errors.std()))


@dataclass(frozen=True)
class Decision:
    """What the gate said, and the two errors it said it for (minutes, on the same orders)."""

    deploy: bool
    candidate_error: float
    incumbent_error: float


def mean_error(model: Model, orders: Orders) -> float:
    """Mean absolute difference between promised and true minutes."""
    return float(np.abs(model.predict(orders) - orders.minutes).mean())


def gate(candidate: Model, incumbent: Model, holdout: Orders) -> Decision:
    """Deploy only what has a smaller mean error than the model in service.

    ``holdout``: orders that neither was trained on; without any it raises ``ValueError``.
    A tie, or an error that is not a number, keeps the model in service.
    """
    if not len(holdout):
        raise ValueError("gate: the holdout has no orders; give it a day neither model saw")
    ours, theirs = mean_error(candidate, holdout), mean_error(incumbent, holdout)
    return Decision(ours < theirs, ours, theirs)


class Service:
    """Answers with the newest version, and keeps the ones before it."""

    def __init__(self, first: Model) -> None:
        self._versions = [first]

    @property
    def model(self) -> Model:
        """The version in service."""
        return self._versions[-1]

    def deploy(self, model: Model) -> None:
        """Put a new version into service."""
        self._versions.append(model)

    def rollback(self) -> Model:
        """Take back the last deployment; the version before it answers as it did."""
        if len(self._versions) == 1:
            raise ValueError(f"rollback: version {self.model.version} has none before it")
        self._versions.pop()
        return self.model


def alarm(model: Model, errors: Array, threshold: float = 4.0) -> bool:
    """Is the mean of one day's absolute ``errors``, shape (n,), too high to be chance?

    Compares it with the error of ``model`` in training, in standard errors of a mean of n.
    """
    standard_error = model.spread / np.sqrt(len(errors))
    return bool(errors.mean() > model.error + threshold * standard_error)


@dataclass(frozen=True, eq=False)
class Returned:
    """One day's orders, back with their true minutes, and what had been promised for them."""

    orders: Orders
    promised_by: Model
    errors: Array  # (n,), absolute, minutes


class Retrain(Enum):
    """When to train again."""

    NEVER = "never"
    ON_ALARM = "on alarm"
    DAILY = "daily"


@dataclass(frozen=True)
class Policy:
    """How the system is run; the defaults have every safeguard on."""

    retrain: Retrain = Retrain.DAILY
    validates: bool = True
    gates: bool = True
    window: int = 7  # days of data to train on
    delay: int = 2  # days until the true minutes of a day are known


@dataclass(frozen=True)
class Day:
    """One line of the log."""

    day: int
    version: int  # of the model that answered
    error: float  # mean absolute error of its promises, minutes
    problems: tuple[Problem, ...] = ()  # of the batch that came back today
    alarm: bool = False  # about the promises in that batch
    decision: Decision | None = None  # None: no new model was trained


Pipeline = Callable[[Orders], Orders]  # what may happen to orders on their way into the store


def intact(orders: Orders) -> Orders:
    """A healthy pipeline: what was recorded is what arrives in the store."""
    return orders


def run_days(
    world: World,
    policy: Policy,
    days: int,
    rng: np.random.Generator,
    export: Pipeline = intact,
) -> list[Day]:
    """Run the system from day 1 to ``days``; one seed gives all policies the same orders."""
    past = [arrive(world, day, rng) for day in range(1 - policy.window, 1)]
    service = Service(train(join(past), version=0))
    on_their_way: list[Returned] = []
    log = []
    for day in range(1, days + 1):
        orders, model = arrive(world, day, rng), service.model
        errors = np.abs(model.predict(orders) - orders.minutes)
        on_their_way.append(Returned(export(orders), model, errors))
        today = Day(day, model.version, float(errors.mean()))
        if day > policy.delay:
            today = look_back(today, service, past, on_their_way.pop(0), policy)
        log.append(today)
    return log


def look_back(
    today: Day, service: Service, past: list[Orders], returned: Returned, policy: Policy
) -> Day:
    """Validate the batch that came back, monitor, and, if it is time to, train and gate."""
    problems = tuple(validate(returned.orders)) if policy.validates else ()
    if problems:
        return replace(today, problems=problems)  # and the batch is never learnt from
    alarmed = alarm(returned.promised_by, returned.errors)
    decision = None
    if policy.retrain is Retrain.DAILY or (policy.retrain is Retrain.ON_ALARM and alarmed):
        candidate = train(join(past[-policy.window :]), version=today.day)
        decision = gate(candidate, service.model, holdout=returned.orders)
        if decision.deploy or not policy.gates:
            service.deploy(candidate)
    past.append(returned.orders)
    return replace(today, alarm=alarmed, decision=decision)
