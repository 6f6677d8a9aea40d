"""Threads without locks: every run another, and all of them learn."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mlsys.distributed.hogwild import draw_order, plant
from mlsys.distributed.hogwild.threads import How, lost, together, train

pytestmark = pytest.mark.multiprocess


@pytest.mark.parametrize("how", ["free", "locked", "apart"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_learn_what_one_learns(threads: int, how: How) -> None:
    pytest.importorskip("numba")
    problem = plant(2000, 300, 5, np.random.default_rng(0))
    order = draw_order(problem, 30, np.random.default_rng(1))
    weights, seconds = train(problem, order, 0.5, threads, how)
    assert problem.loss(weights) < 1e-3 * problem.loss(np.zeros(300))
    assert seconds > 0


def test_counting_loses_only_when_shared() -> None:
    pytest.importorskip("numba")
    keys = np.random.default_rng(0).integers(8, size=100_000)
    assert lost(keys, 8, threads=1) == 0
    assert lost(np.repeat([0, 100], 50_000), 200, threads=2) == 0
    assert 0 <= lost(keys, 8, threads=2) < 1


def test_an_error_in_a_thread_is_raised_when_all_have_ended() -> None:
    ended = []

    def fails() -> None:
        raise ValueError("one of two")

    before = threading.active_count()
    with pytest.raises(ValueError, match="one of two"):
        together([fails, lambda: ended.append(True)])
    assert ended == [True] and threading.active_count() == before
