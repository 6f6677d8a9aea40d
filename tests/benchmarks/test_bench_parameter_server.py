"""The race of parameter servers before any clock: whoever is asked, the rows are the same."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from bench_parameter_server import RACE
from command import rates
from engines.collectives import SEED, JobClock
from engines.jobs import Jobs
from engines.outside import Command, Group
from engines.parameter_servers import InJob, Outside, Rows
from engines.server_kernels import Rows as KernelRows
from engines.server_kernels import numbers, seen
from race import Peer, Track, agreement

pytestmark = pytest.mark.multiprocess
MPI = ("ours", "dictionary", "memory")
# Answers as the processes do that are not ours: always 0.25 s, and always the same rows.
STAND_IN = """
import sys
for line in sys.stdin:
    what, count, width, number = line.split()
    print(*(ROWS if what == "values" else [0.25 * int(number)]), flush=True)
"""


@pytest.fixture(scope="module")
def jobs():
    pytest.importorskip("mpi4py")
    if not (Path(sys.executable).with_name("mpiexec").exists() or shutil.which("mpiexec")):
        pytest.skip("no mpiexec is installed")
    started = Jobs("server_kernels")
    yield started
    started.close()


def expected(rows: Rows) -> dict[str, np.ndarray]:
    """What all workers have pushed, summed here."""
    kernel = KernelRows(rows.count, rows.width, rows.keyed)
    total = sum(numbers(kernel, SEED + worker) for worker in range(rows.workers))
    return {"rows": np.array(seen(total.ravel()))}


def results(jobs: Jobs, kernel: str, library: str, rows: Rows):
    """After having been timed, which must leave no trace in the rows."""
    entry = InJob(jobs, JobClock(jobs, near=False), kernel, library, "1").moves(rows)
    job = jobs.get(library, rows.workers + 1)
    sizes = {"count": rows.count, "width": rows.width, "keyed": rows.keyed}
    key = job.ask("prepare", name=kernel, call=rows.call, **sizes)[0]
    assert max(job.ask("time", key=key, calls=3)) > 0
    entry.results()
    found = entry.results()
    entry.close()
    return found


@pytest.mark.parametrize("kernel", MPI)
@pytest.mark.parametrize("width, keyed", [(1, True), (16, True), (1, False), (3, False)])
def test_one_worker_pulls_what_it_has_pushed(jobs, kernel, width, keyed):
    for call in ("push", "pull"):
        rows = Rows(call, 70, width, keyed) if kernel != "memory" else Rows(call, 70, width, False)
        if kernel == "dictionary" and not keyed:
            continue
        assert agreement(expected(rows), results(jobs, kernel, "open mpi", rows), 0)


@pytest.mark.parametrize("workers, keyed", [(1, True), (1, False), (2, True)])
def test_gloo_by_hand_does_the_same(jobs, workers, keyed):
    pytest.importorskip("torch")
    rows = Rows("pull", 70, 2, keyed, workers)
    assert agreement(expected(rows), results(jobs, "gloo", "gloo", rows), 0)


def test_floats_in_a_dictionary_do_the_same(jobs):
    rows = Rows("push", 70)
    assert agreement(expected(rows), results(jobs, "floats", "open mpi", rows), 0)


@pytest.mark.parametrize("kernel", ["ours", "dictionary"])
def test_of_two_workers_each_pulls_the_sum(jobs, kernel):
    rows = Rows("push", 70, 2, True, workers=2)
    assert agreement(expected(rows), results(jobs, kernel, "open mpi", rows), 0)
    one = Rows("push", 70, 2, True)
    assert not np.array_equal(expected(rows)["rows"], expected(one)["rows"])


class StandIn:
    """A library whose processes answer at once."""

    version = "0"

    def __init__(self, rows: list[float]) -> None:
        program = STAND_IN.replace("ROWS", repr(rows))
        self._command = Command([sys.executable, "-c", program], {})
        self.groups: list[Group] = []

    def group(self, workers: int) -> Group:
        self.groups.append(Group(lambda _: [self._command] * workers, workers))
        return self.groups[-1]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_runs_outside_is_timed_by_its_own_clock_and_ended(workers):
    clock = JobClock(Jobs("server_kernels"), near=False)
    rows = Rows("push", 100, 2, workers=workers)
    library = StandIn(expected(rows)["rows"].tolist())
    entry = Outside(library, clock).moves(rows)
    before = clock()
    entry.work()
    assert clock() - before == 0.25
    assert agreement(expected(rows), entry.results(), 0)
    entry.close()
    with pytest.raises(ValueError, match="closed file"):
        library.groups[0].ask("time", key="push 100 2", calls=1)


def test_a_process_that_ends_says_why():
    command = Command([sys.executable, "-c", "raise SystemExit('out of rows')"], {})
    group = Group(lambda _: [command], 1)
    with pytest.raises(RuntimeError, match="out of rows"):
        group.ask("time", key="push 1 1", calls=1)
    group.close()


def test_whoever_is_no_package_is_named_with_the_option_that_gives_it(tmp_path):
    peers, _ = RACE.enter({"pslite": None, "ray": None})
    absent = {peer.peer: peer.note for peer in peers if not peer.present}
    assert "--pslite FOLDER" in absent["pslite"]
    assert "--ray ENV" in absent["ray"]
    with pytest.raises(SystemExit, match="no libpslite"):
        RACE.enter({"pslite": tmp_path, "ray": None})


def test_targets_are_those_of_one_worker():
    judged = {
        (heat.case.case, peer): target
        for heat in RACE.heats
        for peer, target in heat.targets.items()
        if target is not None
    }
    assert judged["push-1000000x16", "pslite"] == 3
    assert judged["pull-100000x1", "pslite"] == 5
    assert ("pull-1000x1", "pslite") not in judged
    assert not any("workers" in case for case, _ in judged)
    titles = [heat.case.title for heat in RACE.heats if heat.case.case == "push-keys-3-workers"]
    assert ("more ranks than cores" in titles[0]) is ((os.cpu_count() or 1) < 4)


def test_what_is_moved_in_a_second_is_counted_for_all_workers():
    case = next(heat.case for heat in RACE.heats if heat.case.case == "push-keys-2-workers")
    assert case.moves == {"keys": 200_000, "MB": 0.8}
    clock = iter(np.arange(0.0, 1000.0, 0.5)).__next__
    rows = Rows("push", 100_000, workers=2)
    entry = Outside(StandIn([1.0]), JobClock(Jobs(""), near=False)).moves(rows)
    track = Track(np.random.default_rng(0), 3, window=0, warmup=0, clock=clock)
    row = track.race(case, Peer("x", "x", "1"), entry, entry, None)
    entry.close()
    cells = list(rates([row]).columns[2].cells)
    assert cells == ["400,000 keys  1.6 MB"]
