"""What crosses between a rank and the cluster it runs on: calls one way, replies the other.

A rank's code may run in a greenlet, in another process or behind a sandbox's pipe: all that it ever
says to its cluster is one of the calls below, and it waits for the reply. Numbers of ranks are
those of the world, payloads are opaque bytes that no cluster ever decodes, and a message's
``kind`` (a dtype such as "<f4", or "object") is for the receiving rank alone.

Every transfer is a request with a number that its rank chose. One `Step` starts any number of
requests and then waits for some, which makes Send, Recv, Isend, Irecv, Sendrecv and Wait
one and the same call, and each of them one crossing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG
from mlsys.distributed.cluster.faults import UNHARMED, Fate

OBJECT = "object"  # the kind of a pickled message


class Own(int):
    """A tag of messages of our own: below 0, so that no receive with ANY_TAG takes them."""


BARRIER, SPLIT = Own(-2), Own(-3)
_WORDS = {ANY_TAG: "any tag", BARRIER: "in Barrier", SPLIT: "in Split"}


def named(tag: int) -> str:
    """A tag in words.

    >>> named(7), named(BARRIER)
    ('tag 7', 'in Barrier')
    """
    return _WORDS.get(tag, f"tag {tag}")


class Outgoing:
    """A message to send. What is not given on creation, the cluster notes on it."""

    __slots__ = (
        "arrival", "context", "depth", "dest", "done", "fate", "held", "kind", "message", "nbytes",
        "order", "payload", "request", "source", "tag", "waits",
    )  # fmt: skip

    def __init__(
        self, request: int, context: str, dest: int, tag: int, kind: str, payload: bytes
    ) -> None:
        self.request, self.context = request, context  # the communicator: no other sees it
        self.dest, self.tag = dest, tag
        self.kind, self.payload, self.nbytes = kind, payload, len(payload)
        self.source = -1  # the rank it comes from
        self.depth = 1  # messages in the chain that led to it, itself included
        self.done: float | None = None  # when the request is, as soon as that is known
        self.arrival = 0.0  # the first moment at which it, or its announcement, is there
        self.order = 0  # among those that its receiver has been sent before it asked for them
        self.waits = False  # for its receiver to ask for it
        self.held = False  # in its receiver's buffer
        self.fate: Fate = UNHARMED
        self.message = None  # nothing is received by sending

    @property
    def peer(self) -> int:
        """The rank without which it is never done."""
        return self.dest

    @property
    def purpose(self) -> str:
        """What it waits for, in words."""
        return f"for rank {self.dest} to receive its message ({named(self.tag)})"

    def announcement(self) -> Arrived:
        """The message without its content, which stays where it is."""
        return Arrived(self.source, self.tag, self.kind, self.nbytes, b"")


class Incoming:
    """A message to receive: the first, in the order of sending, that fits."""

    __slots__ = ("context", "done", "message", "request", "source", "tag")

    def __init__(self, request: int, context: str, source: int, tag: int) -> None:
        self.request, self.context = request, context
        self.source, self.tag = source, tag  # or ANY_SOURCE, ANY_TAG
        self.done: float | None = None  # when the request is, as soon as that is known
        self.message: Outgoing | None = None  # that it has got

    @property
    def peer(self) -> int:
        """The rank without which it is never done."""
        return self.source

    @property
    def purpose(self) -> str:
        """What it waits for, in words."""
        source = "any rank" if self.source == ANY_SOURCE else f"rank {self.source}"
        return f"for a message from {source} ({named(self.tag)})"


class Step(NamedTuple):
    """Start transfers, then wait for requests: for all that it starts, sends first, if None.

    Replied with one `Delivery` or None for each of those it waited for.
    """

    sends: tuple[Outgoing, ...] = ()
    receives: tuple[Incoming, ...] = ()
    waits: tuple[int, ...] | None = None

    @property
    def starts(self) -> tuple[Outgoing | Incoming, ...]:
        """All transfers that it starts, sends first."""
        return *self.sends, *self.receives


class Test(NamedTuple):
    """Is this request done? Replied with ``(True, Delivery or None)`` or ``(False, None)``."""

    request: int


class Probe(NamedTuple):
    """Is there such a message? Replied with a `Delivery`, or None; nothing is received."""

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


class Delivery(Protocol):
    """A message that has arrived: what its receiver may read of it."""

    source: int
    tag: int
    kind: str
    nbytes: int
    payload: bytes


class Arrived(NamedTuple):
    """A `Delivery` on its own, for clusters to which the rank's objects do not cross."""

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


Reply = tuple[float, Any]  # what the cluster's clock reads, and the call's value


@dataclass(frozen=True)
class Returned:
    """The rank's program has returned."""

    value: Any


@dataclass(frozen=True)
class Raised:
    """The rank's program has raised ``error``; ``text`` is its traceback."""

    error: BaseException
    text: str = ""
