"""The engine without any rank code: calls are handed in by generators, and replies looked at."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import calls, engine
from mlsys.distributed.cluster.calls import (
    Compute,
    Failure,
    Incoming,
    Outgoing,
    Probe,
    Returned,
    Revoke,
    Shrink,
    Step,
)
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG, Deadlock
from mlsys.distributed.cluster.engine import Engine
from mlsys.distributed.cluster.faults import Faults
from mlsys.distributed.cluster.topology import flat, ring

ALPHA, BETA = 2.0, 0.5
Script = Callable[[int], Generator]


class Host:
    """Ranks as generators: each yields calls and is sent the replies. Notes every turn."""

    def __init__(self, ranks: int, script: Script, topology=None, **settings):
        self.engine = Engine(topology or flat(ranks, ALPHA, BETA), **settings)
        self.scripts = [script(rank) for rank in range(ranks)]
        self.turns: list[tuple[float, int]] = []
        self.values: list[list] = [[] for _ in range(ranks)]
        for script in self.scripts:
            next(script)
        while (turn := self.engine.turn()) is not None:
            rank, reply = turn
            self.turns.append((self.engine.now, rank))
            if reply is None:
                self.scripts[rank].close()
                continue
            self.values[rank].append(reply[1])
            assert reply[0] == self.engine.now, "the reply tells the time"
            try:
                self.engine.take(rank, self.scripts[rank].send(reply))
            except StopIteration:
                self.engine.take(rank, Returned(None))


def send(dest, nbytes=0, tag=0, context="world", request=0):
    return Outgoing(request, context, dest, tag, "any", b"\xff" * nbytes)


def receive(source=ANY_SOURCE, tag=ANY_TAG, context="world", request=0):
    return Incoming(request, context, source, tag)


def script(*rows):
    """A rank program for each row: its calls, one after the other."""

    def of(rank):
        yield
        for call in rows[rank]:  # noqa: UP028, since a list cannot be sent replies
            yield call

    return of


programs = st.lists(
    st.lists(st.integers(0, 20).map(lambda eighths: Compute(eighths / 8)), max_size=6),
    min_size=1,
    max_size=5,
)


@given(programs)
def test_the_smallest_clock_goes_first(rows):
    host = Host(len(rows), script(*rows))
    assert [now for now, _ in host.turns] == sorted(now for now, _ in host.turns)
    for rank, row in enumerate(rows):
        clocks = [now for now, of in host.turns if of == rank]
        assert clocks == [sum(c.seconds for c in row[:n]) for n in range(len(row) + 1)]
    assert host.engine.traffic().compute.tolist() == [sum(c.seconds for c in row) for row in rows]


@given(st.integers(0, 1000))
def test_a_message_takes_alpha_plus_beta_n(nbytes):
    host = Host(2, script([Step((send(1, nbytes),))], [Step((), (receive(0, 0),))]))
    assert host.engine.ended == ALPHA + BETA * nbytes
    [message] = host.values[1][1]
    assert message.payload == b"\xff" * nbytes, "which nothing could have decoded"


def test_who_receives_is_never_ahead_of_what_it_could_have_got():
    """Rank 2 asks anyone at time 9; rank 1 sent at 1 and rank 0 at 5: it hears rank 1 first."""
    rows = (
        [Compute(5.0), Step((send(2),))],
        [Compute(1.0), Step((send(2),))],
        [Compute(9.0), Step((), (receive(),)), Step((), (receive(),))],
    )
    host = Host(3, script(*rows))
    assert [value[0].source for value in host.values[2][2:]] == [1, 0]
    assert host.engine.ended == 9.0, "both were there already"


@given(st.permutations(range(1, 6)))
def test_anyone_means_the_first_to_arrive(order):
    rows = [_receives(5, ANY_SOURCE)]
    rows += [[Compute(10.0 * order.index(rank)), Step((send(0),))] for rank in range(1, 6)]
    host = Host(6, script(*rows))
    assert [value[0].source for value in host.values[0][1:]] == list(order)


def test_a_receive_from_anyone_takes_what_arrives_first_not_what_was_sent_first():
    rows = (
        _receives(1, ANY_SOURCE),
        [Step((send(0, 100),))],
        [Compute(1.0), Step((send(0, 0),))],
    )
    two_ways_in = Host(3, script(*rows), topology=ring(3, ALPHA, BETA))
    assert two_ways_in.values[0][1][0].source == 2


def test_a_long_message_waits_for_its_receiver_and_a_short_one_does_not():
    rows = ([Step((send(1, 4),)), Step((send(1, 5),))], [Compute(100.0), *_receives(2)])
    host = Host(2, script(*rows), eager=4)
    went_on = [now for now, rank in host.turns if rank == 0]
    assert went_on == [0.0, ALPHA + 4 * BETA, 100.0 + ALPHA + 5 * BETA]


@pytest.mark.parametrize("late", [None, lambda rng: 30.0])
def test_a_message_that_finds_no_room_waits_until_it_is_asked_for(late):
    """Whether the room is taken by messages that have arrived or by some on their way."""
    rows = ([Step((send(1, 6),)) for _ in range(3)], [Compute(100.0), *_receives(3)])
    host = Host(2, script(*rows), buffer=12, faults=Faults(delay=late))
    took = ALPHA + 6 * BETA
    assert [now for now, rank in host.turns if rank == 0] == [0.0, took, 2 * took, 100.0 + took]


def _receives(count, source=0):
    return [Step((), (receive(source, 0),)) for _ in range(count)]


def test_a_long_message_does_not_let_a_later_one_pass():
    """Tags differ and any will do: the order of sending decides (MPI 4.0, section 3.5)."""
    for sizes in ((400, 1), (1, 400), (0, 0)):
        rows = (
            [Step(tuple(send(1, n, tag, request=tag + 1) for tag, n in enumerate(sizes)), (), ())],
            [Compute(1.0), Step((), (receive(0),)), Step((), (receive(0),))],
        )
        for eager in (0, 10, 1000):
            host = Host(2, script(*rows), eager=eager)
            assert [value[0].tag for value in host.values[1][2:]] == [0, 1], (sizes, eager)


def test_a_test_says_no_until_the_moment_it_is_done():
    def asks(rank):
        yield
        if rank == 0:
            yield Step((send(1, 10),))
            return
        yield Step((), (receive(0, 0, request=1),), ())
        done = False
        while not done:
            (now, (done, message)) = yield calls.Test(1)
            assert done == (now > ALPHA + 10 * BETA - engine.POLL), now
            if not done:
                yield Compute(0.25)
        assert message.nbytes == 10

    Host(2, asks)


def test_who_does_nothing_but_ask_is_told_so(monkeypatch):
    monkeypatch.setattr(engine, "MOST_POLLS", 50)

    def asks(rank):
        yield
        while True:
            yield Probe("world", ANY_SOURCE, ANY_TAG, False)

    with pytest.raises(
        Deadlock, match=r"50 times in a row .* rank [01], at here: compute, or wait"
    ):
        Host(2, asks, where=lambda rank: "here")


def test_what_is_revoked_works_no_more_but_shrinks():
    world = (0, 1)
    rows = (
        [Step((), (receive(1, 0),)), Shrink("world", world)],
        [
            Compute(3.0),
            Revoke("world"),
            Step((send(0),)),
            Probe("world", 0, 0, True),
            Shrink("world", world),
        ],
    )
    host = Host(2, script(*rows))
    for value in (host.values[0][1], *host.values[1][3:5]):
        assert isinstance(value, Failure) and value.revoked
    assert host.values[0][2] == host.values[1][5] == world


def test_who_waits_for_the_dead_is_told_after_the_time_of_detection():
    rows = (
        [Compute(50.0)],
        [Step((), (receive(0, 0),))],
        [Step((), (receive(),)), Step((), (receive(),))],
        [Compute(20.0), Step((send(2),))],
    )
    host = Host(4, script(*rows), faults=Faults(crash={0: 5.0}), detection=2.0)
    assert host.values[1][1] == Failure(
        "rank 1 waited for a message from rank 0 (tag 0): rank 0 is dead", (0,)
    )
    assert isinstance(host.values[2][1], Failure), "it may have been the one to send"
    assert host.values[2][2][0].source == 3, "each death ends one receive from anyone"
    assert (7.0, 1) in host.turns and (7.0, 2) in host.turns and (5.0, 0) in host.turns


def test_what_the_dead_have_sent_still_arrives_and_what_they_are_sent_is_lost():
    rows = (
        [Step((send(1, 100),)), Compute(99.0)],
        [Compute(30.0), Step((), (receive(0, 0),)), Step((send(0, 9),)), Step((send(0, 9),))],
    )
    host = Host(2, script(*rows), faults=Faults(crash={0: 1.0}), detection=55.0)
    assert host.values[1][2][0].nbytes == 100
    assert list(host.values[1][3]) == [None], "nobody knew yet, and the message has left"
    assert isinstance(host.values[1][4], Failure)
    assert not any(rank.box.left() for rank in host.engine.ranks)


def test_the_dead_and_the_returned_are_named_in_a_deadlock():
    rows = ([], [Step((), (receive(0, 3),))])
    with pytest.raises(Deadlock) as caught:
        Host(2, script(*rows), where=lambda rank: f"line {rank}")
    assert "rank 1 waits for a message from rank 0 (tag 3), at line 1" in str(caught.value)
    assert "rank 0, for which rank 1 waits, has returned" in str(caught.value)


def test_an_agreement_that_somebody_misses_is_explained():
    rows = ([Shrink("world", (0, 1))], [Step((), (receive(0, 0),))])
    with pytest.raises(Deadlock, match="rank 0 waits for the rest of the living to Shrink"):
        Host(2, script(*rows))


@pytest.mark.parametrize("name", ["eager", "buffer", "detection"])
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_settings_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected a number >= 0"):
        Engine(flat(2), **{name: value})


def test_accidents_of_ranks_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="expected ranks from 0 to 1"):
        Engine(flat(2), Faults(crash={2: 1.0}))
