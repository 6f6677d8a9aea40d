"""The router, with threads instead of processes and the simulated cluster as oracle."""

from __future__ import annotations

import math
import queue
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import SimulatedCluster
from mlsys.distributed.cluster.calls import Compute, Incoming, Outgoing, Raised, Returned, Step
from mlsys.distributed.cluster.communicator import (
    ANY_SOURCE,
    ClusterError,
    Communicator,
    Deadlock,
    RankFailed,
    Revoked,
    Status,
)
from mlsys.distributed.cluster.endpoint import Endpoint, Line
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.router import Gone, Router
from mlsys.distributed.cluster.run import ProgramFailed, Run

SOON = 20.0  # seconds after which something is wrong


class Killed(Exception):
    """Raised by a program of these tests: the thread ends as a killed process does."""


def run_threads(
    ranks: int, program: Callable[..., Any], *arguments: Any, soon: float = SOON, **settings: Any
) -> Run:
    """Run a program with a thread for each rank, all of them served by one router."""
    router = Router(ranks, **settings)

    def main(rank: int) -> None:
        comm = Endpoint(Line(lambda call: router.answer(rank, call)), rank, tuple(range(ranks)))
        try:
            router.end(rank, Returned(program(comm, *arguments)))
        except Killed:
            router.lose(rank)
        except Gone:
            pass
        except Exception as error:
            router.end(rank, Raised(error, traceback.format_exc()))

    threads = [threading.Thread(target=main, args=(rank,), daemon=True) for rank in range(ranks)]
    try:
        for thread in threads:
            thread.start()
        router.run(soon)
    finally:
        router.close()
        for thread in threads:
            thread.join(SOON)
            assert not thread.is_alive()
    return router.outcome()


# The same program, the same values and counts as on the virtual clock.

MESSAGES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 40)),
    max_size=25,
)


def exchange(comm: Communicator, messages: list[tuple[int, int, int, int]], seed: int) -> list[Any]:
    """Send and receive what the list says, (source, dest, tag, floats), some in background."""
    rng, got, pending = random.Random(seed + comm.rank), [], []
    for number, (source, dest, tag, length) in enumerate(messages):
        if source == comm.rank:
            data = np.full(length, float(number))
            if dest == source or rng.random() < 0.5:
                pending.append((comm.Isend(data, dest, tag), None))
            else:
                comm.Send(data, dest, tag)
        if dest == comm.rank:
            place = np.full(40, -1.0)
            if source == dest or rng.random() < 0.5:
                pending.append((comm.Irecv(place, source, tag), place))
            else:
                comm.Recv(place, source, tag)
            got.append(place)
    rng.shuffle(pending)
    for request, _ in pending:
        request.Wait()
    return [place.tolist() for place in got]


@given(MESSAGES, st.integers(0, 999), st.sampled_from([math.inf, 100, 0]), st.booleans())
def test_values_bytes_messages_and_rounds_are_those_of_the_virtual_clock(
    messages: list[tuple[int, int, int, int]], seed: int, eager: float, bounded: bool
) -> None:
    settings = {"eager": eager, "buffer": 200 if bounded else math.inf}
    real = run_threads(4, exchange, messages, seed, **settings)
    virtual = SimulatedCluster(4, **settings).run(exchange, messages, seed)
    assert real.values == virtual.values
    assert real.traffic is not None and virtual.traffic is not None
    assert real.traffic.rounds == virtual.traffic.rounds
    for count in ("sent_bytes", "sent_messages", "received_bytes", "received_messages"):
        np.testing.assert_array_equal(getattr(real.traffic, count), getattr(virtual.traffic, count))


@given(MESSAGES, st.integers(0, 3), st.integers(0, 9), st.sampled_from([math.inf, 0]))
def test_whenever_a_rank_dies_each_other_returns_or_learns_of_it(
    messages: list[tuple[int, int, int, int]], victim: int, after: int, eager: float
) -> None:
    def program(comm: Communicator) -> list[Any]:
        mine = [index for index, message in enumerate(messages) if comm.rank in message[:2]]
        if comm.rank == victim and after < len(mine):
            exchange(comm, messages[: mine[after]], 0)
            raise Killed
        return exchange(comm, messages, 0)

    try:
        run = run_threads(4, program, eager=eager)
    except ProgramFailed as failed:
        assert all(isinstance(error, RankFailed) for error in failed.errors.values())
    else:
        expected = run_threads(4, exchange, messages, 0, eager=eager)
        for rank in {*range(4)} - {*run.dead}:
            assert run.values[rank] == expected.values[rank]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=5), st.integers(0, 9))
def test_from_anyone_every_message_comes_once_and_each_senders_in_order(
    counts: list[int], seed: int
) -> None:
    def program(comm: Communicator) -> list[tuple[int, int]]:
        if comm.rank:
            for number in range(counts[comm.rank]):
                comm.send(number, 0)
            return []
        got, status = [], Status()
        for _ in range(sum(counts[1:])):
            number = comm.recv(source=ANY_SOURCE, status=status)
            got.append((status.Get_source(), number))
        return got

    faults = Faults(delay=lambda rng: rng.exponential(1e-4), seed=seed)
    got = run_threads(len(counts), program, faults=faults).values[0]
    for rank, count in enumerate(counts[1:], start=1):
        assert [number for source, number in got if source == rank] == list(range(count))


def test_work_is_counted_and_takes_no_time() -> None:
    def program(comm: Communicator) -> float:
        comm.compute(1000.0)
        return comm.now()

    run = run_threads(2, program, faults=Faults(speed={1: 0.5}))
    assert run.traffic is not None
    assert run.traffic.compute.tolist() == [1000.0, 2000.0]
    assert max(run.values) < SOON


# Accidents of messages.


def test_the_share_that_is_dropped_does_not_arrive() -> None:
    all_sent = threading.Event()

    def program(comm: Communicator) -> list[int]:
        if comm.rank == 0:
            for number in range(400):
                comm.send(number, 1)
            all_sent.set()
            return []
        all_sent.wait(SOON)
        got: list[int] = []
        while comm.Iprobe(0):
            got.append(comm.recv(source=0))
        return got

    run = run_threads(2, program, faults=Faults(drop=0.5, seed=3))
    assert run.values[1] == sorted(run.values[1])
    assert 140 < len(run.values[1]) < 260  # 200 ± 6 standard deviations
    assert run.traffic is not None
    assert run.traffic.sent_messages[0] == 400
    assert run.traffic.received_messages[1] == len(run.values[1])


def test_what_is_sent_again_until_it_is_answered_arrives_at_last() -> None:
    answered = threading.Event()

    def program(comm: Communicator) -> Any:
        if comm.rank == 0:
            while not comm.Iprobe(1):
                comm.send("question", 1)
            answered.set()
            return comm.recv(source=1)
        while not answered.is_set():
            if comm.Iprobe(0):
                comm.send(comm.recv(source=0) + ", answered", 0)

    run = run_threads(2, program, faults=Faults(drop=0.6, seed=1))
    assert run.values[0] == "question, answered"


@pytest.mark.parametrize("reorder", [0.0, 1.0])
def test_only_messages_that_may_overtake_do(reorder: float) -> None:
    def program(comm: Communicator) -> list[int]:
        if comm.rank == 0:
            for number in range(30):
                comm.send(number, 1)
            return []
        return [comm.recv(source=0) for _ in range(30)]

    delay = Faults(delay=lambda rng: rng.uniform(0, 0.02), reorder=reorder, seed=2)
    got = run_threads(2, program, faults=delay).values[1]
    assert sorted(got) == list(range(30))
    assert (got == sorted(got)) == (reorder == 0.0)


def test_a_message_under_way_is_no_deadlock() -> None:
    def program(comm: Communicator) -> Any:
        if comm.rank == 0:
            return comm.recv(source=1)
        time.sleep(0.05)  # the thread that keeps time sleeps by now
        comm.send("late", 0)

    run = run_threads(2, program, faults=Faults(delay=lambda rng: 0.1))
    assert run.values[0] == "late"
    assert run.seconds >= 0.1


# Deadlock.


def test_a_circle_of_receives_is_explained() -> None:
    def program(comm: Communicator) -> None:
        comm.recv(source=(comm.rank + 1) % comm.size)

    with pytest.raises(Deadlock, match="circle: rank 0, which waits for rank 1"):
        run_threads(3, program)


def test_to_wait_for_one_that_has_returned_is_a_deadlock() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 0:
            comm.Recv(np.zeros(1), source=1, tag=5)

    with pytest.raises(Deadlock, match="rank 1, for which rank 0 waits, has returned"):
        run_threads(2, program)


@pytest.mark.parametrize("eager", [math.inf, 0])
def test_sends_face_to_face_need_somebody_who_buffers(eager: float) -> None:
    def program(comm: Communicator) -> float:
        mine, theirs = np.full(10, float(comm.rank)), np.zeros(10)
        comm.Send(mine, 1 - comm.rank)
        comm.Recv(theirs, 1 - comm.rank)
        return float(theirs[0])

    if eager:
        assert run_threads(2, program, eager=eager).values == [1.0, 0.0]
    else:
        with pytest.raises(Deadlock, match="to receive its message"):
            run_threads(2, program, eager=eager)


def test_a_full_buffer_makes_the_sender_wait() -> None:
    def program(comm: Communicator) -> float:
        data = np.zeros(10)  # 80 bytes
        if comm.rank == 0:
            for _ in range(3):
                comm.Send(data, 1)
            return comm.now()
        time.sleep(0.2)
        for _ in range(3):
            comm.Recv(data, 0)
        return comm.now()

    assert run_threads(2, program, buffer=240).values[0] < 0.2
    assert run_threads(2, program, buffer=200).values[0] >= 0.2


def test_when_time_is_up_it_is_said_where_every_rank_is() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 0:
            comm.recv(source=1)
        time.sleep(1.0)  # and does not call

    with pytest.raises(ClusterError, match=r"after 0\.3 s") as caught:
        run_threads(2, program, soon=0.3)
    assert "rank 0 waits for a message from rank 1 (any tag)" in str(caught.value)
    assert "rank 1 has not called for 0.3 s" in str(caught.value)


# Death.


def dies(comm: Communicator, rank: int) -> None:
    if comm.rank == rank:
        raise Killed


def test_who_needs_a_dead_rank_is_told_and_nobody_else() -> None:
    def program(comm: Communicator) -> Any:
        dies(comm, 2)
        if comm.rank == 3:
            return comm.recv(source=0)
        with pytest.raises(RankFailed) as caught:
            if comm.rank == 0:
                comm.recv(source=2)
            else:
                while True:  # until it is known
                    comm.Send(np.zeros(4), 2)
        if comm.rank == 0:
            comm.send("fine", 3)
        return caught.value.ranks

    run = run_threads(4, program)
    assert run.values == [(2,), (2,), None, "fine"]
    assert run.dead == (2,)


def test_what_a_rank_sent_before_it_died_still_arrives() -> None:
    def program(comm: Communicator) -> Any:
        if comm.rank == 1:
            comm.send("last words", 0)
        dies(comm, 1)
        words = comm.recv(source=1)
        with pytest.raises(RankFailed):
            comm.recv(source=1)
        return words

    late = Faults(delay=lambda rng: 0.05)
    assert run_threads(2, program).values[0] == "last words"
    assert run_threads(2, program, faults=late).values[0] == "last words"


def test_a_receive_from_anyone_fails_once_for_each_death() -> None:
    def program(comm: Communicator) -> Any:
        dies(comm, 2)
        if comm.rank == 1:
            comm.recv(source=0, tag=1)  # rank 0 has been told
            return comm.send("alive", 0)
        with pytest.raises(RankFailed) as caught:
            comm.recv(source=ANY_SOURCE)
        comm.send(None, 1, tag=1)
        return caught.value.ranks, comm.recv(source=ANY_SOURCE)

    assert run_threads(3, program).values[0] == ((2,), "alive")


def test_revoke_ends_every_wait_and_shrink_goes_on_without_the_dead() -> None:
    def program(comm: Communicator) -> Any:
        dies(comm, 1)
        try:
            comm.recv(source=1 if comm.rank == 0 else 0)  # only rank 0 waits for the dead
        except RankFailed as error:
            if comm.rank == 0:
                comm.Revoke()
            revoked = isinstance(error, Revoked)
        with pytest.raises(Revoked):
            comm.Barrier()
        smaller = comm.Shrink()
        total = smaller.sendrecv(comm.rank, (smaller.rank + 1) % smaller.size)  # from anyone
        return revoked, smaller.rank, smaller.size, total

    run = run_threads(4, program)
    assert run.values == [(False, 0, 3, 3), None, (True, 1, 3, 0), (True, 2, 3, 2)]
    assert run.dead == (1,)


def test_a_death_during_shrink_does_not_hold_up_the_others() -> None:
    def program(comm: Communicator) -> int:
        if comm.rank == 2:
            time.sleep(0.1)
        dies(comm, 2)
        return int(comm.Shrink().size)

    assert run_threads(3, program).values == [2, 2, None]


def test_a_planned_crash_kills_at_its_time() -> None:
    killed: list[int] = []

    def program(comm: Communicator) -> Any:
        with pytest.raises(RankFailed) as caught:
            comm.recv(source=1 - comm.rank)
        return caught.value.ranks

    run = run_threads(2, program, faults=Faults(crash={1: 0.1}), kill=killed.append)
    assert run.values == [(1,), None]
    assert killed == [1]
    assert run.seconds >= 0.1


# Errors.


def test_every_living_rank_has_its_own_error_when_one_has_died() -> None:
    def program(comm: Communicator) -> None:
        dies(comm, 0)
        comm.recv(source=comm.rank - 1)  # a chain: each learns from the end of the one before

    with pytest.raises(ProgramFailed, match="rank 1 raised RankFailed") as caught:
        run_threads(4, program)
    assert list(caught.value.errors) == [1, 2, 3]
    assert all(isinstance(error, RankFailed) for error in caught.value.errors.values())


def test_what_a_rank_raises_ends_the_others() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 1:
            raise KeyError("mine")
        comm.recv(source=ANY_SOURCE)

    with pytest.raises(
        ProgramFailed, match="rank 1 raised KeyError: 'mine'\n\nTraceback"
    ) as caught:
        run_threads(3, program)
    assert list(caught.value.errors) == [1]


def test_a_message_that_nobody_received_is_refused() -> None:
    def program(comm: Communicator) -> None:
        if comm.rank == 0:
            comm.Send(np.zeros(3), 1, tag=4)

    with pytest.raises(ClusterError, match=r"rank 0 sent rank 1 24 bytes \(tag 4\)"):
        run_threads(2, program)


# Channels.


class QueueChannel:
    """Hands the router what a test says, and keeps its replies."""

    def __init__(self, *said: Any) -> None:
        self.said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.replies: list[Any] = []
        for each in said:
            self.said.put(each)

    def receive(self) -> Any:
        said = self.said.get(timeout=SOON)
        if isinstance(said, Exception):
            raise said
        return said, "here.py:1"

    def send(self, reply: Any) -> None:
        self.replies.append(reply)


def serve(router: Router, channels: list[QueueChannel]) -> None:
    threads = [
        threading.Thread(target=router.serve, args=(rank, channel), daemon=True)
        for rank, channel in enumerate(channels)
    ]
    for thread in threads:
        thread.start()
    try:
        router.run(SOON)
    finally:
        router.close()
        for thread in threads:
            thread.join(SOON)
            assert not thread.is_alive()


def test_a_channel_that_breaks_is_a_death() -> None:
    router = Router(2)
    serve(router, [QueueChannel(EOFError()), QueueChannel(Compute(1.0), Returned(5))])
    run = router.outcome()
    assert (run.values, run.dead) == ([None, 5], (0,))


@pytest.mark.parametrize(
    "nonsense", [None, 3, "Step", Compute(-1.0), Step((), (), (7,)), Step((None,)), ValueError("?")]
)
def test_nonsense_ends_its_rank_with_an_error_and_not_the_router(nonsense: Any) -> None:
    killed: list[int] = []
    router = Router(2, kill=killed.append)
    with pytest.raises(ProgramFailed) as caught:
        serve(router, [QueueChannel(Returned(1)), QueueChannel(nonsense)])
    assert list(caught.value.errors) == [1]
    assert killed == [1]


def test_a_rank_that_sends_without_end_is_stopped_when_its_room_is_full() -> None:
    router = Router(2, room=20_000)
    flood = [Step((Outgoing(n, "world", 1, 0, "|u1", b"x" * 1000),), (), ()) for n in range(1, 20)]
    channel = QueueChannel(*flood)
    with pytest.raises(ProgramFailed, match="more than 20,000"):
        serve(router, [*[channel, QueueChannel(EOFError())][:1], QueueChannel(Compute(0.0))])
    assert 5 <= len(channel.replies) <= 9


def test_an_ended_process_may_still_have_something_to_say() -> None:
    router = Router(2)
    silent = QueueChannel()
    router.hang_up(1)
    silent.said.put(Step((Outgoing(0, "world", 0, 0, "|u1", b"x"),)))
    silent.said.put(EOFError())
    want = QueueChannel()

    def receiver() -> None:
        comm = Endpoint(Line(lambda call: router.answer(0, call)), 0, (0, 1))
        comm.Recv(place, source=1)
        want.said.put(Returned(int(place[0])))

    place = np.zeros(1, np.uint8)
    thread = threading.Thread(target=receiver)
    thread.start()
    serve(router, [want, silent])
    thread.join(SOON)
    run = router.outcome()
    assert (run.values[0], run.dead) == (ord("x"), (1,))


def test_a_rank_that_waits_is_dead_as_soon_as_its_process_has_ended() -> None:
    router = Router(3)
    third = QueueChannel()

    def survivor() -> None:
        try:
            router.answer(0, Step((), (Incoming(0, "world", 1, 0),)))
        finally:
            router.end(0, Returned("told"))

    waiting = QueueChannel(Step((), (Incoming(0, "world", 2, 0),)))
    threads = [
        threading.Thread(target=survivor),
        threading.Thread(target=router.serve, args=(1, waiting)),
        threading.Thread(target=router.serve, args=(2, third)),
    ]
    for thread in threads:
        thread.start()
    while router.exchange.ranks[0].call is None or router.exchange.ranks[1].call is None:
        time.sleep(0.001)
    router.hang_up(1)
    third.said.put(Returned("not asked"))
    router.run(SOON)
    for thread in threads:
        thread.join(SOON)
    assert router.outcome().values == ["told", None, "not asked"]


def test_the_dead_do_not_say_anything_that_counts() -> None:
    router = Router(2)
    router.lose(1)
    router.end(1, Raised(ValueError("a last one")))
    router.end(1, Returned(5))
    router.end(0, Returned(4))
    router.run(SOON)
    assert (router.outcome().values, router.outcome().dead) == ([4, None], (1,))


def test_a_crash_of_a_rank_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="ranks from 0 to 1"):
        Router(2, faults=Faults(crash={2: 1.0}))


def test_counts_do_not_depend_on_who_is_faster() -> None:
    def program(comm: Communicator) -> None:
        for _ in range(5):
            comm.Barrier()

    runs = [run_threads(5, program).traffic for _ in range(5)]
    assert len(Counter((t.rounds, *t.sent_messages) for t in runs if t)) == 1
    assert runs[0] is not None and runs[0].rounds == 15
