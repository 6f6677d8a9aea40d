"""Three models of consistency are three graphs of one rule."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.parameter_server.consistency import (
    ASP,
    BSP,
    SSP,
    Backup,
    Consistency,
    tasks,
)

WORKERS, CLOCKS = (4, 5, 6), 6
delays = st.one_of(st.integers(0, 7), st.just(math.inf))


def run(graph, order):
    """Tasks in an order that the graph allows, preferring those that come first in ``order``."""
    done, left = [], list(order)
    while left:
        free = [task for task in left if set(graph[task]) <= set(done)]
        assert free, "a circle"
        done.append(free[0])
        left.remove(free[0])
    return done


@given(delays, st.permutations(list(itertools.product(WORKERS, range(CLOCKS)))))
def test_in_any_order_that_is_allowed_nobody_is_too_far_ahead(delay, order):
    graph = tasks(Consistency(delay), WORKERS, CLOCKS)
    clocks = dict.fromkeys(WORKERS, 0)  # tasks done
    for worker, clock in run(graph, order):
        assert clock == clocks[worker]
        assert clock - min(clocks.values()) <= delay
        clocks[worker] += 1


@given(delays, st.sampled_from(WORKERS))
def test_the_fastest_is_stopped_by_nothing_but_the_bound(delay, fast):
    """It does as many tasks as it may while the others stand still: delay + 1."""
    graph = tasks(Consistency(delay), WORKERS, CLOCKS)
    done = set()
    for clock in range(CLOCKS):
        if not set(graph[fast, clock]) <= done:
            break
        done.add((fast, clock))
    assert len(done) == min(CLOCKS, delay + 1)


def test_the_two_ends():
    assert tasks(SSP(0), WORKERS, CLOCKS) == tasks(BSP, WORKERS, CLOCKS)
    assert tasks(SSP(CLOCKS), WORKERS, CLOCKS) == tasks(ASP, WORKERS, CLOCKS)
    assert all(
        waits == ({(worker, clock - 1)} if clock else set())
        for (worker, clock), waits in ((t, set(w)) for t, w in tasks(ASP, WORKERS, CLOCKS).items())
    )


@given(st.integers(1, 20), st.integers(0, 25))
def test_backup_workers_are_not_waited_for(workers, backup):
    assert Backup(backup).needed(workers) == max(1, workers - backup)
    assert BSP.needed(workers) == workers


@pytest.mark.parametrize(
    "make",
    [
        *(lambda delay=delay: Consistency(delay) for delay in (-1, 0.5, -math.inf, math.nan)),
        lambda: Backup(-1),
        lambda: Consistency(2, backup=1),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"expected|needs"):
        make()
