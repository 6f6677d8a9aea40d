"""What it is worth to see the stages of a pipeline: experiments, the same for everybody.

Stages and machines are made up, in proportions that are usual; traffic is drawn; digits are real.
Sources: Crankshaw and others, SoCC 2020 (InferLine); Lee and others, OSDI 2018 (Pretzel);
Teerapittayanon, McDanel and Kung, ICPR 2016 (BranchyNet).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.foundations.simulation.arrivals import thinned
from mlsys.serving.batching.simulated import Linear
from mlsys.serving.pipelines.estimator import estimate, service_time
from mlsys.serving.pipelines.graph import Array, Edge, Graph, Traffic, routed, visits
from mlsys.serving.pipelines.planner import Objective, Planner, Settings
from mlsys.serving.pipelines.profiles import (
    Catalogue,
    Profile,
    Setting,
    price,
    replicas_needed,
    throughput,
)
from mlsys.serving.pipelines.tuner import Followed, Tuner, envelope, follow, replica_seconds

VIDEO = Graph(
    ("decode", "detect", "cars", "people"),
    (Edge("decode", "detect"), Edge("detect", "cars", 0.4), Edge("detect", "people", 0.7)),
)


def _on(fixed: float, each: float, price: float, most: int = 64) -> Profile:
    return Profile(Linear(1e-3 * fixed, 1e-3 * each), price, most)  # from milliseconds


MACHINES: Catalogue = {
    "decode": {"cpu": _on(0.5, 3, 0.05)},
    "detect": {"cpu": _on(20, 400, 0.05, 4), "gpu": _on(25, 8, 0.70), "fast": _on(12, 2.5, 2.50)},
    "cars": {"cpu": _on(8, 60, 0.05, 16), "gpu": _on(12, 3, 0.70), "fast": _on(7, 0.8, 2.50)},
    "people": {"cpu": _on(4, 16, 0.05, 16), "gpu": _on(8, 2.2, 0.70), "fast": _on(5, 0.6, 2.50)},
}


def video(rate: float = 150.0, count: int = 1500, seed: int = 0) -> Traffic:
    """Poisson requests for the pipeline ``VIDEO``."""
    rng = np.random.default_rng(seed)
    return routed(VIDEO, poisson_arrivals(rate, count, rng), rng)


def peak(arrivals: Array, seconds: float) -> float:
    """Requests a second in the fullest window of this length."""
    return float(envelope(arrivals, np.array([seconds]))[0]) / seconds


def as_one(catalogue: Catalogue, traffic: Traffic, objective: Objective, rate: float) -> Settings:
    """The pipeline as a black box: whole copies of it, as many as the rate needs.

    Each copy has one replica of every stage on the fastest hardware, all with the same batch: the
    largest power of two with which a request is in time if it waits for a batch as long as its own.
    A copy does as much as its slowest stage.
    """
    graph, often = traffic.graph, visits(traffic.graph)
    kinds = {s: min(catalogue[s], key=lambda k: catalogue[s][k].curve.seconds(1)) for s in often}
    fits, batch = 1, 1
    while batch <= min(catalogue[s][kinds[s]].most for s in often):
        one = {stage: Setting(kinds[stage], batch, 1) for stage in graph.stages}
        if 2 * service_time(graph, catalogue, one) <= objective.seconds:
            fits = batch
        batch *= 2
    copies = max(
        replicas_needed(rate * often[s], throughput(catalogue[s][kinds[s]].curve, fits))
        for s in often
    )
    return {stage: Setting(kinds[stage], fits, copies) for stage in graph.stages}


@dataclass(frozen=True)
class Provisioned:
    """Price an hour and share of late requests: planned, and as a black box for mean and peak.

    The shares are those of fresh traffic, which no plan has seen.
    """

    objective: float
    planned: float
    mean: float
    peak: float
    late: tuple[float, float, float]  # in the same order
    plan: Settings

    @property
    def times(self) -> float:
        """How many times as dear the black box for the peak is."""
        return self.peak / self.planned


def provisioned(objectives: Sequence[float], rate: float = 150.0) -> list[Provisioned]:
    """Plans for the same traffic under several promises."""
    traffic, fresh, found = video(rate), video(rate, seed=1), []
    for seconds in objectives:
        objective = Objective(seconds)
        plans = [
            Planner(MACHINES, traffic, objective).plan(),
            as_one(MACHINES, traffic, objective, traffic.rate),
            as_one(MACHINES, traffic, objective, peak(traffic.arrivals, seconds)),
        ]
        late = [estimate(fresh, MACHINES, plan).missed(seconds) for plan in plans]
        planned, mean, most = (price(MACHINES, plan) for plan in plans)
        found.append(
            Provisioned(seconds, planned, mean, most, (late[0], late[1], late[2]), plans[0])
        )
    return found


TINY = Graph(("small", "large"), (Edge("small", "large", 0.5),))
TINY_MACHINES: Catalogue = {
    "small": {"cpu": _on(4, 8, 0.05, 4), "gpu": _on(5, 1, 0.60, 4)},
    "large": {"cpu": _on(10, 50, 0.05, 4), "gpu": _on(12, 5, 0.60, 4)},
}


def cheapest(planner: Planner, most: Sequence[int]) -> float:
    """The price of the cheapest plan of all. Plays them in the order of price, until one will do.

    most: replicas of each stage up to which plans are tried; batches are powers of two.
    """
    choices = []
    for stage, limit in zip(planner.traffic.graph.stages, most, strict=True):
        kinds = planner.catalogue[stage]
        choices.append([
            Setting(kind, 1 << exponent, count)
            for kind in kinds
            for exponent in range(kinds[kind].most.bit_length())
            for count in range(1, limit + 1)
        ])  # fmt: skip
    plans = [dict(zip(planner.traffic.graph.stages, each)) for each in itertools.product(*choices)]
    plans.sort(key=lambda plan: price(planner.catalogue, plan))
    return next((price(planner.catalogue, p) for p in plans if planner.feasible(p)), math.inf)


def against_optimum(objectives: Sequence[float], rate: float = 60.0) -> list[tuple[float, float]]:
    """Prices of the planner's plan and of the cheapest of all, on a pipeline of two stages."""
    rng, found = np.random.default_rng(0), []
    traffic = routed(TINY, poisson_arrivals(rate, 400, rng), rng)
    for seconds in objectives:
        planner = Planner(TINY_MACHINES, traffic, Objective(seconds))
        planned = price(TINY_MACHINES, planner.plan())
        found.append((planned, cheapest(planner, most=(16, 16))))
    return found


@dataclass(frozen=True)
class Served:
    """Some way to serve traffic: the price of it all, and the share of requests that were late.

    latency: of each request. ordered: replicas of each stage, from each moment on.
    """

    name: str
    paid: float
    late: float
    latency: Array
    ordered: dict[str, list[tuple[float, int]]]


LOW, HIGH = 150.0, 450.0  # requests a second
RISE, FALL, END = 60.0, 160.0, 300.0  # seconds


def changing_arrivals(ramp: float = 60.0, seed: int = 5) -> Array:
    """Five minutes at the rate LOW, in which it trebles, stays high for a while, and falls."""

    def rate(times: Array) -> Array:
        return np.interp(times, [RISE, RISE + ramp, FALL, FALL + ramp], [LOW, HIGH, HIGH, LOW])

    return thinned(rate, HIGH, END, np.random.default_rng(seed))


def changing(
    seconds: float = 0.3, startup: float = 5.0, ramp: float = 60.0, fullest: float = 0.7
) -> list[Served]:
    """Traffic that trebles within ``ramp`` seconds: plans that stay, and tuners.

    The tuned plan is made for the low rate. A new replica works ``startup`` seconds after its
    order. One tuner compares whole envelopes, the other only windows of half a minute, which is
    to go by the rate.
    """
    arrivals = changing_arrivals(ramp)
    traffic = routed(VIDEO, arrivals, np.random.default_rng(3))
    low, high = (
        Planner(MACHINES, video(r), Objective(seconds), fullest).plan() for r in (LOW, HIGH)
    )
    copies = as_one(MACHINES, traffic, Objective(seconds), peak(arrivals, seconds))
    staying = {"for the low rate": low, "for the high rate": high, "copies": copies}
    found = [_served(name, traffic, plan, None, seconds) for name, plan in staying.items()]
    proved = video(LOW, count=int(60 * LOW))
    for name, shortest in (("tuned by the rate", 30.0), ("tuned by the envelope", 0.0)):
        tuner = Tuner(MACHINES, low, proved, shortest=shortest)
        followed = follow(tuner, arrivals, startup=startup)
        found.append(_served(name, traffic, low, followed, seconds))
    return found


def _served(
    name: str, traffic: Traffic, plan: Settings, followed: Followed | None, seconds: float
) -> Served:
    ordered = followed.ordered if followed else {s: [(0.0, plan[s].replicas)] for s in plan}
    played = estimate(traffic, MACHINES, plan, followed.working if followed else None)
    end = float(traffic.arrivals[-1])
    paid = sum(
        MACHINES[stage][plan[stage].hardware].price * replica_seconds(steps, end) / 3600
        for stage, steps in ordered.items()
    )
    return Served(name, paid, played.missed(seconds), played.latency, ordered)
