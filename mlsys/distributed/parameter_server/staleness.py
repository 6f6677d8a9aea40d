"""What waiting is worth: two experiments on the virtual clock, the same by seed.

Whoever waits for the others computes with weights that are as new as can be; whoever does not wait
computes more, from older ones. Time to a loss is the product of both, iterations × seconds per
iteration: one rises with the delay that is allowed, the other falls.

``bounded_delay`` is the paper's experiment: its algorithm, one time to a loss for each delay.
``stragglers`` compares three policies, when every worker knows classes that others hardly see.
Source: Li et al., OSDI 2014, figure 13; Ho et al., "More effective distributed ML via a stale
synchronous parallel parameter server", NIPS 2013.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlsys.distributed.cluster import Communicator, Faults, SimulatedCluster, flat
from mlsys.distributed.parameter_server import logistic, mlp
from mlsys.distributed.parameter_server.client import Client
from mlsys.distributed.parameter_server.columns import Columns, Plan, cut, of_clicks
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP, Consistency
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.node import run
from mlsys.distributed.parameter_server.trajectory import Trajectory
from mlsys.distributed.parameter_server.updates import SGD
from mlsys.foundations.autodiff import no_grad
from mlsys.foundations.datasets import Clicks, digits, plant_clicks
from mlsys.foundations.nn import MLP, Module, cross_entropy

ALPHA, BETA = 50e-6, 1e-9  # a message of n bytes takes α + β n seconds


class Outcome(NamedTuple):
    """What one setting has come to. Infinite seconds: it has not got there."""

    seconds: float  # until the loss stays at or below the level that was asked for
    updates: int  # iterations that all workers together had begun by then
    waiting: float  # share of their time, by then or in all, in which they waited
    loss: float  # at the end


def hiccups(share: float, factor: float) -> Callable[[np.random.Generator], float]:
    """Now and then, by chance, a piece of work takes ``factor`` times as long."""
    return lambda rng: factor if rng.random() < share else 1.0


def outcome(tracks: Sequence[Trajectory], level: float) -> Outcome:
    """From what the first worker has watched, for as long as all were at work."""
    first, together = tracks[0], min(track.seconds[-1] for track in tracks)
    watched = first.watched[first.seconds <= together]
    above = np.flatnonzero(~(watched <= level))
    reached = int(above[-1]) + 1 if above.size else 0
    seconds = float(first.seconds[reached]) if reached < len(watched) else math.inf
    begun = [int(np.searchsorted(track.seconds, seconds, side="right")) for track in tracks]
    both = list(zip(tracks, begun, strict=True))
    passed = sum(float(track.seconds[count - 1]) for track, count in both)
    waited = sum(float(track.waited[count - 1]) for track, count in both)
    return Outcome(seconds, sum(begun), waited / max(passed, 1e-300), float(watched[-1]))


def simulate(
    table: Table, work: Callable[[Client], Trajectory], workers: int, faults: Faults, level: float
) -> Outcome:
    """Run so many workers with one server, until they have done their work."""
    group, ranks = Group((table,)), workers + 2

    def program(comm: Communicator) -> Any:
        return run(comm, group, work)

    cluster = SimulatedCluster(flat(ranks, alpha=ALPHA, beta=BETA), faults=faults)
    return outcome(cluster.run(program).values[2:], level)


# ------------------------------------------------------------ bounded delay

L1 = 10.0
FIELDS = (2000, 500, 100)  # keys of each field of a log


def bounded_delay(
    delays: Sequence[int] = (0, 1, 2, 4, 8, 16),
    *,
    workers: int = 6,
    passes: int = 7,
    seed: int = 1,
) -> list[Outcome]:
    """Sparse logistic regression to a loss, with each delay.

    An iteration takes 10 ms of work, and by chance, one time in ten, six times that. The loss asked
    for is a fiftieth of the way above that of 30 passes on one machine.
    """
    whole, bounds = click_parts(1, seed)
    parts, _ = click_parts(workers, seed)
    *_, rows = logistic.alone(whole, Plan(bounds, 30), logistic.BlockProximal(L1))
    best, first = (logistic.objective(whole, w, L1) for w in (rows[:, 0], 0 * rows[:, 0]))
    level, faults = best + 0.02 * (first - best), Faults(straggle=hiccups(0.1, 6.0), seed=seed)

    def one(delay: int) -> Outcome:
        table, work = one_delay(parts, whole, Plan(bounds, passes, delay))
        return simulate(table, work, workers, faults, level)

    return [one(delay) for delay in delays]


def click_parts(workers: int, seed: int) -> tuple[list[Columns], tuple[int, ...]]:
    """8,000 rows of a log, dealt out to the workers; and 31 blocks of its features."""
    rng = np.random.default_rng(seed)
    log = plant_clicks(FIELDS, rng, exponent=0.8, rate=0.3, spread=2.0)
    rows, intercept = log.rows(8000, rng), sum(FIELDS)
    parts = [Clicks(rows.keys[w::workers], rows.clicked[w::workers]) for w in range(workers)]
    bounds = cut((0, *np.cumsum(FIELDS).tolist(), intercept + 1), 10)
    return [of_clicks(part, intercept) for part in parts], bounds


def one_delay(
    parts: list[Columns], whole: list[Columns], plan: Plan
) -> tuple[Table, Callable[[Client], Trajectory]]:
    """What the server keeps, and what workers do; the first watches the objective of the whole."""
    update, consistency = logistic.BlockProximal(L1), Consistency(plan.delay, aggregate=True)
    keys = plan.bounds[-1]
    table = Table("weights", keys, 2, "<f8", update=update, consistency=consistency)

    def watch(learner: logistic.Learner) -> float:
        weights = np.zeros(keys)
        weights[learner.columns.keys] = learner.seen[:, 0]
        return logistic.objective(whole, weights, L1)

    def work(client: Client) -> Trajectory:
        mine, eyes = parts[client.index], None if client.index else watch
        return logistic.work(client, mine, plan, seconds=0.01, watch=eyes).trajectory

    return table, work


# ------------------------------------------------------------ stragglers


def stragglers(
    policies: Sequence[Consistency] = (BSP, SSP(4), SSP(8), ASP),
    *,
    workers: int = 8,
    steps: int = 250,
    level: float = 0.3,
    seed: int = 1,
) -> list[Outcome]:
    """Softmax regression on 599 digits, which lie with the workers sorted by what they show.

    An iteration takes 10 ms of work, and by chance, three times in a hundred, thirty times that.
    """
    data = digits()
    batch = np.argsort(data.y, kind="stable")[::3]
    faults = Faults(straggle=hiccups(0.03, 30.0), seed=seed)
    model = MLP([64, 10], rng=np.random.default_rng(seed), dtype=np.float64)
    first = mlp.flat(model)

    def watch(model: Module) -> float:
        with no_grad():
            return float(cross_entropy(model(data.x[batch]), data.y[batch]).item())

    def work(client: Client) -> Trajectory:
        mine, eyes = copy.deepcopy(model), None if client.index else watch
        return mlp.work(client, mine, data, [batch] * steps, seconds=0.01, watch=eyes)

    def table(policy: Consistency) -> Table:
        return Table(
            "model",
            len(first),
            dtype="<f8",
            update=SGD(1.0),
            consistency=policy,
            initial=lambda keys: first[keys],
        )

    return [simulate(table(policy), work, workers, faults, level) for policy in policies]
