"""Runs that are killed for real: SIGKILL, at a random moment, several times in one run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlsys.foundations.training.checkpoint import paths, read

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.multiprocess
COMMAND = [sys.executable, "-m", "mlsys.foundations.training"]
RECIPE = ["digits-mlp", "--steps", "160", "--every", "9", "--keep", "2", "--checkpoints"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=50, check=False
    )


def killed_after(folder: Path, newer_than: int, delay: float) -> bool:
    """Start or go on, and kill some time after a checkpoint beyond ``newer_than`` appears."""
    child = subprocess.Popen(
        [*COMMAND, *RECIPE, str(folder), "--resume"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 40
        while child.poll() is None and newest(folder) <= newer_than and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(delay)
    finally:
        child.kill()  # SIGKILL: nothing runs in the child any more, no handler, no finally
        child.wait(10)
    return child.returncode == -signal.SIGKILL


def newest(folder: Path) -> int:
    return max((int(path.stem.partition("-")[2]) for path in paths(folder)), default=0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_at_the_same_bits(tmp_path: Path) -> None:
    chance = random.Random()  # any moment must do, so each run of this test tries others
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    straight = run(*RECIPE, str(whole))
    kills = sum(
        killed_after(broken, newest(broken) + chance.randrange(30), chance.uniform(0, 0.03))
        for _ in range(2)
    )
    assert kills > 0
    last = run(*RECIPE, str(broken), "--resume")
    assert last.returncode == straight.returncode == 0, last.stderr + straight.stderr
    ends = [paths(folder)[-1] for folder in (whole, broken)]
    assert ends[0].name == ends[1].name == "step-00000160.safetensors"
    assert ends[0].read_bytes() == ends[1].read_bytes()
    assert straight.stdout.replace(str(whole), "") == last.stdout.replace(str(broken), "")
    assert len(read(ends[1]).arrays["history.loss"]) == 160
    assert not list(broken.glob(".*.part"))
