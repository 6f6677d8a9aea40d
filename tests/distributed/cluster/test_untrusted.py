"""Calls from ranks that nobody trusts: the right ones pass, one wrong field is enough to fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.distributed.cluster import calls
from mlsys.distributed.cluster.calls import (
    Call,
    Compute,
    Incoming,
    Outgoing,
    Probe,
    Revoke,
    Shrink,
    Step,
)
from mlsys.distributed.cluster.untrusted import LONGEST_NAME, MOST, Malformed, checked

RANKS = 3


def send(**wrong: Any) -> Outgoing:
    message = Outgoing(1, "world", 2, 0, "<f8", b"12345678")
    for field, value in wrong.items():
        setattr(message, field, value)
    return message


def want(**wrong: Any) -> Incoming:
    receive = Incoming(2, "world", -1, -1)
    for field, value in wrong.items():
        setattr(receive, field, value)
    return receive


GOOD: list[Call] = [
    Step(),
    Step((send(),)),
    Step((send(),), (want(),), (1, 2)),
    Step((), (), (7,)),
    Step((send(request=0), send(request=0)), (want(request=0),)),
    calls.Test(3),
    Probe("world", -1, -1, True),
    Probe("world", 2, 5, False),
    Compute(0),
    Compute(2.5),
    Revoke("world"),
    Shrink("world", (0, 1, 2)),
]


@pytest.mark.parametrize("call", GOOD)
def test_calls_of_an_endpoint_pass(call: Call) -> None:
    passed = checked(call, RANKS)
    if not isinstance(call, Step):
        assert passed is call
        return
    assert isinstance(passed, Step)
    assert passed.waits == call.waits
    for mine, theirs in zip(passed.sends, call.sends, strict=True):
        for field in ("request", "context", "dest", "tag", "kind", "payload", "nbytes"):
            assert getattr(mine, field) == getattr(theirs, field)
    for want, wanted in zip(passed.receives, call.receives, strict=True):
        for field in ("request", "context", "source", "tag"):
            assert getattr(want, field) == getattr(wanted, field)


def test_notes_of_the_cluster_cannot_be_forged() -> None:
    forged = send(nbytes=0, source=0, done=0.0, depth=10**9, held=True, waits=True, fate=None)
    step = checked(Step((forged,), (want(done=0.0, message=forged),)), RANKS)
    assert isinstance(step, Step)
    (mine,), (receive,), fresh = step.sends, step.receives, send()
    for note in ("nbytes", "source", "done", "depth", "held", "waits", "fate"):
        assert getattr(mine, note) == getattr(fresh, note)
    assert receive.done is receive.message is None


BAD: list[Any] = [
    None,
    (),
    "Step",
    Step,
    Step([send()]),
    Step((want(),)),
    Step((), (send(),)),
    Step((), (), [1]),
    Step((), (), (1, 1)),
    Step((), (), ("1",)),
    Step((), (), tuple(range(MOST + 1))),
    Step((send(), send()), (), ()),
    *(
        Step((send(**{field: value}),))
        for field, value in [
            ("dest", 3), ("dest", -1), ("dest", True), ("dest", 1.0), ("tag", -4), ("tag", 2**31),
            ("tag", None), ("request", -1), ("context", b"world"), ("context", "x" * 2000),
            ("kind", None), ("kind", "x" * 2000), ("payload", "text"), ("payload", bytearray(8)),
        ]
    ),
    *(
        Step((), (want(**{field: value}),))
        for field, value in [
            ("source", 3), ("source", -2), ("tag", -4), ("context", 0), ("request", "1"),
        ]
    ),
    calls.Test(-1),
    calls.Test(None),
    Probe("world", 3, 0, True),
    Probe("world", 0, 0, 1),
    Compute(-1.0),
    Compute(float("nan")),
    Compute(float("inf")),
    Compute(True),
    Compute("1"),
    Revoke(None),
    Revoke("x" * (LONGEST_NAME + 1)),
    Shrink("world", [0, 1]),
    Shrink("world", (0, 0)),
    Shrink("world", (0, 3)),
]  # fmt: skip


@pytest.mark.parametrize("call", BAD)
def test_one_wrong_field_is_enough(call: Any) -> None:
    with pytest.raises(Malformed, match="no call"):
        checked(call, RANKS)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


@given(
    st.sampled_from([Step, calls.Test, Probe, Compute, Revoke, Shrink]),
    st.lists(ANYTHING, max_size=4),
)
def test_whatever_comes_is_a_call_or_malformed(kind: Any, fields: list[Any]) -> None:
    try:
        call = kind(*fields)
    except TypeError:  # another number of fields
        return
    try:
        assert type(checked(call, RANKS)) is kind
    except Malformed as error:
        assert len(str(error)) < 300
