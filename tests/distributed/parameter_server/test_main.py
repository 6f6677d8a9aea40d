"""The command: what it prints, and what it says of mistakes."""

import subprocess
import sys

import numpy as np
import pytest

from mlsys.distributed.parameter_server.__main__ import SHARES, draw_log

COMMAND = [sys.executable, "-m", "mlsys.distributed.parameter_server"]
SMALL = ["--rows", "500", "--keys", "200", "--passes", "2", "--workers", "2"]


def call(*arguments):
    return subprocess.run(
        [*COMMAND, *SMALL, *arguments], capture_output=True, text=True, timeout=50
    )


def test_examples_are_dealt_out_whole():
    parts, truth = draw_log(workers=3, keys=200, rows=100, seed=1)
    assert sum(len(part.clicked) for part in parts) == 100
    assert len(truth) == 1 + sum(int(200 * share) for share in SHARES)
    for part in parts:
        held = np.bincount(part.rows)
        assert (held == len(SHARES) + 1).all()  # a key of each field, and the intercept
        assert part.keys.max() == len(truth) - 1


@pytest.mark.multiprocess
def test_it_learns_through_the_death_of_a_server():
    done = call("--replicas", "2", "--crash", "0.01")
    assert done.returncode == 0, done.stderr
    rows = dict(
        [cell.strip() for cell in line.split("│")[1:3]]
        for line in done.stdout.splitlines()
        if line.count("│") == 3
    )
    first, last = (
        float(rows[f"objective, {when}"].split()[0].replace(",", ""))
        for when in ("at first", "in the end")
    )
    assert last < first
    assert rows["died"] == "rank 1"
    assert not done.stderr


@pytest.mark.multiprocess
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--crash", "0.01"], 1, "lost"),
        (["--servers", "1", "--replicas", "2"], 1, "have more servers, or fewer replicas"),
        (["--on", "mpi", "--crash", "1"], 2, "a death ends the whole job"),
    ],
)
def test_mistakes_are_told_in_words(arguments, code, words):
    done = call(*arguments)
    assert done.returncode == code
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr and not done.stdout
