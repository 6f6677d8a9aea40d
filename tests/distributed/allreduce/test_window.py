"""On real MPI: every algorithm and the shared window, against MPI's own Allreduce, in one job."""

from __future__ import annotations

import sys

import cloudpickle
import numpy as np
import pytest

from mlsys.distributed.allreduce import (
    ALGORITHMS,
    SharedWindow,
    allreduce,
    alltoall,
    broadcast,
    gather,
    grid_of,
    hierarchical_allreduce,
    reproducible_allreduce,
    scatter,
    torus_allreduce,
)
from mlsys.distributed.cluster import SimulatedCluster
from mlsys.distributed.cluster.programs import run_program

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # ranks cannot import a test

LENGTHS = (0, 1, 3, 10, 1001, 70_000)


def mine(comm, n, dtype, kind=0):
    rng = np.random.default_rng([n, comm.rank, kind])
    return rng.integers(-9, 10, n).astype(dtype)


def collectives(comm):
    """Names of those that did not end with what MPI's own end with."""
    from mpi4py import MPI

    wrong = []
    pair = grid_of(comm, 2)
    runs = {name: algorithm.run for name, algorithm in ALGORITHMS.items()}
    runs |= {
        "hierarchical": lambda comm, a, op: hierarchical_allreduce(pair, a, op),
        "torus": lambda comm, a, op: torus_allreduce(pair, a, op),
        "auto": allreduce,
    }
    for name, run in runs.items():
        for n in LENGTHS:
            for dtype in ("f4", "f8", "i4", "i8"):
                for op, theirs in ((np.add, MPI.SUM), (np.maximum, MPI.MAX)):
                    array, want = mine(comm, n, dtype), mine(comm, n, dtype)
                    run(comm, array, op)
                    comm.Allreduce(MPI.IN_PLACE, want, op=theirs)
                    if not np.array_equal(array, want):
                        wrong.append((name, n, dtype))
        half = mine(comm, 33, "f2")  # MPI has no sum for it
        want = np.sum([comm.bcast(mine(comm, 33, "f2"), r) for r in range(comm.size)], axis=0)
        run(comm, half, np.add)
        if not np.array_equal(half, want):
            wrong.append((name, 33, "f2"))
    return wrong


def others(comm):
    """The same for what has a root, and for all-to-all."""
    wrong = []
    array, want = mine(comm, 40, "f8"), mine(comm, 40, "f8")
    broadcast(comm, array, 3)
    comm.Bcast(want, 3)
    wrong += ["broadcast"] * (not np.array_equal(array, want))
    scatter(comm, array, 2)
    gather(comm, array, 2)
    wrong += ["scatter, gather"] * (not np.array_equal(array, want))
    rows, want = mine(comm, 40, "f8").reshape(4, 10), np.empty((4, 10))
    comm.Alltoall(rows, want)
    alltoall(comm, rows)
    return wrong + ["alltoall"] * (not np.array_equal(rows, want))


def windows(comm):
    """The same for the shared window, in place and copied."""
    from mpi4py import MPI

    wrong = []
    for n in LENGTHS:
        with SharedWindow(comm, n, np.float32) as window, SharedWindow(comm, 37, "f4") as small:
            for kind in range(3):  # one after the other: none may run into the next
                window.array[:] = mine(comm, n, "f4", kind)
                array, want = window.array.copy(), window.array.copy()
                window.allreduce()
                comm.Allreduce(MPI.IN_PLACE, want)
                wrong += [("window", n)] * (not np.array_equal(window.array, want))
                if n < 2000:
                    small.copied_allreduce(array)
                    wrong += [("copied", n)] * (not np.array_equal(array, want))
    with SharedWindow(comm, 4, np.float32) as window:
        try:
            window.copied_allreduce(np.full(3, 1e-9))  # would come back as float32's
            wrong.append(("copied", "float64 through float32"))
        except ValueError:
            pass
    return wrong


def everything(comm):
    lines = np.random.default_rng(comm.rank).normal(size=(2, 5))
    return (
        collectives(comm) + others(comm) + windows(comm),
        reproducible_allreduce(comm, lines).tobytes(),
    )


@pytest.mark.multiprocess
def test_on_mpi_all_end_with_what_mpis_own_end_with():
    pytest.importorskip("mpi4py")
    run = run_program(everything, ranks=4, on="mpi", timeout=50.0)
    assert [wrong for wrong, _ in run.values] == [[]] * 4

    def same(comm):
        lines = np.random.default_rng(comm.rank).normal(size=(2, 5))
        return reproducible_allreduce(comm, lines, "naive").tobytes()

    simulated = SimulatedCluster(4).run(same).values
    assert {bits for _, bits in run.values} == set(simulated)


def test_a_simulated_cluster_has_no_memory_to_share():
    pytest.importorskip("mpi4py")

    def program(comm):
        with pytest.raises(TypeError, match="share no memory; use ring_allreduce there"):
            SharedWindow(comm, 4)

    SimulatedCluster(2).run(program)
