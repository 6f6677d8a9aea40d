"""The command, and one program on three clusters: the same bits on each."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mlsys.distributed.cluster import Communicator, openmpi
from mlsys.distributed.cluster.programs import run_program
from mlsys.distributed.data_parallel.__main__ import app, main
from mlsys.distributed.data_parallel.optimizer import DistributedOptimizer
from mlsys.distributed.data_parallel.progress import Driver
from mlsys.foundations.datasets import digits
from mlsys.foundations.nn import MLP, cross_entropy
from mlsys.foundations.training import SGD

RANKS, STEPS, CAP = 3, 6, 20_000


def state_in(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("state"))


@pytest.fixture(scope="module")
def simulated() -> str:
    """What the command says of a run on the virtual clock."""
    line = f"digits-mlp --ranks {RANKS} --steps {STEPS} --cap {CAP}"
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_reports_the_run_and_its_traffic(simulated: str) -> None:
    assert f"digits-mlp on {RANKS} ranks: {STEPS} steps, test accuracy" in simulated
    assert "parameters the same on every rank" in simulated
    assert "s of communication on the virtual clock" in simulated


def test_resuming_needs_a_folder_and_a_run_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CliRunner().invoke(app, ["digits-mlp", "--resume"]).exit_code == 2
    line = ["digits-mlp", "--ranks", "2", "--steps", "2", "--checkpoints", str(tmp_path)]
    assert CliRunner().invoke(app, line).exit_code == 0
    monkeypatch.setattr(sys, "argv", ["data_parallel", *line])
    with pytest.raises(SystemExit, match="1"):
        main()
    said = capsys.readouterr().err  # of rank 0's mistake, and nothing of a traceback
    assert (
        said
        == f"error: {tmp_path} holds a run already: give --resume to go on, or another folder\n"
    )
    on = CliRunner().invoke(app, [*line, "--resume"])  # where all is done there is nothing to do
    assert on.exit_code == 0 and "2 ranks: 2 steps" in on.output


@pytest.mark.multiprocess
def test_mpiexec_starts_it_and_ends_at_the_same_bits(simulated: str, tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    line = [openmpi.find_mpiexec(), "-n", str(RANKS), sys.executable]
    line += ["-m", "mlsys.distributed.data_parallel", "digits-mlp"]
    line += ["--steps", str(STEPS), "--cap", str(CAP)]
    done = subprocess.run(
        line,
        env=openmpi.environment(openmpi.settings(hosts=False), os.environ),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert state_in(done.stdout) == state_in(simulated)
    assert done.stdout.count("digits-mlp on 3 ranks") == 1  # rank 0 alone


def polled(comm: Communicator, by_a_thread: bool) -> bytes:
    """Some steps of a perceptron, while a thread may look after the messages."""
    net = MLP([64, 32, 10], rng=np.random.default_rng(0))
    own = DistributedOptimizer(comm, SGD(net.named_parameters(), 0.1), cap=4096)
    data, rows = digits(), np.arange(comm.rank, 90, comm.size)
    with Driver(own.reducer.poll, every=1e-3) if by_a_thread else nullcontext():
        for _ in range(4):
            own.zero_grad()
            own.backward(cross_entropy(net(data.x[rows]), data.y[rows]))
            own.step()
    return b"".join(p.data.tobytes() for p in net.parameters())


@pytest.mark.multiprocess
def test_processes_end_at_the_same_bits_and_a_thread_that_polls_changes_none() -> None:
    alone = run_program(polled, False, ranks=2).values
    assert alone == alone[:1] * 2
    assert run_program(polled, True, ranks=2, on="processes", timeout=50.0).values == alone
