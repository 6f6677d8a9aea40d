"""Calls of a rank that nobody trusts: every field is checked before anything is done with it.

A student's rank may send its cluster whatever fits on a wire. A call that passes has all its fields
of their types and in their ranges, so that whoever serves it needs no further care; payloads stay
what they are, bytes that nobody looks into. One that does not pass ends its rank, and no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from mlsys.distributed.cluster.calls import (
    Call,
    Compute,
    Incoming,
    Outgoing,
    Probe,
    Revoke,
    Shrink,
    Step,
    Test,
)
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ClusterError

LONGEST_NAME = 1000  # characters of a context, or of a kind
LARGEST = 2**31 - 1  # tag
RESERVED = -3  # the least tag that an endpoint uses itself
MOST = 10_000  # transfers started or waited for in one step
MOST_REQUESTS = 2**62


class Malformed(ClusterError):
    """A rank has said something that is no call."""


def checked(call: object, ranks: int) -> Call:
    """The call, if it is one that a rank of a cluster of ``ranks`` may make.

    Its transfers are made anew, so that they hold nothing but what is checked: what a cluster
    notes on them, no rank can have written there.

    >>> checked(Compute(0.5), ranks=2)
    Compute(seconds=0.5)
    >>> checked(Compute("long"), ranks=2)
    Traceback (most recent call last):
    mlsys.distributed.cluster.untrusted.Malformed: no call: Compute(seconds='long')
    """
    try:
        good = _GOOD[type(call)](call, ranks)
    except (AttributeError, KeyError, TypeError, ValueError):
        good = False
    if not good:
        shown = repr(call) if type(call) is Compute else type(call).__name__
        raise Malformed(f"no call: {shown:.200}")
    return _made_anew(call) if isinstance(call, Step) else call  # type: ignore[return-value]


def _made_anew(step: Step) -> Step:
    sends = (Outgoing(s.request, s.context, s.dest, s.tag, s.kind, s.payload) for s in step.sends)
    receives = (Incoming(r.request, r.context, r.source, r.tag) for r in step.receives)
    return Step(tuple(sends), tuple(receives), step.waits)


def _good_step(step: Step, ranks: int) -> bool:
    sends, receives, waits = step
    return (
        all(type(part) is tuple and len(part) <= MOST for part in (sends, receives, waits or ()))
        and all(_good_outgoing(send, ranks) for send in sends)
        and all(_good_incoming(receive, ranks) for receive in receives)
        and all(_is_int(number, 0, MOST_REQUESTS) for number in waits or ())
        and _differ(waits or ())
        and (waits is None or _differ(_numbers(step)))
    )


def _numbers(step: Step) -> list[int]:
    return [send.request for send in step.sends] + [want.request for want in step.receives]


def _good_outgoing(send: Any, ranks: int) -> bool:
    return (
        type(send) is Outgoing
        and _is_int(send.request, 0, MOST_REQUESTS)
        and _is_name(send.context)
        and _is_int(send.dest, 0, ranks - 1)
        and _is_int(send.tag, RESERVED, LARGEST)
        and _is_name(send.kind)
        and type(send.payload) is bytes
    )


def _good_incoming(receive: Any, ranks: int) -> bool:
    return (
        type(receive) is Incoming
        and _is_int(receive.request, 0, MOST_REQUESTS)
        and _good_search(receive.context, receive.source, receive.tag, ranks)
    )


def _good_search(context: object, source: object, tag: object, ranks: int) -> bool:
    return (
        _is_name(context)
        and _is_int(source, ANY_SOURCE, ranks - 1)
        and _is_int(tag, RESERVED, LARGEST)
    )


def _good_probe(probe: Probe, ranks: int) -> bool:
    return _good_search(*probe[:3], ranks) and type(probe.block) is bool


def _good_compute(call: Compute, ranks: int) -> bool:
    return type(call.seconds) in (int, float) and 0 <= call.seconds < math.inf


def _good_shrink(call: Shrink, ranks: int) -> bool:
    group = call.group
    return (
        _is_name(call.context)
        and type(group) is tuple
        and all(_is_int(rank, 0, ranks - 1) for rank in group)
        and _differ(group)
    )


def _is_int(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_name(value: object) -> bool:
    return type(value) is str and len(value) <= LONGEST_NAME


def _differ(numbers: Iterable[int]) -> bool:
    numbers = list(numbers)
    return len(set(numbers)) == len(numbers)


_GOOD: dict[type, Any] = {
    Step: _good_step,
    Test: lambda call, ranks: _is_int(call.request, 0, MOST_REQUESTS),
    Probe: _good_probe,
    Compute: _good_compute,
    Revoke: lambda call, ranks: _is_name(call.context),
    Shrink: _good_shrink,
}
