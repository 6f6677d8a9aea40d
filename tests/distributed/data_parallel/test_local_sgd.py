"""Local SGD on problems whose resting point is known in closed form, on the virtual clock."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import Communicator, SimulatedCluster, flat
from mlsys.distributed.data_parallel.local_sgd import (
    AdaComm,
    Period,
    Trajectory,
    fixed,
    local_sgd,
    next_period,
)

# Rank r has f_r(x) = CURVATURE[r] (x - OPTIMUM[r])² / 2: what its examples alone would teach it.
CURVATURE, OPTIMUM = np.array([1.0, 0.2, 0.5]), np.array([0.0, 4.0, 1.0])
LR, WORK, ALPHA = 0.2, 0.01, 0.02
EXCHANGE = 4 * ALPHA  # a ring of three ranks; its bytes cost next to nothing here
BEST = CURVATURE @ OPTIMUM / CURVATURE.sum()


def loss(x: Any) -> float:
    """The mean over ranks, less its least value, and a little more, for AdaComm to divide by."""
    value = lambda y: float(np.mean(CURVATURE * (y - OPTIMUM) ** 2) / 2)  # noqa: E731
    return value(x[0]) - value(BEST) + 1e-12


def program(comm: Communicator, make: Any, until: float) -> Any:
    rank, x = comm.Get_rank(), np.array([30.0])
    slope = lambda x, step: CURVATURE[rank] * (x - OPTIMUM[rank])  # noqa: E731
    return local_sgd(comm, x, slope, loss, LR, make(), WORK, until), x


def trajectory(make: Any, until: float = 20.0) -> Trajectory:
    run = SimulatedCluster(flat(3, alpha=ALPHA, beta=1e-12)).run(program, make, until)
    path, x = run.values[0]
    for other, y in run.values[1:]:
        assert all(map(np.array_equal, path[1:], other[1:])), "all ranks saw the same"
        assert y.tobytes() == x.tobytes()
    return path


def resting_point(tau: int) -> float:
    """Where τ steps on each rank and a mean lead back to: x = Σ q x + (1 - q) b."""
    stays = (1 - LR * CURVATURE) ** tau
    return float(np.sum((1 - stays) * OPTIMUM) / np.sum(1 - stays))


@pytest.mark.parametrize("tau", [1, 4, 16])
def test_it_rests_where_the_drifts_balance(tau: int) -> None:
    path = trajectory(lambda: fixed(tau))
    assert path.loss[-1] == pytest.approx(loss([resting_point(tau)]), rel=1e-6, abs=1e-9)
    assert (np.diff(path.steps) == tau).all()


@pytest.mark.parametrize("tau", [1, 4, 16])
def test_steps_take_what_the_formula_says(tau: int) -> None:
    path = trajectory(lambda: fixed(tau), until=5.0)
    per_step = path.seconds[-1] / path.steps[-1]
    assert per_step == pytest.approx(WORK + EXCHANGE / tau, rel=1e-6)


def time_to(path: Trajectory, level: float) -> float:
    """Seconds until the loss stays at or below a level; infinity if it does not."""
    above = np.flatnonzero(path.loss > level)
    after = above[-1] + 1 if above.size else 0
    return float(path.seconds[after]) if after < len(path.loss) else math.inf


def test_a_long_period_is_fast_and_stops_early_and_adacomm_has_both() -> None:
    """The error-runtime trade-off: early on τ = 16 leads, in the end τ = 1; AdaComm has both."""
    until = 20.0
    short, long = trajectory(lambda: fixed(1), until), trajectory(lambda: fixed(16), until)
    adaptive = trajectory(lambda: AdaComm(first=16, interval=0.6), until)
    early, late = 0.05 * short.loss[0], 10 * short.loss[-1]
    assert time_to(long, early) < 0.5 * time_to(short, early)
    assert math.isinf(time_to(long, late))
    assert time_to(adaptive, early) <= time_to(long, early)
    assert time_to(adaptive, late) < time_to(short, late)
    assert adaptive.period[0] == 16
    assert adaptive.period[-1] == 1


@given(st.integers(1, 100), st.integers(1, 100), st.floats(0, 1e6), st.floats(0.1, 0.9))
def test_the_period_never_grows_and_stays_a_period(
    first: int, now: int, loss: float, shrink: float
) -> None:
    period = next_period(first, min(now, first), loss, 1.0, shrink)
    assert 1 <= period <= min(now, first)
    assert isinstance(period, int)


@given(st.integers(2, 64), st.floats(1e-6, 0.2))
def test_the_period_goes_with_the_root_of_the_loss(first: int, share: float) -> None:
    """A loss four times smaller has half the period, up to rounding up."""
    now, later = (next_period(first, first, loss, 1.0) for loss in (share, share / 4))
    assert later <= math.ceil(first * math.sqrt(share) / 2) <= now


def test_adacomm_decides_once_an_interval() -> None:
    ask: Period = AdaComm(first=8, interval=10.0)
    asked = [(0, 1.0), (9, 0.01), (10, 0.25), (19, 0.01), (21, 0.25), (30, 0.01), (31, 0.01)]
    assert [ask(seconds, loss) for seconds, loss in asked] == [8, 8, 4, 4, 2, 2, 1]


def test_adacomm_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="interval > 0"):
        AdaComm(first=4, interval=0.0)
