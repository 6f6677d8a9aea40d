"""Calls and replies as lists, numbers, texts and bytes, for whoever shares no objects with a rank.

So a rank can live behind a pipe on which nothing but plain data travels, and its cluster need not
trust it: what comes out of `call_from_plain` has been checked field by field, whatever went in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlsys.distributed.cluster.calls import (
    Arrived,
    Call,
    Compute,
    Failure,
    Incoming,
    Outgoing,
    Probe,
    Reply,
    Revoke,
    Shrink,
    Step,
    Test,
)
from mlsys.distributed.cluster.endpoint import Endpoint, Line
from mlsys.distributed.cluster.untrusted import Malformed, checked

_KINDS: dict[str, Callable[..., Call]] = {
    "step": lambda sends, receives, waits: Step(
        tuple(Outgoing(*send) for send in sends),
        tuple(Incoming(*receive) for receive in receives),
        None if waits is None else tuple(waits),
    ),
    "test": Test,
    "probe": Probe,
    "compute": Compute,
    "revoke": Revoke,
    "shrink": lambda context, group: Shrink(context, tuple(group)),
}


def call_to_plain(call: Call) -> list[Any]:
    """The call as a list: its kind, then its fields.

    >>> call_to_plain(Step((), (Incoming(0, "world", 1, 7),)))
    ['step', [], [[0, 'world', 1, 7]], None]
    """
    if isinstance(call, Step):
        sends = [[s.request, s.context, s.dest, s.tag, s.kind, s.payload] for s in call.sends]
        receives = [[r.request, r.context, r.source, r.tag] for r in call.receives]
        return ["step", sends, receives, None if call.waits is None else list(call.waits)]
    fields = [list(field) if isinstance(field, tuple) else field for field in call]
    return [type(call).__name__.lower(), *fields]


def call_from_plain(said: Any, ranks: int) -> Call:
    """The call of a rank in a cluster of ``ranks``; raises `Malformed` for anything else.

    >>> call_from_plain(["compute", -1.0], ranks=2)
    Traceback (most recent call last):
    mlsys.distributed.cluster.untrusted.Malformed: no call: Compute(seconds=-1.0)
    """
    try:
        kind, *fields = said
        call = _KINDS[kind](*fields)
    except (KeyError, TypeError, ValueError):
        raise Malformed(f"no call: {str(said)[:200]}") from None
    return checked(call, ranks)


def reply_to_plain(reply: Reply) -> list[Any]:
    """The reply as a list: clock and value."""
    clock, value = reply
    return [clock, _to_plain(value)]


def reply_from_plain(said: list[Any]) -> Reply:
    """What `reply_to_plain` has made a list of."""
    clock, value = said
    return clock, _from_plain(value)


def endpoint(talk: Callable[[Any], Any], rank: int, size: int) -> Endpoint:
    """A rank's communicator over a pipe: ``talk`` sends plain data and returns the answer to it."""
    line = Line(lambda call: reply_from_plain(talk(call_to_plain(call))))
    return Endpoint(line, rank, tuple(range(size)))


def _to_plain(value: Any) -> Any:
    if isinstance(value, Failure):
        return {"failure": [value.message, list(value.ranks), value.revoked]}
    if isinstance(value, Outgoing | Arrived):
        return {"message": [value.source, value.tag, value.kind, value.nbytes, value.payload]}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    return value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "failure" in value:
            message, ranks, revoked = value["failure"]
            return Failure(message, tuple(ranks), revoked)
        return Arrived(*value["message"])
    return [_from_plain(item) for item in value] if isinstance(value, list) else value
