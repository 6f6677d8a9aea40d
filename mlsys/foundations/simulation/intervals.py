"""How sure is one run? Its samples resemble their neighbours, so there are fewer than they seem.

A job that waits long was preceded by one that waited long. The formula for independent samples
takes n of them for n; batch means (Conway, 1963) cuts the run into a few long batches, whose means
are nearly independent, and looks at how much those vary. What came before the system had settled is
left out first.
"""

from __future__ import annotations

import math

import numpy as np

from mlsys.foundations.measurement.timing import Array, Interval, bootstrap, checked_samples


def as_if_independent(samples: object) -> Interval:
    """Mean and 95 % interval of samples that have nothing to do with each other."""
    values = checked_samples(samples)
    half = 1.96 * float(values.std(ddof=1)) / math.sqrt(values.size)
    mean = float(values.mean())
    return Interval(mean, mean - half, mean + half)


def batch_means(samples: object, rng: np.random.Generator, batches: int = 20) -> Interval:
    """Mean and 95 % interval of samples in the order of time, when neighbours are alike.

    They are cut into equal batches, each to be much longer than the system's memory; a
    remainder at the start is left out. The interval is the bootstrap's, over batches.
    """
    values = checked_samples(samples)
    if not 2 <= batches <= values.size:
        raise ValueError(f"batches: expected from 2 to the {values.size} samples, got {batches}")
    return bootstrap(_means(values, batches), rng, statistic=np.mean)


def _means(values: Array, batches: int) -> Array:
    length = values.size // batches
    return np.asarray(values[values.size - batches * length :].reshape(batches, length).mean(1))
