"""Time that is waited is on the account, time that is computed is not."""

from __future__ import annotations

import numpy as np

from mlsys.distributed.parameter_server.trajectory import Recorder


class Clock:
    """A clock that tasks and computation move."""

    def __init__(self) -> None:
        self.time, self.slow = 0.0, 0.0

    def now(self) -> float:
        return self.time

    def wait(self) -> str:
        self.time += self.slow
        return f"after {self.slow}"


def test_only_waiting_is_counted() -> None:
    clock = Clock()
    record = Recorder(clock.now)
    for slow in (0.5, 0.0, 2.0):
        clock.slow = slow
        assert record.wait(clock) == f"after {slow}"
        record.begin(watched=-slow)
        clock.time += 10
    made = record.trajectory()
    np.testing.assert_allclose(made.seconds, [0.5, 10.5, 22.5])
    np.testing.assert_allclose(made.waited, [0.5, 0.5, 2.5])
    np.testing.assert_allclose(made.watched, [-0.5, 0, -2])


def test_no_iteration_is_an_empty_trajectory() -> None:
    assert [len(each) for each in Recorder(lambda: 0.0).trajectory()] == [0, 0, 0]
