"""Processes on shared memory: they learn, outlive a kill, and leave no process and no block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlsys.distributed.hogwild import draw_order, plant
from mlsys.distributed.hogwild.processes import train

BLOCKS = Path("/dev/shm")
pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(not BLOCKS.is_dir(), reason="looks for blocks where Linux keeps them"),
]
SOON = 20.0


def blocks(owner: int) -> list[Path]:
    return list(BLOCKS.glob(f"hogwild_{owner}_*"))


def children() -> list[int]:
    """Living processes below us that multiprocessing has spawned for work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"spawn_main" in command:
            found.append(int(folder.name))
    return found


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert blocks(os.getpid()) == []
    assert children() == []


PROBLEM = plant(1000, 200, 4, np.random.default_rng(0))
FIRST = PROBLEM.loss(np.zeros(200))


def test_two_processes_learn_and_do_every_step() -> None:
    order = draw_order(PROBLEM, 10, np.random.default_rng(1))
    outcome = train(PROBLEM, order, 0.5, 2, timeout=SOON)
    assert outcome.steps == [5000, 5000] and outcome.killed == [False, False]
    assert PROBLEM.loss(outcome.weights) < 0.02 * FIRST
    assert outcome.seconds > 0


def test_a_killed_worker_takes_only_its_own_steps_with_it() -> None:
    order = draw_order(PROBLEM, 20, np.random.default_rng(1))
    seen = []

    def kill_the_first(processes: Sequence[BaseProcess], steps: Any) -> None:
        if steps[0] > 50 and not seen:
            seen.append(int(steps[0]))
            os.kill(processes[0].pid or 0, signal.SIGKILL)

    outcome = train(PROBLEM, np.repeat(order, 2), 0.5, 2, timeout=SOON, watch=kill_the_first)
    assert outcome.killed == [True, False]
    assert 50 < outcome.steps[0] < 20_000 and outcome.steps[1] == 20_000
    assert PROBLEM.loss(outcome.weights) < 0.1 * FIRST


def test_who_is_too_slow_is_ended_with_a_reason() -> None:
    endless = np.zeros(3_000_000, np.int64)
    with pytest.raises(TimeoutError, match=r"of 3000000 steps: give a longer timeout"):
        train(PROBLEM, endless, 0.5, 1, timeout=0.6)


def test_an_error_of_the_watcher_leaves_nothing() -> None:
    def fails(processes: Sequence[BaseProcess], steps: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(PROBLEM, np.zeros(10, np.int64), 0.5, 1, watch=fails)


def test_there_must_be_a_worker() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        train(PROBLEM, np.zeros(3, np.int64), 0.5, 0)


PARENT = """
import os
import numpy as np
from mlsys.distributed.hogwild import plant
from mlsys.distributed.hogwild.processes import train

def tell(processes, steps):
    if steps.min() > 10:
        print(*(process.pid for process in processes), flush=True)

if __name__ == "__main__":
    problem = plant(100, 50, 4, np.random.default_rng(0))
    train(problem, np.zeros(5_000_000, np.int64), 0.5, 1, timeout=30, watch=tell)
"""


def test_a_killed_parent_leaves_no_worker_and_no_block(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline().split()[0])
        assert len(blocks(parent.pid)) == 2
    finally:
        parent.kill()
        parent.wait(SOON)
        parent.stdout.close()  # type: ignore[union-attr]
    deadline = time.monotonic() + 5.0  # by itself the worker would take longer
    while (blocks(parent.pid) or _runs(worker)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not blocks(parent.pid) and not _runs(worker)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
