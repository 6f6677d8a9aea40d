"""No orphans: what was started ends when its parent is killed, though nobody tells it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlsys.distributed.cluster.lifeline import tied

pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's"),
]

PARENT = """
import subprocess, sys, time
from mlsys.distributed.cluster.lifeline import tied
print(subprocess.Popen(tied([sys.executable, "-c", "import time; time.sleep(60)"])).pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_child_ends_with_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
    deadline = time.monotonic() + 20
    while not gone(child):
        assert time.monotonic() < deadline, "the child has outlived its parent"
        time.sleep(0.01)


def test_a_child_whose_parent_died_before_it_could_ask_does_not_start() -> None:
    command = tied([sys.executable, "-c", "print('started')"])
    command[command.index(str(os.getpid()))] = "1"  # a parent that is no longer ours
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_tied_command_is_the_command() -> None:
    command = tied([sys.executable, "-c", "import sys; print('here'); sys.exit(7)"])
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (7, b"here\n")
