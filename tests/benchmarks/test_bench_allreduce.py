"""The race of allreduces before any clock: all sum the same, and a job that fails says why."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from bench_allreduce import RACE
from engines.collectives import COUNTED, sent
from engines.jobs import Job, Jobs, Place, open_mpi
from race import agreement

pytestmark = pytest.mark.multiprocess
ELEMENTS, KERNELS = 5000, "collective_kernels"


@pytest.fixture(scope="module")
def job():
    pytest.importorskip("mpi4py")
    if not (Path(sys.executable).with_name("mpiexec").exists() or shutil.which("mpiexec")):
        pytest.skip("no mpiexec is installed")
    jobs = Jobs(KERNELS)
    yield jobs.get("open mpi", 2)
    jobs.close()


@pytest.mark.parametrize("name", ["ring", "whole", "doubling", "halving", "window", "copied"])
def test_ours_sums_what_the_library_sums(job, name):
    found = {}
    for kernel in (name, "builtin", "pickled"):
        (key, _) = job.ask("prepare", name=kernel, elements=ELEMENTS)
        found[kernel] = np.array([each["sums"] for each in job.ask("results", key=key, seed=3)])
        assert max(job.ask("time", key=key, calls=2)) > 0
        job.ask("drop", key=key)
    for kernel in ("builtin", "pickled"):
        assert agreement({"sums": found[name]}, {"sums": found[kernel]}, 1e-6)
    assert np.ptp(found[name], axis=0).max() == 0, "all ranks have the same"
    assert found[name].std() > 0.1


def test_a_job_that_cannot_go_on_says_what_its_ranks_said(job):
    def start(place: Place):
        commands, environment = open_mpi(place)
        return [[*commands[0][:-1], "no such kind"]], environment

    with pytest.raises(RuntimeError, match=r"(?s)a rank has ended.*GlooWorld"):
        Job(start, 1, KERNELS)


def test_counts_are_those_of_the_formulas():
    for ranks in (4, 8):
        counted = {name: sent(name, ranks) for name in COUNTED}
        bits = ranks.bit_length() - 1
        ring, halving = (2 * (ranks - 1) / ranks,) * 2
        assert counted["ring"] == {
            "bytes": ring,
            "messages": 2 * (ranks - 1),
            "rounds": 2 * (ranks - 1),
        }
        assert counted["halving"] == {"bytes": halving, "messages": 2 * bits, "rounds": 2 * bits}
        assert counted["doubling"] == {"bytes": bits, "messages": bits, "rounds": bits}


def test_whoever_is_no_package_is_named_with_the_option_that_gives_it():
    peers, _ = RACE.enter({"mpich": None})
    absent = {peer.peer: peer.note for peer in peers if not peer.present}
    assert "--mpich" in absent["mpich"]
