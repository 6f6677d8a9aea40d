"""Sparse logistic regression by delayed block proximal gradient, the algorithm of the paper.

Least is to be   sum over examples of log(1 + exp(-±margin))  +  l1 · sum of |weight|.

Features are cut into blocks. In iteration t every worker computes, from its own examples and for
the features of block t, the gradient and a bound on the curvature, and pushes both. The server adds
up what the workers pushed, and moves each weight to where the quadratic that it now knows, plus the
l1 norm, is least. Then workers pull the block. With a delay of τ they do so only after iteration
t + τ: meanwhile they compute, from weights that are τ iterations old.

A block costs each worker the entries of its examples in that block, and two numbers each way for
each of its features there. Features of which an example has only one, such as the values of one
column of a log, do not disturb each other: there the bound holds for the block as a whole.
Source: Li et al., "Scaling distributed machine learning with the parameter server", OSDI 2014,
algorithm 3; the bound: Genkin, Lewis and Madigan, Technometrics 49(3), 2007.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from mlsys.distributed.parameter_server.client import Client
from mlsys.distributed.parameter_server.columns import Columns, Plan
from mlsys.distributed.parameter_server.filters import KKT
from mlsys.distributed.parameter_server.messages import Array, Keys
from mlsys.distributed.parameter_server.trajectory import Recorder, Trajectory
from mlsys.distributed.parameter_server.updates import State, soft_threshold
from mlsys.foundations.datasets.clicks import sigmoid

# ------------------------------------------------------------ the server's part


@dataclass(frozen=True)
class BlockProximal:
    """Rows pushed are (gradient, curvature); rows kept are (weight, the gradient it moved by).

    Where the curvature is h, the weight goes to the least of g (v - w) + h (v - w)² / 2 + l1 |v|,
    but by no more than ``radius``, within which the curvature is a bound. step < 1 makes steps
    shorter, for blocks whose features occur together and for weights that are late.
    """

    l1: float
    step: float = 1.0
    radius: float = 1.0
    state_names: ClassVar[tuple[str, ...]] = ()

    def apply(self, weights: Array, state: State, gradient: Array) -> None:
        """Move rows in place. weights, gradient: (n, 2)."""
        w, (g, h) = weights[:, 0], gradient.T
        inverse = self.step / np.maximum(h, 1e-12)
        target = soft_threshold(w - g * inverse, self.l1 * inverse)
        weights[:, 0] = np.clip(target, w - self.radius, w + self.radius)
        weights[:, 1] = g


# ------------------------------------------------------------ the worker's part


class Learner:
    """Some examples, and what their owner knows of the weights.

    seen: the rows of the table for ``columns.keys``, as last read, (m, 2). margin: of each example
    with these weights, (n,); it is kept up as blocks change, never computed anew.
    """

    def __init__(self, columns: Columns, radius: float = 1.0) -> None:
        self.columns, self.radius = columns, radius
        self.seen = np.zeros((len(columns.keys), 2))
        self.margin = np.zeros(len(columns.clicked))

    def slopes(self, block: slice) -> Array:
        """Gradient of the loss for each feature of a block, and a bound on its curvature, (k, 2).

        The curvature x² p (1 - p) is largest where the margin is nearest 0: the bound takes it
        there, as far as a step of ``radius`` can lead.
        """
        part = self.columns.entries(block)
        rows, x = self.columns.rows[part], self.columns.values[part]
        margin, where = self.margin[rows], self.columns.column[part] - block.start
        slope = x * (sigmoid(margin) - self.columns.clicked[rows])
        nearest = sigmoid(np.maximum(np.abs(margin) - self.radius * np.abs(x), 0.0))
        bend = x * x * nearest * (1 - nearest)
        size = block.stop - block.start
        return np.column_stack([np.bincount(where, each, size) for each in (slope, bend)])

    def news(self, block: slice, kkt: KKT) -> tuple[Keys, Array]:
        """Keys and ``slopes`` of a block, without those that are of no use according to kkt.

        It asks for the last gradient of all workers, which the table keeps: so all workers leave
        out the same features, and what the server adds up is never a part of a sum.
        """
        keys, rows = self.columns.keys[block], self.slopes(block)
        weight, gradient = np.hsplit(self.seen[block], 2)
        kept, _ = kkt.push(keys, gradient, weight)
        return kept, rows[np.searchsorted(keys, kept)]

    def see(self, block: slice, rows: Array) -> None:
        """Take over the rows of a block, (k, 2), and bring the margins up to date."""
        part, change = self.columns.entries(block), rows[:, 0] - self.seen[block, 0]
        by = self.columns.values[part] * change[self.columns.column[part] - block.start]
        self.margin += np.bincount(self.columns.rows[part], by, len(self.margin))
        self.seen[block] = rows

    def loss(self) -> float:
        """The sum over the examples, in nats."""
        against = np.where(self.columns.clicked > 0, -self.margin, self.margin)
        return float(np.logaddexp(0.0, against).sum())


class Fit(NamedTuple):
    """What a worker returns."""

    keys: Keys  # the features that its examples have, (m,)
    weights: Array  # (m,)
    trajectory: Trajectory
    pushed: int  # rows that it has pushed


def work(
    client: Client,
    part: Columns,
    plan: Plan,
    *,
    table: str = "weights",
    radius: float = 1.0,
    kkt: KKT | None = None,
    seconds: float = 0.0,
    watch: Callable[[Learner], float] | None = None,
) -> Fit:
    """Learn from these examples, with the other workers; the table has `BlockProximal` rows.

    The table's consistency should have the plan's delay, and aggregate. kkt: which features need
    not be pushed, being 0 for good as it seems; in every ``plan.refresh``-th pass all are pushed.
    seconds: what an iteration costs on the virtual clock. watch: what is noted of each.
    """
    learner, record, pushed = Learner(part, radius), Recorder(client.now), 0
    blocks = [part.block(*plan.block(b)) for b in range(plan.blocks)]
    lists = [client.keys(table, part.keys[block]) for block in blocks]

    def look(t: int) -> None:
        b = (t - 1 - plan.delay) % plan.blocks
        learner.see(blocks[b], record.wait(client.pull(table, lists[b])))

    for t in range(plan.iterations):
        if t > plan.delay:
            look(t)
        record.begin(watch(learner) if watch else np.nan)
        b, keys = t % plan.blocks, None
        if kkt is None or plan.fresh(t):
            values = learner.slopes(blocks[b])
        else:
            keys, values = learner.news(blocks[b], kkt)
        client.compute(seconds)
        client.push(table, lists[b] if keys is None else keys, values, clock=t)
        pushed += len(values)
    for t in range(plan.iterations, plan.iterations + plan.delay + 1):
        look(t)
        client.push(table, part.keys[:0], np.zeros((0, 2)), clock=t)
    return Fit(part.keys, learner.seen[:, 0].copy(), record.trajectory(), pushed)


# ------------------------------------------------------------ what came of it


def objective(parts: list[Columns], weights: Array, l1: float) -> float:
    """What is to be least, in nats, with these weights of all keys, (size,)."""
    total = l1 * float(np.abs(weights).sum())
    for learner in map(Learner, parts):
        mine = weights[learner.columns.keys]
        learner.see(slice(0, len(mine)), np.column_stack([mine, mine]))
        total += learner.loss()
    return total


class Recovery(NamedTuple):
    """How much of a planted model was found again."""

    precision: float  # of the weights that were found, the share that was planted
    recall: float  # of those planted, the share that was found
    correlation: float  # of all weights, found and planted


def recovery(found: Array, planted: Array) -> Recovery:
    """Compare weights of the same keys; those that are not 0 count as found, or planted.

    >>> recovery(np.array([1.0, 1.0, 0.0, 0.0]), np.array([2.0, 0.0, 0.0, 0.0]))[:2]
    (0.5, 1.0)
    """
    both = int(np.count_nonzero((found != 0) & (planted != 0)))
    return Recovery(
        both / max(1, int(np.count_nonzero(found))),
        both / max(1, int(np.count_nonzero(planted))),
        float(np.corrcoef(found, planted)[0, 1]),
    )


# ------------------------------------------------------------ one machine


def alone(parts: list[Columns], plan: Plan, update: BlockProximal) -> Iterator[Array]:
    """The same on one machine, number by number: yields all rows, (size, 2), after each iteration.

    It is one array, which changes: copy what you want to keep.
    """
    table = np.zeros((plan.bounds[-1], 2))
    learners = [Learner(part, update.radius) for part in parts]
    late: deque[tuple[int, int]] = deque()
    for t in range(plan.iterations):
        if t > plan.delay:
            begin, end = late.popleft()
            for learner in learners:
                block = learner.columns.block(begin, end)
                learner.see(block, table[learner.columns.keys[block]])
        late.append(plan.block(t))
        _step(table, learners, late[-1], update)
        yield table


def _step(
    table: Array, learners: list[Learner], keys: tuple[int, int], update: BlockProximal
) -> None:
    """Add up, in the order of the learners, and move the features that one of them has."""
    begin, end = keys
    total, present = np.zeros((end - begin, 2)), np.zeros(end - begin, dtype=bool)
    for learner in learners:
        block = learner.columns.block(begin, end)
        where = learner.columns.keys[block] - begin
        total[where] += learner.slopes(block)
        present[where] = True
    rows = table[begin:end][present]
    update.apply(rows, {}, total[present])
    table[begin:end][present] = rows
