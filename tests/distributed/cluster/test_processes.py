"""Ranks as processes: whatever ends them, the caller is told why and nothing is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from mlsys.distributed.cluster import Communicator, Deadlock, RankFailed, SimulatedCluster
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ClusterError
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.processes import ProcessCluster
from mlsys.distributed.cluster.run import ProgramFailed

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # ranks cannot import a test

pytestmark = pytest.mark.multiprocess
SOON = 30.0


def ranks_of(parent: int) -> list[int]:
    """The living processes that were started for ranks by this parent."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        ours = b"mlsys.distributed.cluster.process_rank" in command and state != "Z"
        if ours and command[-2] == str(parent).encode():
            found.append(int(folder.name))
    return found


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    threads, descriptors = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    yield
    assert ranks_of(os.getpid()) == []
    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def ring_sum(comm: Communicator, length: int) -> float:
    passing = np.full(length, float(comm.rank))
    total, came = passing.copy(), np.empty(length)
    for _ in range(comm.size - 1):
        comm.Sendrecv(passing, (comm.rank + 1) % comm.size, 0, came, (comm.rank - 1) % comm.size, 0)
        passing, came = came, passing
        total += passing
    comm.Barrier()
    return float(total.sum())


def test_values_and_counts_are_those_of_the_virtual_clock() -> None:
    real, virtual = (
        cluster(3).run(ring_sum, 1000) for cluster in (ProcessCluster, SimulatedCluster)
    )
    assert real.values == virtual.values == [3000.0] * 3
    assert real.traffic and virtual.traffic
    assert real.traffic.sent_bytes.tolist() == virtual.traffic.sent_bytes.tolist()
    assert real.traffic.sent_messages.tolist() == virtual.traffic.sent_messages.tolist()
    assert real.traffic.rounds == virtual.traffic.rounds == 4


def test_each_rank_is_a_process_and_gets_closures(capfd: pytest.CaptureFixture[str]) -> None:
    lines = 2000

    def program(comm: Communicator) -> int:
        for number in range(lines):
            print(f"line {number}")
        print("a warning", file=sys.stderr)
        return os.getpid()

    run = ProcessCluster(2, timeout=SOON).run(program)
    assert len({*run.values, os.getpid()}) == 3
    said = capfd.readouterr()
    for rank in range(2):
        mine = [line for line in said.out.splitlines() if line.startswith(f"[{rank}]")]
        assert mine == [f"[{rank}] line {number}" for number in range(lines)]
        assert f"[{rank}] a warning" in said.err.splitlines()


def test_a_rank_that_raises_brings_its_traceback_and_ends_the_others() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 1:
            raise KeyError("mine")
        while True:
            comm.Iprobe()

    with pytest.raises(ProgramFailed, match="rank 1 raised KeyError: 'mine'") as caught:
        ProcessCluster(2, timeout=SOON).run(program)
    assert "in program\n" in str(caught.value)
    assert isinstance(caught.value.errors[1], KeyError)


def test_a_deadlock_is_explained_with_lines() -> None:
    def program(comm: Communicator) -> None:
        comm.Recv(np.zeros(1), source=1 - comm.rank)

    with pytest.raises(Deadlock, match=r"rank 0 waits .*, at \S+:\d+, in program"):
        ProcessCluster(2, timeout=SOON).run(program)


def test_time_is_up_for_a_rank_that_never_calls() -> None:
    def program(comm: Communicator) -> None:
        while True:
            time.sleep(1)

    with pytest.raises(ClusterError, match=r"rank 1 has not called for"):
        ProcessCluster(2, timeout=1.5).run(program)


def survivors(comm: Communicator) -> list[int]:
    """Work in rounds until somebody dies; then the living do ten more and tell who they are."""
    members, done = comm, 0
    while members.size == comm.size or done < 10:
        try:
            members.Barrier()
            done += 1
        except RankFailed:
            members.Revoke()  # whoever waits for somebody else learns of it
            members, done = members.Shrink(), 0
    for rank in range(members.size):
        if rank != members.rank:
            members.send(comm.rank, rank)
    told = [members.recv(source=ANY_SOURCE) for _ in range(members.size - 1)]
    return sorted([*told, comm.rank])


@pytest.mark.parametrize("seed", range(2))
def test_kill_9_at_any_moment_leaves_the_others_to_finish(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    delay, number = rng.uniform(0, 0.1), rng.randrange(3)

    def program(comm: Communicator) -> Any:
        (tmp_path / f"begun {comm.rank}").touch()
        return survivors(comm)

    over = threading.Event()

    def kill() -> None:
        while len(list(tmp_path.iterdir())) < 3 and not over.is_set():
            time.sleep(0.001)
        time.sleep(delay)
        for victim in ranks_of(os.getpid())[number : number + 1]:
            os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        run = ProcessCluster(3, timeout=SOON).run(program)
    finally:
        over.set()
        killer.join()
    (dead,) = run.dead
    left = [rank for rank in range(3) if rank != dead]
    assert [run.values[rank] for rank in left] == [left, left]


def test_a_rank_that_is_killed_while_it_waits_is_dead_at_once() -> None:
    def program(comm: Communicator) -> Any:
        if comm.rank == 1:
            comm.send(os.getpid(), 2)
            comm.recv(source=2)
        if comm.rank == 0:
            with pytest.raises(RankFailed):
                comm.recv(source=1)
            return comm.send("it is dead", 2)
        victim = comm.recv(source=1)
        time.sleep(0.1)  # until it waits
        with pytest.raises(ProcessLookupError):
            while True:  # until it is gone
                os.kill(victim, signal.SIGKILL)
        return comm.recv(source=0)

    run = ProcessCluster(3, timeout=SOON).run(program)
    assert (run.values, run.dead) == ([None, None, "it is dead"], (1,))


def test_a_planned_crash_is_a_kill_9() -> None:
    def program(comm: Communicator) -> Any:
        if comm.rank == 0:
            while True:
                time.sleep(1)
        with pytest.raises(RankFailed):
            comm.recv(source=0)
        return comm.now()

    run = ProcessCluster(2, faults=Faults(crash={0: 0.2}), timeout=SOON).run(program)
    assert run.dead == (0,)
    assert 0.2 <= run.values[1] < SOON


def test_whoever_leaves_without_a_word_is_dead() -> None:
    def program(comm: Communicator) -> Any:
        if comm.rank == 1:
            os._exit(0)
        if comm.rank == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return "fine"

    run = ProcessCluster(3, timeout=SOON).run(program)
    assert (run.values, run.dead) == (["fine", None, None], (1, 2))


def test_every_rank_that_learns_of_a_death_has_its_error() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        comm.Barrier()

    with pytest.raises(ProgramFailed, match="RankFailed") as caught:
        ProcessCluster(3, timeout=SOON).run(program)
    assert sorted(caught.value.errors) == [0, 2]
    assert all(isinstance(error, RankFailed) for error in caught.value.errors.values())
    assert caught.value.errors[2].ranks  # type: ignore[attr-defined]


def test_garbage_on_the_channel_ends_the_rank_with_an_error() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 1:
            os.write(int(sys.argv[1]), b"\xff" * 64)
        comm.Barrier()

    with pytest.raises(ProgramFailed, match="expected a frame") as caught:
        ProcessCluster(2, timeout=SOON).run(program)
    assert list(caught.value.errors) == [1]


def test_a_death_is_noticed_though_a_child_of_the_dead_holds_its_channel() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 1:
            if os.fork() == 0:
                time.sleep(600)
            os._exit(1)
        comm.recv(source=1)

    with pytest.raises(ProgramFailed, match="rank 1 is dead"):
        ProcessCluster(2, timeout=SOON).run(program)


def test_what_a_rank_has_started_ends_with_it() -> None:
    def program(comm: Communicator) -> int:
        return subprocess.Popen(["sleep", "600"]).pid

    (child,) = ProcessCluster(1, timeout=SOON).run(program).values
    deadline = time.monotonic() + SOON
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # until it is reaped
        if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            break
    else:
        assert not Path(f"/proc/{child}").exists()


def test_a_stranger_that_never_stops_printing_holds_up_nobody(tmp_path: Path) -> None:
    def program(comm: Communicator) -> int:
        command = f"while [ ! -e {tmp_path}/stop ]; do echo again; sleep 0.01; done"
        return subprocess.Popen(["sh", "-c", command], start_new_session=True).pid

    try:
        assert len(ProcessCluster(1, timeout=SOON).run(program).values) == 1
    finally:
        (tmp_path / "stop").touch()


def test_messages_that_are_lost_can_be_sent_again() -> None:
    def program(comm: Communicator) -> Any:
        if comm.rank == 0:
            while not comm.Iprobe(1):
                comm.send("question", 1)
                time.sleep(0.001)
            return comm.recv(source=1)
        silence = time.monotonic() + 1.0
        while time.monotonic() < silence:
            if comm.Iprobe(0):
                comm.send(comm.recv(source=0) + ", answered", 0)
        return None

    run = ProcessCluster(2, faults=Faults(drop=0.5, seed=1), timeout=SOON).run(program)
    assert run.values[0] == "question, answered"


PARENT = """
import sys, time
from mlsys.distributed.cluster.processes import ProcessCluster
def program(comm):
    print("up", flush=True)
    if comm.rank == 0:
        time.sleep(600)
    comm.recv(source=0)
ProcessCluster(2).run(program)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_rank_survives_its_parent(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout
        assert sorted([parent.stdout.readline(), parent.stdout.readline()]) == [
            "[0] up\n",
            "[1] up\n",
        ]
        assert len(ranks_of(parent.pid)) == 2
        parent.send_signal(how)
        _, said = parent.communicate(timeout=SOON)
        assert ("KeyboardInterrupt" in said) == (how == signal.SIGINT)
        deadline = time.monotonic() + SOON
        while ranks_of(parent.pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ranks_of(parent.pid) == []
    finally:
        parent.kill()
        parent.communicate()


def test_a_program_that_a_rank_cannot_load_is_reported() -> None:
    class Stubborn:
        def __reduce__(self) -> Any:
            return exec, ("raise ImportError('no such thing here')",)

    with pytest.raises(ProgramFailed, match="ImportError: no such thing here"):
        ProcessCluster(1, timeout=SOON).run(lambda comm, argument: None, Stubborn())
    with pytest.raises(TypeError, match="an argument cannot travel"):
        ProcessCluster(1).run(lambda comm, argument: None, threading.Lock())


@pytest.mark.parametrize(
    "settings",
    [
        {"ranks": 0},
        {"ranks": 2, "timeout": 0.0},
        {"ranks": 2, "eager": -1.0},
        {"ranks": 2, "buffer": float("nan")},
        {"ranks": 2, "faults": Faults(crash={2: 1.0})},
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_started(settings: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        ProcessCluster(**settings)
