"""A load test measures what users feel only if its clock starts when they would have.

One server, first come, first served; a request starts when it has arrived and
the one before it is done (Lindley, 1952). A tool that waits for each reply before it sends the
next request sends nothing while the server stalls, so the requests that would
have suffered are never made: coordinated omission (Tene, 2015). Times are virtual seconds
computed from given arrivals and service times: nothing sleeps.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from mlsys.foundations.measurement.timing import Array, checked_samples


@dataclass(frozen=True)
class Requests:
    """When each request should have been sent, was sent, and was answered. Shapes (n,)."""

    intended: Array
    sent: Array
    finished: Array

    @property
    def measured(self) -> Array:
        """Seconds since the request was sent: what a coordinated tool reports."""
        return self.finished - self.sent

    @property
    def latency(self) -> Array:
        """Seconds since the request was due: what the user waits."""
        return self.finished - self.intended

    @property
    def throughput(self) -> float:
        """Requests answered per second, from the first intended to the last answer."""
        return float(self.finished.size / (self.finished.max() - self.intended.min()))


def finish_times_one_by_one(arrivals: Array, service: Array) -> Array:
    """When each request is done: its service starts at max(arrival, the last one's end)."""
    finished = np.empty_like(service)
    free = 0.0  # when the server is free again
    for n, (arrival, seconds) in enumerate(zip(arrivals, service, strict=True)):
        finished[n] = free = max(arrival, free) + seconds
    return finished


def finish_times(arrivals: Array, service: Array) -> Array:
    """When each request is done: f_n = max(a_n, f_(n-1)) + s_n, and nothing before a_0.

    arrivals a (in order, not negative) and service s: shape (n,), seconds. Without a loop:
    the server has been busy since some k, so f_n = max over k <= n of (a_k + s_k + ... + s_n).
    """
    done = np.cumsum(service)  # work up to and with request n
    idle = np.maximum.accumulate(arrivals - (done - service))  # without work so far
    return np.asarray(done + np.maximum(idle, 0.0))


def open_loop(arrivals: object, service: object) -> Requests:
    """Users who do not wait for each other: every request is sent when it is due.

    arrivals, service: shape (n,), seconds; arrivals in order.
    """
    due, seconds = _checked(arrivals, service)
    return Requests(due, due, finish_times(due, seconds))


def paced(arrivals: object, service: object) -> Requests:
    """One connection with a timetable: send when due, or when the last reply is in.

    Each request is finished when it is in ``open_loop``; only ``sent`` differs.
    """
    due, seconds = _checked(arrivals, service)
    finished = finish_times(due, seconds)
    sent = np.maximum(due, np.concatenate([[0.0], finished[:-1]]))
    return Requests(due, sent, finished)


def closed_loop(service: object, clients: int = 1, think: float = 0.0) -> Requests:
    """``clients`` users who each send, wait for the reply, think, and send again.

    service: shape (n,), seconds. There is no timetable, so ``intended`` is ``sent``; a slow
    server is offered less load, and never has more than ``clients`` requests.
    """
    seconds = checked_samples(service, "service")
    if clients < 1 or not 0 <= think < np.inf:
        raise ValueError(
            f"expected at least one client and a think time >= 0 s, got {clients} and {think}"
        )
    ready = [0.0] * clients  # a heap: when each client sends next
    sent, finished, free = np.empty_like(seconds), np.empty_like(seconds), 0.0
    for n, s in enumerate(seconds):
        sent[n] = ready[0]
        finished[n] = free = max(sent[n], free) + s
        heapq.heapreplace(ready, free + think)
    return Requests(sent, sent, finished)


def fill_omitted(measured: object, interval: float) -> Array:
    """Add the samples that a stalled tool did not send, when it was to send every ``interval``.

    A reply that took v > interval hid requests that would have waited v - interval,
    v - 2 interval, ... It is a repair: record the intended times where you can.

    >>> fill_omitted([1.0, 3.5], interval=1.0).tolist()
    [1.0, 3.5, 2.5, 1.5]
    """
    if not 0 < interval < np.inf:
        raise ValueError(f"interval: expected seconds > 0 between requests, got {interval}")
    samples = checked_samples(measured, "measured")
    slow = samples[samples >= 2 * interval]
    missed = [interval * np.arange(1, v // interval) for v in slow]  # v // interval - 1 of them
    hidden = [v - late for v, late in zip(slow, missed, strict=True)]
    return np.concatenate([samples, *hidden])


def poisson_arrivals(rate: float, count: int, rng: np.random.Generator) -> Array:
    """Times of ``count`` arrivals of users who do not know of each other, ``rate`` a second."""
    if not (0 < rate < np.inf and count >= 1):
        raise ValueError(f"expected a rate > 0 per second and a count >= 1, got {rate}, {count}")
    return np.cumsum(rng.exponential(1 / rate, count))


def mean_wait(rate: float, mean: float, second_moment: float) -> float:
    """Mean seconds in the queue of a server with Poisson arrivals (Pollaczek and Khinchine).

    rate E[S^2] / (2 (1 - rate E[S])); mean and second_moment are E[S] and E[S^2] of
    the service times. Without end when the server is asked for more than it can do.

    >>> mean_wait(rate=0.5, mean=1.0, second_moment=1.0)  # constant service: M/D/1
    0.5
    """
    load = rate * mean
    return rate * second_moment / (2 * (1 - load)) if load < 1 else float("inf")


def _checked(arrivals: object, service: object) -> tuple[Array, Array]:
    due, seconds = checked_samples(arrivals, "arrivals"), checked_samples(service, "service")
    if due.shape != seconds.shape:
        raise ValueError(
            f"expected one service time per arrival, "
            f"got {due.size} arrivals and {seconds.size} service times"
        )
    if (np.diff(due) < 0).any():
        raise ValueError(
            "arrivals: expected times in order; sort them, and the service times alike"
        )
    return due, seconds
