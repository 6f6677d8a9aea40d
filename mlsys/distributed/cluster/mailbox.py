"""Matching messages with receives, as MPI prescribes: for both clusters of ours, one rank each.

A receive takes the first message, in the order of sending, of the sender and the tag it names;
one that leaves the sender open takes whichever arrives first, and only when it has arrived. Receives
that fit the same message get it in the order in which they were made (MPI standard 4.0, 3.5).
With sender and tag given both are found in a table, at a cost independent of how many wait.
"""

from __future__ import annotations

from collections import deque

from mlsys.distributed.cluster.calls import Delivery
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG
from mlsys.distributed.cluster.faults import UNHARMED

Key = tuple[str, int, int]  # context, sender, tag


class Transfer:
    """A request of one rank: a message that it sends, or one that it wants to receive."""

    __slots__ = ("context", "done", "is_send", "message", "number", "peer", "tag")

    def __init__(
        self, number: int, context: str, peer: int, tag: int, is_send: bool = False
    ) -> None:
        self.number, self.context, self.peer, self.tag = number, context, peer, tag
        self.is_send = is_send
        self.done: float | None = None  # when it is, as soon as that is known
        self.message: Message | None = None  # that it has received

    @property
    def is_open(self) -> bool:
        """Whether it is a receive that does not say exactly what it waits for."""
        return self.peer == ANY_SOURCE or self.tag == ANY_TAG

    @property
    def purpose(self) -> str:
        """What it waits for, in words."""
        tag = "any tag" if self.tag == ANY_TAG else f"tag {self.tag}"
        if self.is_send:
            return f"for rank {self.peer} to receive its message ({tag})"
        peer = "any rank" if self.peer == ANY_SOURCE else f"rank {self.peer}"
        return f"for a message from {peer} ({tag})"


class Message:
    """On its way, or waiting at its receiver."""

    __slots__ = (
        "arrival", "depth", "dest", "fate", "held", "kind", "nbytes", "payload", "sender",
        "source", "tag",
    )  # fmt: skip

    def __init__(
        self, source: int, dest: int, tag: int, kind: str, payload: bytes, depth: int
    ) -> None:
        self.source, self.dest, self.tag = source, dest, tag
        self.kind, self.payload, self.nbytes = kind, payload, len(payload)
        self.depth = depth  # messages in the chain that led to it, itself included
        self.fate = UNHARMED
        self.arrival = 0.0  # the first moment at which it, or its announcement, is there
        self.sender: Transfer | None = None  # the request that ends when it is fetched
        self.held = False  # in its receiver's buffer

    def delivery(self) -> Delivery:
        """What the receiving rank is told."""
        return Delivery(self.source, self.tag, self.kind, self.nbytes, self.payload)


class Mailbox:
    """What has been sent to one rank and not received, and what it waits for and has not got."""

    def __init__(self) -> None:
        self.messages: dict[Key, deque[Message]] = {}
        self.exact: dict[Key, deque[Transfer]] = {}  # receives made while none was open
        self.open: list[Transfer] = []  # an open receive, and all later ones, in order

    def receive(self, wanted: Transfer) -> Message | None:
        """The message for a new receive if it can be told now; else it is kept."""
        if not self.open and not wanted.is_open:
            key = (wanted.context, wanted.peer, wanted.tag)
            if queue := self.messages.get(key):
                return self._pop(key, queue)
            self.exact.setdefault(key, deque()).append(wanted)
        else:
            self.open.append(wanted)
        return None

    def put(self, context: str, message: Message) -> Transfer | None:
        """The receive that has waited for exactly this message; else it is kept."""
        key = (context, message.source, message.tag)
        if queue := self.exact.get(key):
            return queue.popleft()
        self.messages.setdefault(key, deque()).append(message)
        return None

    def settle(self, now: float) -> list[tuple[Transfer, Message]]:
        """Match what has arrived with the receives that are kept open, in their order."""
        matched, left = [], []
        for wanted in self.open:
            message = self.first(wanted.context, wanted.peer, wanted.tag, now)
            if message is None:
                left.append(wanted)
            else:
                self.remove(wanted.context, message)
                matched.append((wanted, message))
        self.open = left
        return matched

    def first(self, context: str, source: int, tag: int, by: float) -> Message | None:
        """The earliest to arrive of the messages that fit and have arrived ``by`` then."""
        heads = [q[0] for key, q in self.messages.items() if q and _fits(key, context, source, tag)]
        heads = [message for message in heads if message.arrival <= by]
        return min(heads, key=lambda message: message.arrival, default=None)

    def remove(self, context: str, message: Message) -> None:
        """Take out a message that is the first of its sender and tag."""
        key = (context, message.source, message.tag)
        self._pop(key, self.messages[key])

    def forget(self, wanted: Transfer) -> None:
        """No message will come for it."""
        key = (wanted.context, wanted.peer, wanted.tag)
        for kept in (self.open, self.exact.get(key, self.open)):
            if wanted in kept:
                kept.remove(wanted)

    def left(self) -> list[Message]:
        """All that was sent and never received."""
        return [message for queue in self.messages.values() for message in queue]

    def _pop(self, key: Key, queue: deque[Message]) -> Message:
        message = queue.popleft()
        if not queue:
            del self.messages[key]
        return message


def _fits(key: Key, context: str, source: int, tag: int) -> bool:
    """Whether messages of this key fit; reserved tags, below 0, fit no open one."""
    of_tag = key[2] == tag or (tag == ANY_TAG and key[2] >= 0)
    return key[0] == context and (source in (ANY_SOURCE, key[1])) and of_tag
