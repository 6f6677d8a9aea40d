"""The compiled loops do what their Python does, and what NumPy does; locked, nothing else."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mlsys.distributed.hogwild import draw_order, plant, sparse_step
from mlsys.distributed.hogwild.kernels import add_freely, add_under_lock, compiled, count_up


def test_compiled_locked_and_python_take_the_same_steps() -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    problem = plant(60, 20, 4, rng)
    order = draw_order(problem, 2, rng)
    arrays = problem.starts, problem.keys, problem.values, problem.targets, order, 0.3
    python, machine, locked, numpy = np.zeros((4, 20))
    add_freely(python, *arrays)
    compiled(add_freely)(machine, *arrays)
    lock = np.zeros(1, np.int64)
    add_under_lock()(lock, locked, *arrays)
    for row in order:
        sparse_step(numpy, *problem[row], 0.3)
    for other in (machine, locked, numpy):
        np.testing.assert_allclose(python, other, rtol=1e-12, atol=1e-12)
    assert lock[0] == 0


def test_counters_count() -> None:
    keys = np.random.default_rng(0).integers(5, size=100)
    counters = np.zeros(5)
    count_up(counters, keys)
    assert np.array_equal(counters, np.bincount(keys, minlength=5))


def test_without_numba_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"pip install 'mlsys\[numba\]'"):
        compiled.__wrapped__(count_up)
