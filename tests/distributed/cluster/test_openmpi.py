"""Open MPI's launcher: found or asked for, set without overruling the user, and understood."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from mlsys.distributed.cluster import openmpi
from mlsys.distributed.cluster.communicator import ClusterError, RankFailed


def test_without_mpi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mlsys\[mpi\]'"):
        openmpi.find_mpiexec()
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mlsys\[mpi\]'"):
        openmpi.find_mpiexec()


def test_another_mpi_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mpiexec = tmp_path / "mpiexec"
    mpiexec.write_text("#!/bin/sh\necho HYDRA build details: Version 5.0\n")
    mpiexec.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ClusterError, match=r"expected Open MPI's mpiexec, got .*HYDRA"):
        openmpi.find_mpiexec()


def test_several_hosts_talk_over_tcp() -> None:
    assert "tcp" in openmpi.settings(True)["OMPI_MCA_btl"].split(",")
    assert "tcp" not in openmpi.settings(False)["OMPI_MCA_btl"].split(",")


NOTICED = """\
prterun noticed that process rank 2 with PID 2515 on node vm exited on
signal 11 (Segmentation fault).
"""
NON_ZERO = """\
prterun detected that one or more processes exited with non-zero status,
thus causing the job to be terminated. The first process to do so was:

   Process name: [prterun-vm-25536@1,2]
   Exit code:    3
"""
IMPROPER = """\
prterun has exited due to process rank 2 with PID 2550 on node vm exiting
improperly. There are three reasons this could occur:
"""
ABORTED = """\
prterun has exited due to process rank 2 with PID 0 on node vm calling
"abort". This may have caused other processes in the application to be
terminated by signals sent by prterun (as reported here).
"""


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        (NOTICED, "signal 11, SIGSEGV"),
        (NON_ZERO, "it left with exit code 3"),
        (IMPROPER, "it left without returning"),
        (ABORTED, "it called Abort, or MPI did because another's connection was lost"),
    ],
)
def test_the_rank_that_died_first_is_named(told: str, cause: str) -> None:
    error = openmpi.death(told, [0, 1, 2], 1)
    assert isinstance(error, RankFailed)
    assert error.ranks == (2,)
    assert f"rank 2 died ({cause})" in str(error)
    assert "checkpoint" in str(error)


def test_what_is_not_understood_is_shown_whole() -> None:
    error = openmpi.death("There are not enough slots\navailable", [0, 1], 1)
    assert not isinstance(error, RankFailed)
    assert "ranks 0, 1" in str(error)
    assert "There are not enough slots\navailable" in str(error)


def test_lines_of_ranks_pass_and_those_of_the_launcher_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    relay = openmpi.Relay()
    for line, of_errors in (
        ("[1]<stdout>: hello", False),
        ("[0]<stderr>:  indented", True),
        ("prterun noticed", True),
        ("[12]<stdout>: ", False),
    ):
        relay(line, of_errors)
    assert capsys.readouterr() == ("[1] hello\n[12] \n", "[0]  indented\n")
    assert relay.launcher == "prterun noticed\n"
