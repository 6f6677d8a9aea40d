"""Calls and replies as plain data: what comes out is what went in, and nothing else passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import wire
from mlsys.distributed.cluster import calls as calls_module
from mlsys.distributed.cluster.calls import (
    Arrived,
    Call,
    Compute,
    Failure,
    Incoming,
    Outgoing,
    Probe,
    Revoke,
    Shrink,
    Step,
)
from mlsys.distributed.cluster.communicator import RankFailed, Revoked
from mlsys.distributed.cluster.engine import Engine
from mlsys.distributed.cluster.plain import (
    call_from_plain,
    call_to_plain,
    endpoint,
    reply_from_plain,
    reply_to_plain,
)
from mlsys.distributed.cluster.topology import flat
from mlsys.distributed.cluster.untrusted import Malformed

RANKS = 4
ranks, tags = st.integers(0, RANKS - 1), st.integers(0, 100)
sends = st.builds(
    Outgoing, st.integers(0, 9), st.just("world"), ranks, tags, st.just("<f8"), st.binary()
)
receives = st.builds(Incoming, st.integers(10, 19), st.just("world"), ranks, tags)
calls: st.SearchStrategy[Call] = st.one_of(
    st.builds(
        lambda send, receive, waits: Step((send,), (receive,), waits),
        sends,
        receives,
        st.sampled_from([None, (), (10, 7)]),
    ),
    st.builds(calls_module.Test, st.integers(0, 9)),
    st.builds(
        Probe, st.just("world"), st.integers(-1, RANKS - 1), st.integers(-1, 9), st.booleans()
    ),
    st.builds(Compute, st.floats(0, 1e6)),
    st.builds(Revoke, st.just("world")),
    st.just(Shrink("world", (0, 2))),
)


def fields(call: Call) -> Any:
    """A call as something that can be compared."""
    if isinstance(call, Step):
        outgoing = [(s.request, s.context, s.dest, s.tag, s.kind, s.payload) for s in call.sends]
        incoming = [(r.request, r.context, r.source, r.tag) for r in call.receives]
        return outgoing, incoming, call.waits
    return call


@given(calls)
def test_a_call_survives_the_wire(call: Call) -> None:
    crossed = wire.decode(wire.encode(call_to_plain(call)))
    assert fields(call_from_plain(crossed, RANKS)) == fields(call)


messages = st.builds(Arrived, ranks, tags, st.just("object"), st.just(3), st.just(b"abc"))
failures = st.builds(Failure, st.text(), st.just((1, 2)), st.booleans())
values = st.one_of(
    st.none(),
    st.lists(st.none() | messages),
    st.just([True, None]),
    messages.map(lambda message: [True, message]),
    messages,
    failures,
    st.just([0, 2]),
)


@given(st.floats(0, 1e9), values)
def test_a_reply_survives_the_wire(clock: float, value: Any) -> None:
    crossed = wire.decode(wire.encode(reply_to_plain((clock, value))))
    assert reply_from_plain(crossed) == (clock, value)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
kinds = st.sampled_from(["step", "test", "probe", "compute", "revoke", "shrink", "other"])


@given(anything | st.builds(lambda kind, rest: [kind, *rest], kinds, st.lists(anything)))
def test_whatever_else_is_said_is_malformed_and_nothing_worse(said: Any) -> None:
    try:
        call = call_from_plain(said, RANKS)
    except Malformed:
        return
    assert call_to_plain(call) == said


def test_an_endpoint_over_a_pipe_does_what_one_does_here() -> None:
    """One rank, and an engine that hears and says nothing but plain data."""
    engine = Engine(flat(1))
    rank, _ = engine.turn() or pytest.fail("there is a rank")

    def talk(said: list[Any]) -> list[Any]:
        engine.take(rank, call_from_plain(said, 1))
        turn = engine.turn()
        assert turn is not None and turn[1] is not None
        return reply_to_plain(turn[1])

    comm = endpoint(talk, rank, 1)
    came = np.zeros(3)
    comm.Sendrecv(np.arange(3.0), 0, 5, came, 0, 5)
    assert came.tolist() == [0, 1, 2]
    assert comm.sendrecv({"a": 1}, 0, 0, None, 0) == {"a": 1}
    comm.compute(2.0)
    assert comm.now() == 2.0
    assert not comm.Iprobe()
    request = comm.isend("later", 0)
    assert comm.Iprobe(0) and comm.recv(None, 0) == "later"
    assert request.Test()
    assert comm.Shrink().size == 1
    comm.Revoke()
    with pytest.raises(Revoked):
        comm.Barrier() if comm.size > 1 else comm.Send(came, 0)
    assert issubclass(Revoked, RankFailed)
