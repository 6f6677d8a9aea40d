"""Whole jobs on the simulated cluster, with what goes wrong there; a few on processes and MPI."""

import os
import signal
import time
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import (
    Faults,
    ProgramFailed,
    SimulatedCluster,
    flat,
    run_program,
)
from mlsys.distributed.parameter_server.client import ParameterServerError
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP, Backup
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.node import run
from mlsys.distributed.parameter_server.scheduler import first_view
from mlsys.distributed.parameter_server.updates import SGD

SIZE = 40


def group(consistency=BSP, **options):
    table = Table("w", SIZE, dtype="<f8", shards=5, consistency=consistency)
    return Group((table,), **{"servers": 3} | options)


def simulated(group, work, workers=3, **options):
    """What the workers return, and the run."""
    ranks = workers + group.worker_ranks(999)[next(iter(group.jobs))][0]
    done = SimulatedCluster(flat(ranks), **options).run(run, group, work)
    return done.values[-workers:], done


def count(steps, every=0.0):
    """Work: add one to all rows, ``steps`` times, each safe before the next; then read them."""

    def work(client):
        for _ in range(steps):
            client.compute(every)
            client.push("w", None, np.ones(SIZE), clock=-1).wait()
        return steps

    return work


def in_the_end(work):
    """The same work, and the last of all reads what has come together."""

    def counted(client):
        value = work(client)
        client.push("w", np.empty(0, np.int64), np.empty((0, 1)), clock=0).wait()
        return value, client.pull("w").wait()[:, 0]

    return counted


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_bulk_synchronous_workers_do_what_one_machine_does(seed, workers):
    """Bit for bit: the gradients of a clock are added up in the order of ranks."""
    data = np.random.default_rng(seed).normal(size=(workers, 6, SIZE))

    def work(client):
        for batch in data[client.index]:
            weights = client.pull("w").wait()[:, 0]
            client.compute(float(abs(batch[0])))
            client.push("w", None, np.tanh(weights) - batch)
        return client.pull("w").wait()[:, 0]

    table = Table("w", SIZE, dtype="<f8", shards=5, update=SGD(0.1))
    found, _ = simulated(Group((table,), servers=2), work, workers)
    weights = np.zeros(SIZE)
    for step in range(6):
        total = np.tanh(weights) - data[0, step]
        for others in data[1:]:
            total = total + (np.tanh(weights) - others[step])
        weights = weights - 0.1 * total
    for each in found:
        np.testing.assert_array_equal(each, weights)


def straggling(seconds):
    """A worker's clocks, each at the time when its pull was answered."""

    def work(client):
        times = []
        for clock in range(12):
            client.pull("w").wait()
            times.append(client.now())
            client.compute(seconds[client.index][clock])
            client.push("w", None, np.ones(SIZE))
        return times, client.now()

    return work


@given(st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_nobody_is_too_far_ahead_and_nobody_waits_without_need(delay, seed):
    """A pull of clock t is answered when the last push of clock t - 1 - delay is there."""
    rng = np.random.default_rng(seed)
    seconds = rng.choice([0.01, 0.05, 1.0], size=(3, 12), p=[0.5, 0.3, 0.2])
    found, _ = simulated(group(SSP(delay)), straggling(seconds))
    starts = np.array([times for times, _ in found])
    pushed = starts + seconds  # when each has pushed a clock
    for clock in range(12):
        free = np.zeros(3) if not clock else pushed[:, clock - 1]
        if clock > delay:
            free = np.maximum(free, pushed[:, clock - 1 - delay].max())
        assert (starts[:, clock] >= free).all()
        assert (starts[:, clock] <= free + 2e-3).all()  # what messages take


def test_backup_workers_are_not_waited_for():
    seconds = np.full((3, 12), 0.01)
    seconds[2] = 1.0
    (first, second, _), _ = simulated(group(Backup(1)), straggling(seconds))
    assert first[1] < 1 and second[1] < 1


@given(st.integers(0, 2**32 - 1))
def test_every_push_counts_once_whatever_the_network_does(seed):
    faults = Faults(drop=0.1, delay=lambda rng: rng.exponential(2e-3), reorder=0.3, seed=seed)
    found, _ = simulated(group(replicas=2, tick=0.01), in_the_end(count(4)), faults=faults)
    for steps, rows in found:
        np.testing.assert_array_equal(rows, 3 * steps)


@given(st.floats(0, 0.009), st.sampled_from([1, 2, 3]), st.integers(0, 2**32 - 1))
def test_no_acknowledged_push_dies_with_a_server(moment, server, seed):
    faults = Faults(crash={server: moment}, seed=seed)
    found, done = simulated(group(replicas=2), in_the_end(count(5, 2e-3)), faults=faults)
    assert done.dead == (server,)
    for steps, rows in found:
        np.testing.assert_array_equal(rows, 3 * steps)


@given(st.floats(0, 0.01), st.floats(0.02, 0.04))
def test_a_spare_takes_over_so_that_a_second_death_is_survived(first, second):
    """Three replicas; two servers die at different times, a spare has come in between."""
    faults = Faults(crash={1: first, 2: second})
    options = {"replicas": 2, "spares": 1}
    found, _ = simulated(group(**options), in_the_end(count(12, 4e-3)), faults=faults)
    for steps, rows in found:
        np.testing.assert_array_equal(rows, 3 * steps)


def test_rows_without_a_second_copy_are_lost_and_named():
    with pytest.raises(ProgramFailed, match=r"table 'w': the keys \d+ to \d+ are lost") as failed:
        simulated(group(), count(20, 1e-3), faults=Faults(crash={1: 5e-3}))
    assert {type(error) for error in failed.value.errors.values()} == {ParameterServerError}
    assert "replicas=" in str(failed.value)


def test_without_a_scheduler_everybody_ends_and_says_why():
    with pytest.raises(ProgramFailed, match="the scheduler, has died") as failed:
        simulated(group(replicas=2), count(20, 1e-3), faults=Faults(crash={0: 5e-3}))
    assert {type(error) for error in failed.value.errors.values()} == {ParameterServerError}


def test_a_dead_worker_is_not_waited_for():
    def work(client):
        for _ in range(10):
            client.pull("w").wait()
            client.compute(1e-3)
            client.push("w", None, np.ones(SIZE))
        return client.pull("w").wait()[:, 0]

    found, done = simulated(group(), work, faults=Faults(crash={6: 4.5e-3}))
    assert done.dead == (6,)
    for rows in found[:2]:
        assert (rows >= 20).all() and (rows < 30).all()


CLOCKS = 12


def _coming_late(client):
    """Two workers do all clocks, the third comes at half time; what all see in the end."""
    late = client.index == 2
    if late:
        client.compute(0.1)
        assert client.join()
    begin = client.clock("w")
    while client.clock("w") < CLOCKS:
        client.pull("w").wait()
        client.compute(0.02)
        client.push("w", None, np.ones(SIZE))
    client.push("w", np.empty(0, np.int64), np.empty((0, 1)))
    client.wait(*[client.push("w", None, np.zeros(SIZE)) for _ in range(5)])
    return begin, client.pull("w").wait()[:, 0]


@pytest.mark.parametrize("rule", [BSP, SSP(2), Backup(1)])
@pytest.mark.parametrize("faults", [None, Faults(drop=0.1, reorder=0.3, seed=5)])
def test_a_late_worker_begins_where_the_others_are(rule, faults):
    tick = None if faults is None else 0.01
    found, _ = simulated(
        group(rule, replicas=2, late=1, tick=tick), _coming_late, faults=faults or Faults()
    )
    ((first, _), (second, _), (begin, _)) = found
    assert first == second == 0 and 2 <= begin <= 8
    for _, rows in found:
        every = 3 * CLOCKS - begin
        assert {*rows} <= {*range(CLOCKS, every + 1)} if rule.backup else {every}


def test_who_comes_too_late_is_told_so():
    def work(client):
        if client.index == 2:
            for too_early in (client.pull, lambda name: client.push(name, None, np.ones(SIZE))):
                with pytest.raises(ParameterServerError, match="join"):
                    too_early("w")
            client.compute(1.0)
            return client.join()
        return client.push("w", None, np.ones(SIZE)).wait()

    found, _ = simulated(group(ASP, late=1), work)
    assert found == [None, None, False]


def test_who_is_late_may_never_come():
    def work(client):
        client.compute(client.index)

    simulated(group(late=1), work)
    simulated(group(late=1, tick=0.01), work, faults=Faults(drop=0.2, seed=1))
    _, done = simulated(group(late=1), work, faults=Faults(crash={6: 0.5}))
    assert done.dead == (6,)


def test_somebody_must_be_there_from_the_start():
    with pytest.raises(ValueError, match="one at least from the start"):
        first_view(group(late=2), 6)


def test_jobs_share_servers_and_not_clocks():
    tables = tuple(Table(job, SIZE, shards=3, consistency=BSP, job=job) for job in ("a", "b"))
    both = Group(tables, servers=2, jobs={"a": 2, "b": 1})

    def work(client):
        for _ in range(5 if client.job == "a" else 3):
            client.pull(client.job).wait()
            client.compute(1.0 if client.job == "a" else 0.01)
            client.push(client.job, None, np.full(SIZE, 1.0 + (client.job == "b")))
        return client.pull(client.job).wait()[0, 0], client.now()

    done = SimulatedCluster(flat(6)).run(run, both, work).values[-3:]
    assert [value for value, _ in done] == [10, 10, 6]
    assert done[2][1] < 0.1 < done[0][1]


def test_keys_are_sent_once():
    """Half of the bytes of a pull's way there and back are keys, after the first time."""
    keys = np.arange(0, 100_000, 10)

    def sent(listed):
        def work(client):
            named = client.keys("w", keys) if listed else keys
            for _ in range(10):
                client.pull("w", named).wait()

        table = Table("w", 100_000, width=2, shards=2, consistency=ASP)
        _, done = simulated(Group((table,), servers=2), work, 1)
        return done.traffic.sent_bytes.sum()

    rows = 10 * len(keys) * 8
    assert sent(False) == pytest.approx(2 * rows, rel=0.02)
    assert sent(True) == pytest.approx(1.1 * rows, rel=0.02)


def test_compressed_packets_are_shorter():
    def sent(level):
        _, done = simulated(group(ASP, level=level), count(5), 1)
        return done.traffic.sent_bytes.sum(), done.values[-1]

    table = Table("w", 10_000, shards=1, consistency=ASP)

    def work(client):
        client.push("w", np.arange(0, 10_000, 3), np.zeros(3334)).wait()

    plain, packed = (
        simulated(Group((table,), level=level), work, 1)[1].traffic.sent_bytes.sum()
        for level in (0, 1)
    )
    assert packed < plain / 3
    assert sent(9)[1] == sent(0)[1]


def test_tasks_wait_for_tasks():
    def work(client):
        first = client.push("w", None, np.ones(SIZE), clock=-1)
        second = client.push("w", [0] and np.array([3]), np.array([5.0]), clock=-1, after=[first])
        rows = client.pull("w", after=[second]).wait()
        assert first.done and second.done
        both = client.push_pull("w", np.array([1, 7]), np.array([1.0, 2.0]), clock=-1)
        assert not both.done
        return rows[:4, 0].tolist(), both.wait()[:, 0].tolist()

    (found,), _ = simulated(group(ASP, replicas=3), work, 1)
    assert found == ([1, 1, 1, 6], [2, 3])


def test_messages_longer_than_any_buffer_block_nobody():
    table = Table("w", 5000, shards=4, consistency=BSP)

    def work(client):
        for _ in range(3):
            pulled = client.pull("w")
            client.push("w", None, np.ones(5000))
            pulled.wait()
        return client.pull("w").wait()[0, 0]

    found, _ = simulated(Group((table,), servers=2, replicas=2), work, eager=4096)
    assert found == [9, 9, 9]


def test_two_hundred_nodes():
    table = Table("w", 1600, shards=40, consistency=BSP)
    large = Group((table,), servers=159, replicas=2)

    def work(client):
        mine = np.arange(client.index, 1600, 40)
        client.push("w", mine, np.ones(len(mine)))
        return client.pull("w", mine).wait()[:, 0].tolist()

    found, _ = simulated(large, work, 40)
    assert all(set(each) == {1.0} for each in found)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda c: c.pull("v"), "no table 'v'"),
        (lambda c: c.pull("w", np.array([3, 2])), "ascending"),
        (lambda c: c.pull("w", np.array([SIZE])), f"expected 0 to {SIZE - 1}, got {SIZE}"),
        (lambda c: c.pull("w", begin=5, end=SIZE + 1), "begin <= end"),
        (lambda c: c.push("w", None, np.ones(3)), rf"expected values of shape \({SIZE}, 1\)"),
        (lambda c: c.pull("w", out=np.ones(3)), "expected out of shape"),
        (lambda c: c.pull("u", c.keys("w", np.array([1]))), "keys of table 'w', not of 'u'"),
    ],
)
def test_mistakes_are_the_callers_and_nothing_is_lost(wrong, match):
    tables = (Table("w", SIZE, consistency=ASP), Table("u", SIZE, consistency=ASP))

    def work(client):
        with pytest.raises((ValueError, KeyError), match=match):
            wrong(client)
        return client.push_pull("w", None, np.ones(SIZE)).wait()[0, 0]

    found, _ = simulated(Group(tables), work, 1)
    assert found == [1]


def test_all_of_a_sparse_table_cannot_be_named():
    sparse = Table("w", 2**62, sparse=True)

    def work(client):
        client.pull("w").wait()

    with pytest.raises(ProgramFailed, match="is sparse: name the keys you mean"):
        simulated(Group((sparse,)), work, 1)


def test_a_refusal_of_a_server_reaches_the_caller():
    """A worker that speaks for other ranges than the rest, where pushes are summed."""

    def work(client):
        client.push("w", None, np.ones(7 + client.index), begin=0, end=7 + client.index).wait()

    with pytest.raises(ProgramFailed, match="must speak for the same ranges"):
        simulated(group(), work, 2)


@pytest.mark.multiprocess
@pytest.mark.parametrize("on", ["processes", "mpi"])
def test_the_same_job_on_real_processes(on):
    done = run_program(run, group(replicas=1, servers=2), _rounds, ranks=5, on=on)
    assert done.values[-1] == [6.0] and done.values[-2] == [6.0]


def _rounds(client):
    keys = client.keys("w", np.arange(0, SIZE, 2))
    for _ in range(3):
        rows = client.pull("w", keys).wait()
        client.push("w", keys, np.ones_like(rows))
    return np.unique(client.pull("w", keys).wait()).tolist()


@pytest.mark.multiprocess
def test_a_server_is_killed_under_load(tmp_path):
    """kill -9, from inside a worker, with many pushes under way: each of them counts once."""
    work = in_the_end(_killing(str(tmp_path)))
    done = run_program(
        _with_number(str(tmp_path)), group(replicas=2), work, ranks=6, on="processes"
    )
    assert len(done.dead) == 1 and done.dead[0] in (1, 2, 3)
    for steps, rows in done.values[-2:]:
        np.testing.assert_array_equal(rows, 2 * steps)


def _with_number(folder):
    """The program, after each rank has left the number of its process."""

    def program(comm, *arguments):
        with open(f"{folder}/{comm.rank}.partial", "w") as file:
            file.write(str(os.getpid()))
        os.replace(f"{folder}/{comm.rank}.partial", f"{folder}/{comm.rank}")
        return run(comm, *arguments)

    return program


def _killing(folder):
    def work(client):
        flying = deque()  # eight pushes that have no answer yet
        for step in range(30):
            flying.append(client.push("w", None, np.ones(SIZE), clock=-1))
            if len(flying) > 8:
                flying.popleft().wait()
            if client.index == 0 and step == 10:
                while not os.path.exists(f"{folder}/2"):
                    time.sleep(0.01)
                with open(f"{folder}/2") as file:
                    os.kill(int(file.read()), signal.SIGKILL)
        client.wait(*flying)
        return 30

    return work
