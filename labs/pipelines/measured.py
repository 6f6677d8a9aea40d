"""Pipelines and measurements that are drawn, and what is right for them by linear algebra."""

from __future__ import annotations

import numpy as np


def drawn_graph(rng, count):
    """Names of stages, and edges [source, target, factor] that lead forward."""
    stages = [f"stage {name}" for name in rng.permutation(count)]
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count) if rng.random() < 0.6]
    factors = rng.choice([0.25, 0.5, 1.0, 1.5, 3.0], len(pairs)).tolist()
    edges = [[stages[a], stages[b], factor] for (a, b), factor in zip(pairs, factors)]
    return stages, [edges[place] for place in rng.permutation(len(edges))]


def drawn_pipeline(rng):
    """Two fronts and a stage that two ways lead to."""
    pairs = ["ab", "ac", "bd", "cd", "de", "fe"]
    factors = rng.choice([0.4, 0.7, 1.0, 1.6], len(pairs)).tolist()
    return list("abcdfe"), [[*pair, factor] for pair, factor in zip(pairs, factors)]


def expected_visits(stages, edges):
    """v = entry + F v, solved as the linear equations that they are."""
    place = {stage: number for number, stage in enumerate(stages)}
    flow, entry = np.zeros((len(stages), len(stages))), np.ones(len(stages))
    for source, target, factor in edges:
        flow[place[target], place[source]] = factor
        entry[place[target]] = 0.0
    return dict(zip(stages, np.linalg.solve(np.eye(len(stages)) - flow, entry).tolist()))


def measured_sizes(rng):
    return np.sort(rng.choice(np.arange(1, 65), int(rng.integers(3, 9)), replace=False)) + 0.0


def noisy(rng, slope):
    """Batches whose seconds are off by some percent; slope: about how much larger ones take."""
    n = measured_sizes(rng)
    return n, n**slope * np.exp(0.05 * rng.standard_normal(n.size)) * rng.uniform(0.01, 0.1)


def best_line(sizes, seconds):
    """Least squares of fixed / seconds + each sizes / seconds = 1, and whether both are > 0."""
    columns = np.stack([1 / seconds, sizes / seconds], axis=1)
    line = np.linalg.lstsq(columns, np.ones(sizes.size), rcond=None)[0]
    return line, bool((line > 1e-6).all())
