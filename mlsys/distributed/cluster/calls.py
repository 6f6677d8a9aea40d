"""What crosses between a rank and the cluster it runs on: calls one way, replies the other.

A rank's code may run in a greenlet, in another process or behind a sandbox's pipe: all that it ever
says to its cluster is one of the calls below, and it waits for the reply. Numbers of ranks are
those of the world, payloads are opaque bytes that no cluster ever decodes, and a message's
``kind`` (a dtype such as "<f4", or "object") is for the receiving rank alone.

Every transfer is a request with a number that its rank chose. One `Step` starts any number of
requests and then waits for some of them, which makes Send, Recv, Isend, Irecv, Sendrecv and Wait
one and the same call, and each of them one crossing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

OBJECT = "object"  # the kind of a pickled message


class Outgoing(NamedTuple):
    """A message to send."""

    request: int
    context: str  # the communicator: its messages meet no other's
    dest: int
    tag: int
    kind: str
    payload: bytes


class Incoming(NamedTuple):
    """A message to receive: the first, in the order of sending, that fits."""

    request: int
    context: str
    source: int  # or ANY_SOURCE
    tag: int  # or ANY_TAG


class Step(NamedTuple):
    """Start transfers, then wait. Replied with one `Delivery` or None for each of ``waits``."""

    sends: tuple[Outgoing, ...] = ()
    receives: tuple[Incoming, ...] = ()
    waits: tuple[int, ...] = ()


class Test(NamedTuple):
    """Is this request done? Replied with ``(True, Delivery or None)`` or ``(False, None)``."""

    request: int


class Probe(NamedTuple):
    """Is there such a message? Replied with a `Delivery` without payload, or None."""

    context: str
    source: int
    tag: int
    block: bool


class Compute(NamedTuple):
    """So many seconds of work. Replied with None."""

    seconds: float


class Revoke(NamedTuple):
    """Let no call on this communicator work any more. Replied with None."""

    context: str


class Shrink(NamedTuple):
    """Agree with the living of ``group``. Replied with the tuple of them, in the group's order."""

    context: str
    group: tuple[int, ...]


Call = Step | Test | Probe | Compute | Revoke | Shrink


class Delivery(NamedTuple):
    """A message that has arrived."""

    source: int
    tag: int
    kind: str
    nbytes: int
    payload: bytes


class Failure(NamedTuple):
    """Instead of a reply's value: the call failed, because these ranks are dead."""

    message: str
    ranks: tuple[int, ...]
    revoked: bool = False


class Reply(NamedTuple):
    """The answer to a call: what the cluster's clock reads, and the call's value."""

    clock: float
    value: Any


@dataclass(frozen=True)
class Returned:
    """The rank's program has returned."""

    value: Any


@dataclass(frozen=True)
class Raised:
    """The rank's program has raised ``error``; ``text`` is its traceback."""

    error: BaseException
    text: str = ""
