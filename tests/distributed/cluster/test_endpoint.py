"""The rank's side: each method is one call with the right content, and replies are unpacked."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import calls
from mlsys.distributed.cluster.calls import (
    Arrived,
    Compute,
    Failure,
    Probe,
    Revoke,
    Shrink,
    Step,
)
from mlsys.distributed.cluster.communicator import (
    ANY_SOURCE,
    ANY_TAG,
    RankFailed,
    Revoked,
    Status,
    Truncated,
)
from mlsys.distributed.cluster.endpoint import Endpoint, Line

GROUP = (7, 3, 9)  # our ranks 0, 1, 2 in the world


class Desk:
    """Stands for the cluster: keeps the calls, and replies with what it was told to."""

    def __init__(self, *values):
        self.calls, self.values, self.clock = [], list(values), 0.0

    def __call__(self, call):
        self.calls.append(call)
        self.clock += 1.0
        return self.clock, self.values.pop(0) if self.values else None


def endpoint(*values, rank=1):
    desk = Desk(*values)
    return Endpoint(Line(desk), rank, GROUP), desk


def arrived(array, source=9, tag=5):
    return Arrived(source, tag, array.dtype.str, array.nbytes, array.tobytes())


def pickled(thing, source=9, tag=5):
    payload = pickle.dumps(thing)
    return Arrived(source, tag, "object", len(payload), payload)


def test_ranks_are_numbers_of_the_communicator_and_calls_name_those_of_the_world():
    comm, desk = endpoint()
    assert (comm.rank, comm.size, comm.Get_rank(), comm.Get_size()) == (1, 3, 1, 3)
    comm.Send(np.arange(3, dtype="<i4"), dest=2, tag=5)
    [((send,), (), _)] = desk.calls
    assert (send.dest, send.tag, send.kind, send.context) == (9, 5, "<i4", "world")
    assert send.payload == np.arange(3, dtype="<i4").tobytes()


def test_what_is_received_lands_in_the_array_and_in_the_status():
    came = np.array([1.5, 2.5])
    comm, desk = endpoint((arrived(came),))
    place, status = np.full((2, 2), -1.0), Status()
    comm.Recv(place, source=2, tag=5, status=status)
    assert place.ravel().tolist() == [1.5, 2.5, -1.0, -1.0]
    assert (status.Get_source(), status.Get_tag(), status.Get_count()) == (2, 5, 16)
    [((), (wanted,), _)] = desk.calls
    assert (wanted.source, wanted.tag) == (9, 5)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_objects_go_both_ways(thing):
    comm, desk = endpoint((None, pickled(thing)))
    assert comm.sendrecv(thing, dest=0, source=2) == thing
    [((send,), (_,), _)] = desk.calls
    assert pickle.loads(send.payload) == thing and send.kind == "object"


def test_each_method_is_one_call():
    comm, desk = endpoint()
    comm.compute(2)
    comm.Revoke()
    comm.Iprobe(2, 5)
    comm.Probe()
    send, receive = comm.Isend(np.zeros(1), 0), comm.irecv(source=2)
    assert desk.calls[:4] == [
        Compute(2.0),
        Revoke("world"),
        Probe("world", 9, 5, False),
        Probe("world", ANY_SOURCE, ANY_TAG, True),
    ]
    started = [(*call.sends, *call.receives)[0].request for call in desk.calls[4:]]
    assert len(set(started)) == 2 and all(call.waits == () for call in desk.calls[4:])
    desk.values = [(False, None), (True, None), (pickled("word"),)]
    assert (send.Test(), send.Test(), receive.wait()) == (False, True, "word")
    assert desk.calls[6:] == [
        calls.Test(started[0]),
        calls.Test(started[0]),
        Step((), (), (started[1],)),
    ]


def test_a_request_that_is_done_asks_no_more():
    comm, desk = endpoint(None, (pickled("word", tag=8),))
    request, status = comm.irecv(source=2), Status()
    assert request.wait() == "word"
    assert request.wait(status) == "word" and request.test() == (True, "word") and request.Test()
    assert (status.Get_source(), status.Get_tag()) == (2, 8)
    assert len(desk.calls) == 2


def test_what_was_sent_may_be_changed_at_once():
    comm, desk = endpoint()
    mine = np.ones(2)
    comm.Isend(mine, 0)
    mine[:] = 5.0
    assert np.frombuffer(desk.calls[0].sends[0].payload).tolist() == [1.0, 1.0]


def test_the_clock_is_that_of_the_last_reply():
    comm, _ = endpoint()
    assert comm.now() == 0.0
    comm.compute(1)
    comm.compute(1)
    assert comm.now() == 2.0


@pytest.mark.parametrize("revoked", [False, True])
def test_a_failure_is_raised_with_the_dead(revoked):
    comm, _ = endpoint(Failure("rank 9 is dead", (9,), revoked))
    with pytest.raises(Revoked if revoked else RankFailed, match="rank 9 is dead") as caught:
        comm.recv(source=2)
    assert caught.value.ranks == (9,)


def test_shrink_numbers_the_living_anew():
    comm, desk = endpoint((3, 9), None, (9,))
    small = comm.Shrink()
    assert (small.rank, small.size) == (0, 2)
    small.send("x", dest=1)
    assert desk.calls[0] == Shrink("world", GROUP)
    assert desk.calls[1].sends[0].dest == 9
    assert desk.calls[1].sends[0].context not in ("world", ""), "nothing of the old one is heard"


def test_misfits_are_told_with_both_sides():
    for came, place, words in [
        (arrived(np.zeros(3)), np.zeros(2), "at most 2 × float64, and rank 2 sent 3 × float64"),
        (arrived(np.zeros(1, "f4")), np.zeros(2), "and rank 2 sent 1 × float32"),
        (pickled("word"), np.zeros(2), "sent a pickled object"),
    ]:
        comm, _ = endpoint((came,))
        with pytest.raises(Truncated, match=words):
            comm.Recv(place, source=2)
    comm, _ = endpoint((arrived(np.zeros(3)),))
    with pytest.raises(Truncated, match="rank 1 expected an object, and rank 2 sent 3 × float64"):
        comm.recv(source=2)


ONE = np.zeros(1)
MISTAKES = [
    (lambda comm: comm.Send(ONE, 3), ValueError, "dest: expected a rank from 0 to 2, got 3"),
    (lambda comm: comm.send("x", -1), ValueError, "dest: expected a rank from 0 to 2, got -1"),
    (lambda comm: comm.Recv(ONE, 3), ValueError, "source: expected a rank from 0 to 2, or ANY_S"),
    (lambda comm: comm.irecv(source=-2), ValueError, "source: expected .* got -2"),
    (lambda comm: comm.Iprobe(3), ValueError, "source: expected .* got 3"),
    (lambda comm: comm.Probe(-2), ValueError, "source: expected .* got -2"),
    (lambda comm: comm.Send(ONE, 0, -1), ValueError, "tag: expected a number >= 0, got -1"),
    (lambda comm: comm.isend("x", 0, -2), ValueError, "tag: expected a number >= 0, got -2"),
    (lambda comm: comm.Recv(ONE, 0, -3), ValueError, "tag: expected .* or ANY_TAG, got -3"),
    (lambda comm: comm.Iprobe(0, -2), ValueError, "tag: expected .* or ANY_TAG, got -2"),
    (lambda comm: comm.Send([1.0], 0), TypeError, "expected a NumPy array, got list"),
    (lambda comm: comm.Isend(np.zeros(4)[::2], 0), ValueError, "expected a contiguous array"),
    (lambda comm: comm.Send(np.array([None]), 0), TypeError, "expected an array of numbers"),
    (lambda comm: comm.Recv("here"), TypeError, "expected a NumPy array, got str"),
    (lambda comm: comm.Irecv(np.zeros((2, 2)).T), ValueError, "expected a contiguous array"),
    (lambda comm: comm.Sendrecv(ONE, 0), TypeError, "expected an array to receive into"),
    (lambda comm: comm.Sendrecv(ONE, 0, 0, [0], 0), TypeError, "expected a NumPy array, got list"),
    (lambda comm: comm.compute(-1), ValueError, "compute: expected finite seconds >= 0, got -1"),
    (lambda comm: comm.compute(float("nan")), ValueError, "compute: .*got nan"),
    (lambda comm: comm.compute(float("inf")), ValueError, "compute: .*got inf"),
]


@pytest.mark.parametrize(("mistake", "error", "words"), MISTAKES)
def test_a_mistake_is_told_before_anything_is_sent(mistake, error, words):
    comm, desk = endpoint()
    with pytest.raises(error, match=words):
        mistake(comm)
    assert desk.calls == []
