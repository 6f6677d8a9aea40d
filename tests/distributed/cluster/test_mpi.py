"""Programs on real MPI: what ranks return comes home, what goes wrong is told, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from mlsys.distributed.cluster import mpi, openmpi
from mlsys.distributed.cluster.communicator import ClusterError, RankFailed
from mlsys.distributed.cluster.mpi import MPICluster
from mlsys.distributed.cluster.run import ProgramFailed

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # ranks cannot import a test

pytestmark = pytest.mark.multiprocess


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither files nor shared memory."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(openmpi, "SHARED_MEMORY", scratch)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert not list(scratch.iterdir())


def test_values_come_home_in_the_order_of_ranks(capfd: pytest.CaptureFixture[str]) -> None:
    base = {"of": 10}  # travels with the function

    def program(comm: Any, more: int) -> Any:
        from mlsys.distributed.cluster.mpi_rank import MPICommunicator, check

        print("out", comm.rank)
        print("err", comm.rank, file=sys.stderr)
        before = comm.now()
        comm.compute(1e6)
        half = comm.Split(comm.rank % 2, -comm.rank)
        try:
            check(comm, comm.size + 1)
            complaint = ""
        except RuntimeError as error:
            complaint = str(error)
        assert all(isinstance(each, MPICommunicator) for each in (comm, half))
        return base["of"] + comm.rank + more, half.rank, comm.now() - before < 1e3, complaint

    run = MPICluster(3, timeout=50).run(program, 100)
    assert [value[:3] for value in run.values] == [(110, 1, True), (111, 0, True), (112, 0, True)]
    assert all("expected a world of 4 ranks, got 3" in value[3] for value in run.values)
    assert 0 < run.seconds < 50
    assert (run.traffic, run.dead) == (None, ())
    said = capfd.readouterr()
    assert sorted(said.out.splitlines()) == [f"[{rank}] out {rank}" for rank in range(3)]
    assert sorted(said.err.splitlines()) == [f"[{rank}] err {rank}" for rank in range(3)]


def on_rank_one(deed: Callable[[], Any]) -> Callable[[Any], Any]:
    def program(comm: Any) -> Any:
        value = deed() if comm.rank == 1 else None
        comm.Barrier()
        return value

    return program


def test_a_rank_that_raises_brings_its_traceback_and_ends_the_others() -> None:
    def deed() -> None:
        raise LookupError("a page is missing")

    with pytest.raises(ProgramFailed, match="rank 1 raised LookupError: a page") as caught:
        MPICluster(3, timeout=50).run(on_rank_one(deed))
    assert {rank: type(error) for rank, error in caught.value.errors.items()} == {1: LookupError}
    assert "raise LookupError(" in str(caught.value) and "mpi_rank.py" not in str(caught.value)


def test_a_rank_that_leaves_or_returns_what_cannot_travel_has_raised() -> None:
    def program(comm: Any) -> Any:
        if comm.rank == 0:
            return (i for i in range(3))
        comm.Barrier()

    with pytest.raises(ProgramFailed, match="rank 0 raised TypeError: what the rank returned"):
        MPICluster(2, timeout=50).run(program)
    with pytest.raises(ProgramFailed, match="rank 1 raised SystemExit: 0"):
        MPICluster(2, timeout=50).run(on_rank_one(lambda: sys.exit(0)))


def test_a_rank_that_is_killed_is_named() -> None:
    with pytest.raises(RankFailed, match=r"signal 9, SIGKILL.*checkpoint") as caught:
        MPICluster(3, timeout=50).run(on_rank_one(lambda: os.kill(os.getpid(), signal.SIGKILL)))
    assert caught.value.ranks == (1,)


def test_time_is_up_for_a_program_that_hangs() -> None:
    def program(comm: Any) -> None:
        if comm.rank == 1:
            comm.recv(source=0)  # which is never sent

    with pytest.raises(ClusterError, match=r"not done after 1\.5 s; ranks? (0, )?1 had not"):
        MPICluster(2, timeout=1.5).run(program)


def test_a_job_starts_jobs_and_the_user_settings_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "10")

    def inner(comm: Any) -> int:
        return int(os.environ["OMP_NUM_THREADS"]) + int(comm.rank)

    def outer(comm: Any) -> list[int]:
        return MPICluster(2, timeout=40).run(inner).values

    assert MPICluster(1, timeout=50).run(outer).values == [[10, 11]]


def test_a_host_that_lacks_the_folder_says_so(tmp_path: Path) -> None:
    line = [sys.executable, "-m", mpi.RANK, str(tmp_path / "elsewhere"), "1"]
    places = openmpi.places(tmp_path, tmp_path)  # where what it leaves behind goes with the test
    settings = openmpi.environment(openmpi.settings(False)) | places
    done = subprocess.run(line, env=settings, capture_output=True, timeout=50, check=False)
    assert done.returncode == 1
    assert b"rank 0: expected the job's folder" in done.stderr


def test_ranks_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="ranks: expected at least 1, got 0"):
        MPICluster(0)


JOB = """
import os, pathlib, sys, time
from mlsys.distributed.cluster import mpi, openmpi
from mlsys.distributed.cluster.mpi import MPICluster

openmpi.SHARED_MEMORY = pathlib.Path(os.environ["TMPDIR"])

def program(comm, folder):
    with open(f"{folder}/{comm.rank}.partial", "w") as file:
        file.write(f"{os.getpid()} {os.getppid()}")
    os.rename(file.name, f"{folder}/{comm.rank}")
    time.sleep(60)

MPICluster(2, timeout=50).run(program, sys.argv[1])
"""


@pytest.mark.parametrize("victim", ["caller", "mpiexec"])
def test_no_rank_outlives_a_killed(victim: str, tmp_path: Path) -> None:
    pids, scratch = tmp_path / "pids", tmp_path / "of the job"
    pids.mkdir()
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", JOB, str(pids)],
        env={**os.environ, "TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
    ) as caller:
        try:
            await_that(lambda: len([p for p in pids.iterdir() if not p.suffix]) == 2)
            ranks = [[int(x) for x in (pids / str(rank)).read_text().split()] for rank in (0, 1)]
            mpiexec = ranks[0][1]
            os.kill(caller.pid if victim == "caller" else mpiexec, signal.SIGKILL)
            told = caller.stderr.read().decode() if caller.stderr else ""
        finally:
            caller.kill()
    await_that(lambda: all(gone(pid) for pid in (mpiexec, ranks[0][0], ranks[1][0])))
    if victim == "mpiexec":
        assert "mpiexec ended with code -9 before ranks 0, 1 had returned" in told
        assert not list(scratch.iterdir())
    else:  # nobody is left to clear up: two folders remain, and the program
        left = [path.name for path in scratch.rglob("*") if path.is_file()]
        assert left == ["program"]


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
