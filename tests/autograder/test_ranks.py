"""A student's ranks: they compute, and what it costs is counted where they cannot reach."""

import shutil
import textwrap

import numpy as np
import pytest

from autograder import ranks
from autograder.lab import load_lab
from autograder.sandbox import Sandbox
from autograder.student import Student, StudentError
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.simulated import SimulatedCluster
from mlsys.distributed.cluster.topology import flat

pytestmark = pytest.mark.multiprocess

LAB = """
title = "Ranks"
chapter = "distributed/allreduce"
file = "program.py"
imports = ["mlsys", "numpy", "os", "time"]

[limits]
wall = 2.0

[[tasks]]
name = "ring"
title = "A ring"
extend = ["ring"]
"""
PROBES = """
from mlsys.distributed.cluster.plain import endpoint


def rank(talk, student, function, rank, size, *arguments):
    return getattr(student, function)(endpoint(talk, rank, size), *arguments)
"""
PROGRAM = '''
import os
import time

import numpy as np

from mlsys.distributed.cluster.calls import Compute

SEEN = []


def ring(comm, array):
    """Every rank's array, added up by passing all of them round the ring."""
    total, passing = array.copy(), array.copy()
    for _ in range(comm.size - 1):
        came = np.empty_like(passing)
        comm.Sendrecv(passing, (comm.rank + 1) % comm.size, 0, came, (comm.rank - 1) % comm.size)
        total, passing = total + came, came
    return total


def whispers(comm, array):
    """The same sum, told over the memory that the ranks share, and nothing sent."""
    SEEN.append(array)
    comm.Barrier()
    return sum(SEEN)


def nobody_sends(comm, array):
    comm.Recv(array, (comm.rank + 1) % comm.size)


def raises(comm, array):
    if comm.rank == 1:
        raise ValueError("one is odd")
    comm.Barrier()


def exits(comm, array):
    if comm.rank == 1:
        os._exit(3)
    comm.Barrier()


def spins(comm, array):
    comm.Barrier()
    while comm.rank == 1:
        pass


def forgets(comm, array):
    comm.Send(array, (comm.rank + 1) % comm.size)


def floods(comm, array):
    while True:
        comm.Iprobe()


def lies(comm, array):
    """Say what is no call, in place of a call."""
    comm.Barrier()
    comm._line.ask(Compute("a moment"))


def survives(comm, array):
    from mlsys.distributed.cluster import RankFailed

    try:
        while True:
            comm.Barrier()
            comm.compute(1.0)
    except RankFailed as failed:
        comm.Revoke()
        living = comm.Shrink()
        living.Barrier()
        return living.size


def objects(comm, array):
    return comm.sendrecv({"from": comm.rank}, 1 - comm.rank, 0, None, 1 - comm.rank)
'''


@pytest.fixture(scope="module")
def sandbox(root, tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    (course / "mlsys").symlink_to(root / "mlsys")
    (course / "book").mkdir()
    shutil.copy(root / "book" / "chapters.toml", course / "book")
    folder = course / "labs" / "ranks"
    folder.mkdir(parents=True)
    (folder / "lab.toml").write_text(LAB)
    (folder / "probes.py").write_text(PROBES)
    with Sandbox(load_lab(folder)) as box:
        yield box


@pytest.fixture
def student(sandbox):
    handed_in = Student({"program.py": textwrap.dedent(PROGRAM).encode()}, sandbox)
    yield handed_in
    handed_in.close()


def arrays(count, length=4):
    rng = np.random.default_rng(count)
    return [(rng.normal(size=length),) for _ in range(count)]


@pytest.mark.parametrize("apart", [False, True])
def test_the_run_is_that_of_a_cluster_in_this_process(student, apart):
    given = arrays(3)
    run = ranks.simulate(student, "ring", given, topology=flat(3, 1e-3, 1e-6), apart=apart)

    def here(comm):
        from_file: dict = {}
        exec(PROGRAM, from_file)
        return from_file["ring"](comm, *given[comm.rank])

    twin = SimulatedCluster(flat(3, 1e-3, 1e-6)).run(here)
    for got, want in zip(run.values, twin.values, strict=True):
        np.testing.assert_array_equal(got, want)
    assert run.seconds == twin.seconds == pytest.approx(2 * (1e-3 + 32e-6))
    assert run.traffic.rounds == twin.traffic.rounds == 2
    assert run.traffic.sent_bytes.tolist() == [64, 64, 64]


def test_a_router_counts_the_same_between_processes(student):
    given = arrays(3)
    run = ranks.route(student, "ring", given)
    total = sum(array for (array,) in given)
    for got in run.values:
        np.testing.assert_allclose(got, total)
    assert run.traffic.sent_bytes.tolist() == [64, 64, 64]
    assert run.traffic.rounds == 2


def test_ranks_that_whisper_send_nothing_and_are_found_out_apart(student):
    given = arrays(3)
    together = ranks.simulate(student, "whispers", given)
    assert together.traffic.sent_bytes.sum() == 0
    np.testing.assert_allclose(together.values[0], sum(array for (array,) in given))
    apart = ranks.simulate(student, "whispers", given, apart=True)
    np.testing.assert_array_equal(apart.values[0], given[0][0])


@pytest.mark.parametrize("how", [ranks.simulate, ranks.route])
@pytest.mark.parametrize(
    ("function", "reason", "told"),
    [
        ("nobody_sends", "error", "deadlock.*rank 0 waits for a message from rank 1"),
        ("raises", "error", "rank 1: ValueError: one is odd"),
        ("exits", "exited", "rank 1"),
        ("spins", "timeout", r"rank 1: no answer within 2 s .*line \d+, in spins"),
        ("forgets", "error", r"2 message\(s\) were never received"),
        ("lies", "error", r"no call: Compute\(seconds='a moment'\)"),
        ("absent", "missing", "no function absent"),
    ],
)
def test_a_program_that_goes_wrong_is_told_what_it_did(student, how, function, reason, told):
    with pytest.raises(StudentError, match="(?s)" + told) as caught:
        how(student, function, arrays(2))
    assert caught.value.reason == reason


def test_ranks_that_call_for_ever_are_stopped(student, monkeypatch):
    monkeypatch.setattr(ranks, "MOST_CALLS", 200)
    with pytest.raises(StudentError, match="201 calls") as caught:
        ranks.simulate(student, "floods", arrays(2))
    assert caught.value.reason == "output_limit"


def test_ranks_that_send_without_end_are_stopped(student, monkeypatch):
    monkeypatch.setattr(ranks, "MOST_BYTES", 100)
    with pytest.raises(StudentError, match="sent 128 bytes"):
        ranks.simulate(student, "ring", arrays(4))


@pytest.mark.parametrize("apart", [False, True])
def test_a_rank_may_die_and_the_others_go_on(student, apart):
    run = ranks.simulate(student, "survives", arrays(3), apart=apart, faults=Faults(crash={1: 2.5}))
    assert run.values == [2, None, 2]
    assert run.dead == (1,)


def test_objects_cross_as_bytes_that_nobody_here_decodes(student, monkeypatch):
    import pickle

    def never(*_):
        raise AssertionError("the grader has unpickled something")

    monkeypatch.setattr(pickle, "loads", never)
    run = ranks.simulate(student, "objects", arrays(2))
    assert run.values == [{"from": 1}, {"from": 0}]
