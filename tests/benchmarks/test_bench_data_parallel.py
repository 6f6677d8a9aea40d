"""The race of data-parallel training before any clock: all sides take the same steps."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from bench_data_parallel import MODELS
from engines.jobs import Jobs
from engines.trainers import gradient_bytes
from race import agreement

pytestmark = pytest.mark.multiprocess
SMALL = {"mlp": [4], "transformer": [2, 6, 8, 2]}


@pytest.fixture(scope="module")
def jobs():
    pytest.importorskip("mpi4py")
    if not (Path(sys.executable).with_name("mpiexec").exists() or shutil.which("mpiexec")):
        pytest.skip("no mpiexec is installed")
    started = Jobs("training_kernels")
    yield started
    started.close()


def results(jobs, library, kernel, problem, sizes):
    job = jobs.get(library, 2)
    (key, _) = job.ask("prepare", name=kernel, problem=problem, sizes=sizes)
    assert max(job.ask("time", key=key, calls=2)) > 0
    found = job.ask("results", key=key, seed=3)
    job.ask("drop", key=key)
    return {name: np.array([each[name] for each in found]) for name in found[0]}


@pytest.mark.parametrize("problem", SMALL)
def test_each_rank_has_its_own_losses_and_all_have_the_same_parameters(jobs, problem):
    ours = results(jobs, "open mpi", "ours", problem, SMALL[problem])
    alone = results(jobs, "open mpi", "alone", problem, SMALL[problem])
    losses = ours.pop("losses")
    assert agreement({"first": losses[:, :1]}, {"first": alone["first loss"]}, 1e-5)
    assert losses[0, 0] != losses[1, 0]
    assert all(np.ptp(values, axis=0).max() == 0 for values in ours.values())


@pytest.mark.soak
@pytest.mark.parametrize("problem", SMALL)
def test_after_three_steps_pytorch_has_the_same_losses_and_parameters(jobs, problem):
    pytest.importorskip("torch")
    ours = results(jobs, "open mpi", "ours", problem, SMALL[problem])
    for library, kernel in (("open mpi", "around torch"), ("gloo", "ddp")):
        theirs = results(jobs, library, kernel, problem, SMALL[problem])
        assert theirs.keys() == ours.keys()
        assert agreement(ours, theirs, 2e-3)


def test_fused_or_not_the_averages_are_the_same(jobs):
    one, other = (
        results(jobs, "open mpi", kernel, "tensors", [7, 5]) for kernel in ("ours", "unfused")
    )
    assert agreement(one, other, 1e-6)
    assert one["averages"].shape == (2, 7)


def test_gradients_are_as_large_as_parameters():
    assert gradient_bytes("mlp", (4,)) == 4 * (784 * 128 + 128 + 128 * 10 + 10)
    assert set(MODELS) == {"mlp-64", "mlp-512", "transformer-64", "transformer-128"}
