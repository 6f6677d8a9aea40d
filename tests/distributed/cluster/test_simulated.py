"""Whole programs on the virtual clock: random ones that cannot get stuck, and broken ones that do.

A random program is a list of transfers that all ranks go through in one order: who sends starts the
send and goes on, who receives waits at once or at the end. It is free of deadlocks by construction,
whatever the buffers, and the list itself says what every rank must find.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster.communicator import (
    ANY_SOURCE,
    ClusterError,
    Deadlock,
    RankFailed,
    Revoked,
    Status,
)
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.run import ProgramFailed, Run
from mlsys.distributed.cluster.simulated import SimulatedCluster
from mlsys.distributed.cluster.topology import fat_tree, flat, ring, torus, two_level

RANKS = 6
TOPOLOGIES = [
    flat(RANKS, 0.5, 0.25),
    ring(RANKS, 0.5, 0.25),
    torus(2, 3, 0.5, 0.25),
    two_level(3, 2, (0.125, 0.0625), (1.0, 0.5)),
    fat_tree(3, 2, 1, 0.5, 0.25),
]
seeds = st.integers(0, 2**32)


@dataclass(frozen=True)
class Transfer:
    """Number ``number`` of the program: so many copies of it go from one rank to another."""

    number: int
    source: int
    dest: int
    tag: int
    length: int
    at_once: bool  # its receiver waits for it before it goes on
    work: float  # seconds that its sender works first


@st.composite
def plans(draw: Any) -> list[Transfer]:
    ranks, flags = st.integers(0, RANKS - 1), st.booleans()
    row = st.tuples(ranks, ranks, st.integers(0, 2), st.integers(0, 9), flags, st.integers(0, 3))
    rows = draw(st.lists(row, max_size=20))
    return [Transfer(i, *row) for i, row in enumerate(rows)]


def perform(comm: Any, plan: list[Transfer]) -> tuple[dict[int, list[int]], float]:
    """What this rank finds in each message that it receives, and when it ends."""
    found: dict[int, np.ndarray] = {}
    requests = []
    for step in plan:
        if step.source == comm.rank:
            comm.compute(step.work)
            requests.append(comm.Isend(np.full(step.length, step.number), step.dest, step.tag))
        if step.dest == comm.rank:
            place = found[step.number] = np.full(step.length, -1)
            if step.at_once:
                comm.Recv(place, step.source, step.tag)
            else:
                requests.append(comm.Irecv(place, step.source, step.tag))
    for request in reversed(requests):
        request.Wait()
    return {number: place.tolist() for number, place in found.items()}, comm.now()


settings = st.fixed_dictionaries(
    {"eager": st.sampled_from([0, 24, np.inf]), "buffer": st.sampled_from([0, 64, np.inf])}
)


@given(plans(), st.sampled_from(TOPOLOGIES), settings)
def test_no_message_is_lost_doubled_or_out_of_order(plan, topology, limits):
    run = SimulatedCluster(topology, **limits).run(perform, plan)
    for rank, (found, _) in enumerate(run.values):
        assert found == {s.number: [s.number] * s.length for s in plan if s.dest == rank}


@given(plans(), st.sampled_from(TOPOLOGIES), settings)
def test_traffic_and_rounds_are_those_of_the_plan(plan, topology, limits):
    traffic = SimulatedCluster(topology, **limits).run(perform, plan).traffic
    itemsize, depth, arrived = np.zeros(1, int).itemsize, [0] * RANKS, [0] * RANKS
    for step in plan:  # the order of the plan is one in which all could have happened
        deep = depth[step.source] + 1
        where = depth if step.at_once else arrived
        where[step.dest] = max(where[step.dest], deep)
    assert traffic.rounds == max([*depth, *arrived])
    for name, end in (("sent", "source"), ("received", "dest")):
        of = [[s for s in plan if getattr(s, end) == rank] for rank in range(RANKS)]
        sizes = [sum(itemsize * s.length for s in row) for row in of]
        assert getattr(traffic, f"{name}_bytes").tolist() == sizes
        assert getattr(traffic, f"{name}_messages").tolist() == [len(row) for row in of]
    routes = [(s, topology.route(s.source, s.dest)) for s in plan if s.source != s.dest]
    carried = {link.name: (link.nbytes, link.messages) for link in traffic.links}
    for name in topology.links:
        over = [s for s, route in routes if name in route]
        sent = (sum(itemsize * s.length for s in over), len(over))
        assert carried.get(name, (0, 0)) == sent


@given(plans(), st.sampled_from(TOPOLOGIES), settings)
def test_a_rank_works_or_waits_and_nothing_else(plan, topology, limits):
    run = SimulatedCluster(topology, **limits).run(perform, plan)
    ends = np.array([end for _, end in run.values])
    assert ends == pytest.approx(run.traffic.compute + run.traffic.waited, abs=1e-9)
    assert run.seconds == ends.max()
    assert run.traffic.compute.tolist() == [
        sum(s.work for s in plan if s.source == rank) for rank in range(RANKS)
    ]


@given(plans(), settings)
def test_the_trace_lies_within_the_run_and_no_port_does_two_things(plan, limits):
    run = SimulatedCluster(TOPOLOGIES[0], trace=True, **limits).run(perform, plan)
    ports: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for span in run.trace.spans:
        assert 0 <= span.start <= span.end <= run.seconds
        if span.lane.endswith("sends"):
            source, dest = span.args["source"], span.args["dest"]
            if source != dest:
                assert span.seconds == pytest.approx(0.5 + 0.25 * span.args["nbytes"])
                ports.setdefault(("out", source), []).append((span.start, span.end))
                ports.setdefault(("in", dest), []).append((span.start, span.end))
    for spans in ports.values():
        assert all(before[1] <= after[0] for before, after in pairwise(sorted(spans)))
    sent = [span for span in run.trace.spans if span.lane.endswith("sends")]
    assert len(sent) == run.traffic.sent_messages.sum()
    for rank, waited in enumerate(run.traffic.waited):
        lane = [span.seconds for span in run.trace.spans if span.lane == f"rank {rank} waits"]
        assert sum(lane) == pytest.approx(waited)


def everything(run: Run) -> Any:
    traffic = {key: np.asarray(value).tolist() for key, value in vars(run.traffic).items()}
    return run.values, run.seconds, run.trace.spans, traffic, run.dead


@given(plans(), st.sampled_from(TOPOLOGIES), settings, seeds)
def test_the_same_seed_gives_the_same_run_bit_for_bit(plan, topology, limits, seed):
    faults = Faults(
        speed={1: 0.3, 4: 1.7},
        straggle=lambda rng: rng.pareto(2.0),
        delay=lambda rng: rng.exponential(3.0),
        reorder=0.3,
        seed=seed,
    )
    one, two = (
        SimulatedCluster(topology, faults=faults, trace=True, **limits).run(perform, unmixed(plan))
        for _ in range(2)
    )
    one.traffic.links = [vars(link) for link in one.traffic.links]
    two.traffic.links = [vars(link) for link in two.traffic.links]
    assert everything(one) == everything(two)


def unmixed(plan: list[Transfer]) -> list[Transfer]:
    """The plan with messages of one length, so that one which overtakes another still fits."""
    return [Transfer(s.number, s.source, s.dest, s.tag, 3, s.at_once, s.work) for s in plan]


# What a message costs.


def ping(comm: Any, nbytes: int, trips: int) -> float:
    message = np.zeros(nbytes, np.uint8)
    for _ in range(trips):
        if comm.rank == 0:
            comm.Send(message, 1)
            comm.Recv(message, 1)
        else:
            comm.Recv(message, 0)
            comm.Send(message, 0)
    return comm.now()


@given(st.floats(1e-7, 1.0), st.floats(1e-12, 1e-3), st.integers(0, 10_000), st.integers(1, 4))
def test_a_ping_pong_measures_alpha_and_beta(alpha, beta, nbytes, trips):
    run = SimulatedCluster(flat(2, alpha, beta)).run(ping, nbytes, trips)
    assert run.seconds == pytest.approx(2 * trips * (alpha + beta * nbytes), rel=1e-12)
    assert run.traffic.rounds == 2 * trips


@given(st.integers(1, 5), st.integers(0, 50))
def test_k_messages_into_one_port_take_k_times_as_long(k, length):
    def many_to_one(comm: Any) -> None:
        if comm.rank:
            comm.Send(np.zeros(length, np.uint8), 0)
        else:
            for rank in range(1, comm.size):
                comm.Recv(np.zeros(length, np.uint8), rank)

    run = SimulatedCluster(flat(k + 1, 1.0, 0.5)).run(many_to_one)
    assert run.seconds == k * (1.0 + 0.5 * length)


def test_a_ring_of_allreduce_takes_what_the_books_say():
    def ring_step(comm: Any, n: int) -> None:
        mine, place = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
        for _ in range(2 * (comm.size - 1)):
            comm.Sendrecv(mine, (comm.rank + 1) % comm.size, 0, place, (comm.rank - 1) % comm.size)

    for ranks in (2, 3, 8):
        run = SimulatedCluster(flat(ranks, 3.0, 0.5)).run(ring_step, 10)
        assert run.seconds == 2 * (ranks - 1) * (3.0 + 5.0)
        assert run.traffic.rounds == 2 * (ranks - 1)


# Eager and rendezvous.


def both_send_first(comm: Any, length: int) -> float:
    place = np.zeros(length)
    comm.Send(np.full(length, float(comm.rank)), 1 - comm.rank)
    comm.Recv(place, 1 - comm.rank)
    return place.sum()


def test_two_that_send_first_are_fine_until_messages_grow():
    cluster = SimulatedCluster(2, eager=800)
    assert cluster.run(both_send_first, 100).values == [100.0, 0.0]
    with pytest.raises(Deadlock) as caught:
        cluster.run(both_send_first, 101)
    text = str(caught.value)
    for rank in (0, 1):
        assert f"rank {rank} waits for rank {1 - rank} to receive its message (tag 0)" in text
    assert "test_simulated.py:" in text and "in both_send_first" in text
    assert "a circle: rank 0, which waits for rank 1, which waits for rank 0" in text
    with pytest.raises(Deadlock):
        SimulatedCluster(2, buffer=799).run(both_send_first, 100)


def test_a_deadlock_names_the_line_of_each_rank():
    def crossed(comm: Any) -> None:
        if comm.rank == 0:
            comm.recv(source=1, tag=1)  # first
        else:
            comm.recv(source=0, tag=2)  # second

    with pytest.raises(Deadlock) as caught:
        SimulatedCluster(2).run(crossed)
    first = crossed.__code__.co_firstlineno
    assert f"rank 0 waits for a message from rank 1 (tag 1), at test_simulated.py:{first + 2}" in (
        text := str(caught.value)
    )
    assert (
        f"rank 1 waits for a message from rank 0 (tag 2), at test_simulated.py:{first + 4}" in text
    )


def test_a_rank_that_skips_a_barrier_is_named():
    def skips(comm: Any) -> None:
        if comm.rank != 2:
            comm.Barrier()

    with pytest.raises(Deadlock, match=r"rank 2, for which rank . waits, has returned"):
        SimulatedCluster(4).run(skips)


# What goes wrong.


def test_a_rank_that_raises_brings_its_number_and_its_traceback():
    def divides(comm: Any) -> float:
        comm.Barrier()
        if comm.rank == 3:
            return 1 / 0
        comm.recv(source=3)  # which would wait for ever

    with pytest.raises(ProgramFailed) as caught:
        SimulatedCluster(5).run(divides)
    assert set(caught.value.errors) == {3}
    assert isinstance(caught.value.errors[3], ZeroDivisionError)
    assert "rank 3 raised ZeroDivisionError" in str(caught.value)
    assert "return 1 / 0" in str(caught.value), "the line itself"


def test_a_rank_that_exits_does_not_end_its_caller():
    with pytest.raises(ProgramFailed, match="rank 0 raised SystemExit"):
        SimulatedCluster(2).run(lambda comm: sys.exit(3))


def test_a_mistake_in_a_call_is_told_at_its_line():
    with pytest.raises(ProgramFailed, match="compute: expected finite seconds >= 0, got -1"):
        SimulatedCluster(2).run(lambda comm: comm.compute(-1))


def test_what_nobody_received_is_refused():
    def talks(comm: Any) -> None:
        comm.send("word", (comm.rank + 1) % comm.size, tag=6)

    with pytest.raises(ClusterError, match=r"3 message\(s\) .*rank 0 sent rank 1 .*\(tag 6\)"):
        SimulatedCluster(3).run(talks)


@given(plans(), st.floats(0.1, 10.0), st.integers(0, RANKS - 1))
def test_a_slow_rank_works_longer(plan, speed, slow):
    run = SimulatedCluster(RANKS, faults=Faults(speed={slow: speed})).run(perform, plan)
    for rank, seconds in enumerate(run.traffic.compute):
        work = sum(s.work for s in plan if s.source == rank)
        assert seconds == pytest.approx(work / (speed if rank == slow else 1.0))


@given(seeds)
def test_stragglers_are_drawn_from_the_seed(seed):
    faults = Faults(straggle=lambda rng: rng.uniform(1.0, 2.0), seed=seed)
    seconds = (
        SimulatedCluster(20, faults=faults).run(lambda comm: comm.compute(3.0)).traffic.compute
    )
    assert ((seconds >= 3.0) & (seconds <= 6.0)).all() and len(set(seconds)) == 20


def count_up(comm: Any, messages: int) -> list[int] | None:
    if comm.rank:
        return [comm.recv(source=0, tag=0) for _ in range(messages)]
    for number in range(messages):
        comm.send(number, 1)
    return None


@given(seeds)
def test_late_messages_keep_their_order_and_overtaking_ones_do_not(seed):
    delay = {"delay": lambda rng: rng.exponential(1.0), "seed": seed}
    kept = SimulatedCluster(2, faults=Faults(**delay)).run(count_up, 12)
    assert kept.values[1] == list(range(12))
    mixed = SimulatedCluster(2, faults=Faults(reorder=1.0, **delay)).run(count_up, 12)
    assert sorted(mixed.values[1]) == list(range(12))
    assert mixed.values[1] != list(range(12)), "twelve in order by chance: one in 479,001,600"


def test_a_late_message_is_late_by_what_was_drawn():
    faults = Faults(delay=lambda rng: 7.0)
    run = SimulatedCluster(flat(2, 1.0, 0.0), faults=faults).run(ping, 5, 2)
    assert run.seconds == 4 * 8.0


def test_without_a_second_try_a_lost_message_is_a_deadlock():
    with pytest.raises(Deadlock, match="rank 1 waits for a message from rank 0"):
        SimulatedCluster(2, faults=Faults(drop=1.0)).run(count_up, 1)


def sends_until_confirmed(comm: Any, words: list[int]) -> None:
    for number, word in enumerate(words):
        confirmed = -1
        while confirmed < number:
            comm.send((number, word), 1)
            comm.compute(1.0)
            while comm.Iprobe(1):
                confirmed = max(confirmed, comm.recv(source=1))


def confirms_until_it_is_quiet(comm: Any, words: list[int]) -> list[int]:
    """Keep each word once. Sixty lost messages in a row have a chance of 1 in 2^60 here."""
    kept: list[int] = []
    quiet = 0
    while len(kept) < len(words) or quiet < 60:
        comm.compute(1.0)
        quiet += 1
        while comm.Iprobe(0):
            number, word = comm.recv(source=0)
            if number == len(kept):
                kept.append(word)
            comm.send(number, 0)
            quiet = 0
    return kept


@given(st.lists(st.integers(), max_size=5), st.floats(0.01, 0.5), seeds)
def test_lost_messages_can_be_sent_again(words, drop, seed):
    cluster = SimulatedCluster(flat(2, 0.2, 0.0), faults=Faults(drop=drop, seed=seed))

    def patient(comm: Any) -> list[int] | None:
        return (confirms_until_it_is_quiet if comm.rank else sends_until_confirmed)(comm, words)

    assert cluster.run(patient).values[1] == words


# Deaths.


def survivors_sum(comm: Any, rounds: int, work: float) -> tuple[int, tuple[int, ...] | None]:
    """Rounds of a ring; whatever happens, the living then meet and add up their numbers."""
    told: tuple[int, ...] | None = None
    try:
        for _ in range(rounds):
            comm.compute(work)
            comm.sendrecv(0, (comm.rank + 1) % comm.size, 0, None, (comm.rank - 1) % comm.size, 0)
    except RankFailed as error:
        told = () if isinstance(error, Revoked) else error.ranks
        comm.Revoke()
    living = comm.Shrink()
    total = 1 << comm.rank
    here = total
    for _ in range(living.size - 1):
        right, left = (living.rank + 1) % living.size, (living.rank - 1) % living.size
        here = living.sendrecv(here, right, 0, None, left, 0)
        total += here
    return total, told


@given(
    st.sets(st.integers(0, RANKS - 1), max_size=RANKS - 1),
    st.floats(0, 10),
    st.floats(0, 5),
    settings,
)
def test_the_living_hear_of_a_death_and_go_on_without(dead, moment, detection, limits):
    crash = dict.fromkeys(dead, moment)
    cluster = SimulatedCluster(
        flat(RANKS, 0.01, 0.0), faults=Faults(crash=crash), detection=detection, **limits
    )
    run = cluster.run(survivors_sum, 18, 1.0)  # enough for the last to miss the dead
    assert set(run.dead) == set(crash)
    for rank, value in enumerate(run.values):
        if rank in crash:
            assert value is None
            continue
        total, told = value
        assert total == sum(1 << other for other in range(RANKS) if other not in crash)
        assert (told is not None) == bool(crash)
        assert set(told or ()) <= set(crash)
    if crash:
        named = [value[1] for value in run.values if value is not None]
        assert any(named), "who waited for the dead is told which rank it was"
        assert run.seconds >= min(crash.values()) + detection


def test_a_death_that_nobody_handles_ends_the_program_with_the_names():
    with pytest.raises(ProgramFailed) as caught:
        SimulatedCluster(4, faults=Faults(crash={2: 0.0})).run(
            lambda comm: comm.recv(source=2) if comm.rank != 2 else comm.compute(1.0)
        )
    assert set(caught.value.errors) == {0, 1, 3}
    assert all(error.ranks == (2,) for error in caught.value.errors.values())
    assert "rank 2 is dead" in str(caught.value)


def test_a_death_after_the_end_is_none():
    run = SimulatedCluster(2, faults=Faults(crash={1: 100.0})).run(lambda comm: comm.compute(1.0))
    assert (run.seconds, run.dead) == (1.0, ())


# The frame.


def test_anyone_means_the_first_to_arrive_and_the_status_says_who():
    def race(comm: Any) -> list[int]:
        if comm.rank:
            comm.compute(10.0 - comm.rank)
            comm.send("me", 0)
            return []
        status, order = Status(), []
        for _ in range(1, comm.size):
            comm.recv(source=ANY_SOURCE, status=status)
            order.append(status.Get_source())
        return order

    assert SimulatedCluster(6).run(race).values[0] == [5, 4, 3, 2, 1]


def test_a_cluster_runs_programs_one_after_the_other_and_inside_each_other():
    cluster = SimulatedCluster(3)

    def nested(comm: Any) -> list[int]:
        comm.Barrier()
        inner = cluster.run(lambda inner: inner.rank * 10)
        comm.Barrier()
        return inner.values

    first, second = cluster.run(nested), cluster.run(nested)
    assert first.values == second.values == [[0, 10, 20]] * 3
    assert first.seconds == second.seconds


def test_arguments_go_to_every_rank():
    assert SimulatedCluster(2).run(lambda comm, a, b: (comm.rank, a, b), 1, "x").values == [
        (0, 1, "x"),
        (1, 1, "x"),
    ]


def test_a_rank_in_the_middle_of_something_is_ended_with_the_program():
    ended = []

    def waits(comm: Any) -> None:
        try:
            comm.recv(source=(comm.rank + 1) % comm.size)
        finally:
            ended.append(comm.rank)

    with pytest.raises(Deadlock):
        SimulatedCluster(3).run(waits)
    assert sorted(ended) == [0, 1, 2]
