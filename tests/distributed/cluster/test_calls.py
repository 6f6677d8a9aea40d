"""What crosses between a rank and its cluster: plain, and said in words where people read it."""

from __future__ import annotations

import pickle

import pytest

from mlsys.distributed.cluster.calls import BARRIER, Incoming, Outgoing, Returned, Step
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG


def test_a_message_knows_its_length_and_whom_it_needs():
    sent = Outgoing(4, "world", dest=2, tag=7, kind="<f8", payload=b"12345678")
    assert (sent.nbytes, sent.peer, sent.done, sent.message) == (8, 2, None, None)
    assert sent.purpose == "for rank 2 to receive its message (tag 7)"


@pytest.mark.parametrize(
    ("source", "tag", "purpose"),
    [
        (3, 1, "for a message from rank 3 (tag 1)"),
        (3, ANY_TAG, "for a message from rank 3 (any tag)"),
        (ANY_SOURCE, 1, "for a message from any rank (tag 1)"),
        (ANY_SOURCE, ANY_TAG, "for a message from any rank (any tag)"),
        (3, BARRIER, "for a message from rank 3 (in Barrier)"),
    ],
)
def test_a_receive_says_what_it_waits_for(source, tag, purpose):
    wanted = Incoming(1, "world", source, tag)
    assert (wanted.purpose, wanted.peer, wanted.done) == (purpose, source, None)


def test_calls_cross_a_pipe():
    step = Step((Outgoing(1, "world", 0, 0, "object", b"x"),), (Incoming(2, "world", 0, 0),), (1,))
    again = pickle.loads(pickle.dumps(step))
    assert type(again) is Step and again.waits == (1,)
    (send,), (receive,) = again.sends, again.receives
    assert (send.request, send.context, send.dest, send.tag) == (1, "world", 0, 0)
    assert (send.kind, send.payload) == ("object", b"x")
    assert (receive.request, receive.context, receive.source, receive.tag) == (2, "world", 0, 0)
    assert pickle.loads(pickle.dumps(Returned([1]))) == Returned([1])
