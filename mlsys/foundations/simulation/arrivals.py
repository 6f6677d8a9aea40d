"""When work comes: the mean rate says how much, the index of dispersion how evenly.

Poisson arrivals (``measurement.load.poisson_arrivals``) are those of many users who do not know of
each other. The processes here share their mean rate and nothing else: bursts, days and nights,
gaps without a finite variance, a log played again. Each costs a few operations on arrays a
request. Sessions that people start are close to Poisson within an hour; the packets and connections
that they cause come in bursts, at many time scales (Paxson and Floyd, 1995).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsys.foundations.measurement.load import poisson_arrivals
from mlsys.foundations.measurement.timing import Array, checked_samples


def bursts(
    high: float, low: float, on: float, off: float, count: int, rng: np.random.Generator
) -> Array:
    """``count`` arrivals, at rate ``high`` for a while, then at ``low``, and so on.

    The two states last ``on`` and ``off`` seconds on average, exponentially distributed:
    a Markov-modulated Poisson process. Mean rate: (high on + low off) / (on + off).
    """
    if not (0 <= low <= high and 0 < high < np.inf and 0 < min(on, off) < np.inf):
        raise ValueError(
            f"bursts: expected rates 0 <= low <= high, high > 0, and mean lengths > 0 s, "
            f"got high={high}, low={low}, on={on}, off={off}"
        )
    due = poisson_arrivals(1.0, count, rng)  # on a clock with a tick for each expected
    times, ticks = [0.0], [0.0]  # this clock's reading, whenever the state changes
    is_on = rng.random() < on / (on + off)
    while ticks[-1] < due[-1]:
        seconds = rng.exponential(on if is_on else off)
        times.append(times[-1] + seconds)
        ticks.append(ticks[-1] + seconds * (high if is_on else low))
        is_on = not is_on
    return np.asarray(np.interp(due, ticks, times))


def thinned(
    rate: Callable[[Array], Array], peak: float, seconds: float, rng: np.random.Generator
) -> Array:
    """Arrivals in ``seconds`` at a rate that changes with time (Lewis and Shedler).

    ``rate`` takes times, shape (n,), and returns arrivals a second, at most ``peak``.
    Candidates come at rate ``peak``; each is kept with probability rate / peak.
    """
    if not (0 < peak < np.inf and 0 < seconds < np.inf):
        raise ValueError(
            f"expected a peak > 0 per second and seconds > 0, got {peak} and {seconds}"
        )
    candidates = np.sort(rng.uniform(0, seconds, rng.poisson(peak * seconds)))
    wanted = np.asarray(rate(candidates), dtype=np.float64)
    if not ((wanted >= 0) & (wanted <= peak)).all():
        raise ValueError(
            f"rate: expected values from 0 to the peak of {peak}, got {wanted.min()} "
            f"to {wanted.max()}; give the largest rate as peak"
        )
    return candidates[rng.random(candidates.size) * peak < wanted]


def diurnal(
    mean: float, swing: float, period: float, seconds: float, rng: np.random.Generator
) -> Array:
    """Arrivals in ``seconds`` at the rate mean (1 + swing sin(2 pi t / period)).

    ``swing`` from 0 (steady) to 1 (nobody at night). Mean rate over whole periods: ``mean``.
    """
    if not (0 <= swing <= 1 and 0 < period < np.inf):
        raise ValueError(
            f"diurnal: expected a swing from 0 to 1 and a period > 0 s, got {swing}, {period}"
        )

    def rate(times: Array) -> Array:
        wave = np.sin(2 * np.pi * times / period)
        return np.asarray(mean * (1 + swing * wave))

    return thinned(rate, mean * (1 + swing), seconds, rng)


def heavy_tailed(rate: float, shape: float, count: int, rng: np.random.Generator) -> Array:
    """``count`` arrivals with independent gaps from a Pareto distribution of mean 1 / rate.

    P(gap > x) = (least / x)^shape. For shape <= 2 the gaps have no finite variance, for shape <= 1
    no finite mean, hence no rate: that is refused.
    """
    if not (0 < rate < np.inf and 1 < shape < np.inf and count >= 1):
        raise ValueError(
            f"heavy_tailed: expected a rate > 0, a shape > 1 and a count >= 1, "
            f"got {rate}, {shape}, {count}"
        )
    least = (shape - 1) / (shape * rate)
    return np.cumsum(least * (1 + rng.pareto(shape, count)))


def replayed(timestamps: object, rate: float) -> Array:
    """The arrivals of a log, from 0 on, slowed down or sped up to ``rate`` a second on average.

    timestamps: shape (n,), n >= 2, in order, in any unit. Ratios of gaps stay as they are.

    >>> replayed([100, 101, 104], rate=1.0).tolist()
    [0.0, 0.5, 2.0]
    """
    times = checked_samples(timestamps, "timestamps")
    if times.size < 2 or (np.diff(times) < 0).any() or times[-1] == times[0]:
        raise ValueError("timestamps: expected two or more in order, not all equal; sort them")
    if not 0 < rate < np.inf:
        raise ValueError(f"rate: expected a number > 0 per second, got {rate}")
    since = times - times[0]
    return np.asarray(since * ((times.size - 1) / (since[-1] * rate)))


def dispersion(arrivals: object, window: float) -> float:
    """Variance of the number of arrivals in ``window`` seconds, over its mean.

    1 for Poisson arrivals, whatever the window; 0 for a metronome. Whole windows are
    counted, from time 0; what is left over is not used.

    >>> dispersion([0.5, 1.5, 2.5, 3.5], window=1.0)
    0.0
    """
    times = checked_samples(arrivals, "arrivals")
    if not 0 < window < np.inf or times.max() < 2 * window:
        raise ValueError(
            f"window: expected at least two of them in the {times.max()} s recorded, "
            f"got one of {window} s; record for longer, or choose a shorter one"
        )
    whole = int(times.max() // window)
    counts = np.bincount((times // window).astype(int), minlength=whole)[:whole]
    return float(counts.var() / counts.mean())
