"""What saving, moving and dying come to: experiments on the virtual clock, the same for everybody.

The seconds are those of a model of a network, so they show which way a number goes and how far;
the bytes are those that the ranks really send each other, headers and answers included.
Sources: Li and others, OSDI 2014, figures 11 and 12 and table 5 (bytes, filters, a failure);
Karger and others, STOC 1997 (shares, hot keys).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mlsys.distributed.cluster import Communicator, Faults, Run, SimulatedCluster, Topology, flat
from mlsys.distributed.parameter_server import logistic
from mlsys.distributed.parameter_server.client import Client
from mlsys.distributed.parameter_server.columns import Plan
from mlsys.distributed.parameter_server.consistency import ASP, BSP, Consistency
from mlsys.distributed.parameter_server.filters import KKT
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.hashing import Ring
from mlsys.distributed.parameter_server.load import copies, imbalance, server_load, shard_load
from mlsys.distributed.parameter_server.messages import Array
from mlsys.distributed.parameter_server.node import Work, run
from mlsys.distributed.parameter_server.staleness import L1, click_parts
from mlsys.foundations.datasets.zipf import Zipf


def simulate(group: Group, work: Work, ranks: int | Topology, **options: Any) -> Run:
    """Every rank's part of one job, on the simulated cluster."""

    def program(comm: Communicator) -> Any:
        return run(comm, group, work)

    return SimulatedCluster(ranks, **options).run(program)


# ------------------------------------------------------------ bytes


def bytes_a_row(width: int, dtype: str, remembered: bool, rows: int = 10_000) -> float:
    """What one pull and one push of a row send, both ways, when its key has been sent before.

    remembered: the list of keys has been given a signature. An iteration's bytes are what one more
    iteration adds.
    """
    keys = np.arange(0, 2 * rows, 2)

    def sent(iterations: int) -> int:
        def work(client: Client) -> None:
            named = client.keys("w", keys) if remembered else keys
            for _ in range(iterations):
                client.pull("w", named).wait()
                client.push("w", named, np.zeros((rows, width), dtype))

        table = Table("w", 2 * rows, width, dtype, consistency=ASP, shards=2)
        traffic = simulate(Group((table,), servers=2), work, 4).traffic
        return int(traffic.sent_bytes.sum()) if traffic else 0

    return (sent(3) - sent(2)) / rows


class Saved(NamedTuple):
    """What a run of the block proximal method has pushed and reached."""

    rows: int  # pushed by both workers
    objective: float  # in nats, at the end
    kept: int  # weights that are not 0 at the end
    server_bytes: int
    worker_bytes: int


def fit_clicks(kkt: KKT | None = None, level: int = 0, passes: int = 10) -> Saved:
    """Two workers learn the log of ``bounded_delay``, without delay; level: of compression."""
    parts, bounds = click_parts(2, 1)
    plan, weights = Plan(bounds, passes), np.zeros(bounds[-1])
    rule, update = Consistency(0, aggregate=True), logistic.BlockProximal(L1)
    table = Table("weights", len(weights), 2, "<f8", update, rule)

    def work(client: Client) -> logistic.Fit:
        return logistic.work(client, parts[client.index], plan, kkt=kkt)

    done = simulate(Group((table,), level=level), work, 4)
    fits = done.values[2:]
    for fit in fits:
        weights[fit.keys] = fit.weights
    _, server, *workers = done.traffic.sent_bytes.tolist() if done.traffic else [0] * 4
    found = logistic.objective(parts, weights, L1)
    rows, kept = sum(fit.pushed for fit in fits), int(np.count_nonzero(weights))
    return Saved(rows, found, kept, server, sum(workers))


def left_out(all_rows: int, some: int, plan: Plan) -> float:
    """The share of rows that a filter kept back in those passes in which it was at work."""
    filtered = sum(not plan.fresh(t) for t in range(plan.iterations)) / plan.iterations
    return (all_rows - some) / (filtered * all_rows)


# ------------------------------------------------------------ a death


class Counted(NamedTuple):
    """What became of four workers that count, one iteration after the other."""

    ends: Array  # when the first worker had finished each iteration, in seconds
    numbers: Array  # what all have pulled in the end: workers times iterations, if nothing is lost

    @property
    def pause(self) -> float:
        """The longest time from one iteration to the next."""
        return float(np.diff(self.ends).max())

    @property
    def usual(self) -> float:
        """The median of these times."""
        return float(np.median(np.diff(self.ends)))


COUNTS, DEATH = 40, 0.04  # iterations; the second in which a server dies


def count(replicas: int = 2, spares: int = 1, detection: float = 0.01) -> Counted:
    """Add 1 to each of 50,000 numbers, 40 times, on four servers; one dies if there is a spare.

    detection: seconds until the network says so. An iteration takes 1 ms of work.
    """

    def work(client: Client) -> tuple[list[float], Array]:
        ends = []
        for _ in range(COUNTS):
            client.pull("w").wait()
            client.compute(1e-3)
            client.push("w", None, np.ones((50_000, 1), np.float32))
            ends.append(client.now())
        return ends, client.pull("w").wait()

    table = Table("w", 50_000, consistency=BSP, shards=8)
    group = Group((table,), servers=4, spares=spares, replicas=replicas)
    faults = Faults(crash={2: DEATH} if spares else {})
    network, ranks = flat(9 + spares, 2e-5, 8e-10), 9 + spares
    done = simulate(group, work, network, faults=faults, detection=detection).values[ranks - 4 :]
    return Counted(np.array(done[0][0]), np.concatenate([pulled for _, pulled in done]))


# ------------------------------------------------------------ load


class Shares(NamedTuple):
    """How shards fall on servers."""

    fullest: float  # the fullest server's, over the mean
    spread: float  # standard deviation of all servers', over the mean
    moved: float  # of all shards, when one server leaves


def shares(virtual: int, servers: int = 20, shards: int = 10_000) -> Shares:
    """Deal so many shards out to servers of so many points each."""
    names = [f"weights/{shard}" for shard in range(shards)]
    ring, fewer = Ring(range(servers), virtual), Ring(range(servers - 1), virtual)
    owners = [ring.owner(name) for name in names]
    load = np.bincount(owners, minlength=servers) / (shards / servers)
    moved = np.mean([owner != fewer.owner(name) for owner, name in zip(owners, names, strict=True)])
    return Shares(imbalance(load), float(load.std()), float(moved))


class Hot(NamedTuple):
    """Requests under Zipf frequencies."""

    busiest: float  # the busiest server's, over the mean
    copies: int  # replicas of shards beyond the first


def hot_keys(
    servers: int, *, mixed: bool = False, bound: float = np.inf, keys: int = 1_000_000
) -> Hot:
    """Pulls of a million Zipf keys (exponent 1.05) in 1,024 shards, on a ring of 64 points.

    mixed: keys are numbered at random; else the most frequent come first. bound: as for `copies`.
    """
    frequency = Zipf(keys, 1.05).probability
    if mixed:
        frequency = np.random.default_rng(0).permutation(frequency)
    load, ring = shard_load(frequency, 1024), Ring(range(servers), 64)
    many = copies(load, servers, bound)
    chains = {(0, s): ring.chain(f"weights/{s}", int(n)) for s, n in enumerate(many)}
    each = server_load({shard: load[shard[1]] for shard in chains}, chains, range(servers))
    return Hot(imbalance(each), int(many.sum()) - len(load))
