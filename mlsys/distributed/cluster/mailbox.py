"""Matching messages with receives, as MPI prescribes: for both clusters of ours, one rank each.

A receive takes the first message, in the order of sending, of the sender and the tag it names;
one that leaves the sender open takes whichever arrives first, and only when it has arrived.
Receives that fit the same message get it in the order in which they were made (MPI standard 4.0,
section 3.5). With sender and tag given both are found in a table, at a cost independent of how many
wait.
"""

from __future__ import annotations

from collections import deque

from mlsys.distributed.cluster.calls import Incoming, Outgoing, Probe
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG

Key = tuple[str, int, int]  # context, sender, tag


class Mailbox:
    """What has been sent to one rank and not received, and what it waits for and has not got."""

    def __init__(self) -> None:
        self.messages: dict[Key, deque[Outgoing]] = {}  # a queue that is empty stays
        self.exact: dict[Key, deque[Incoming]] = {}  # receives of one sender and tag
        self._kept = 0  # messages that had to wait here, so far
        self.open: list[Incoming] = []  # and later ones for the same messages, in order

    def receive(self, wanted: Incoming) -> Outgoing | None:
        """The message for a new receive if it can be told now; else it is kept."""
        key = (wanted.context, wanted.source, wanted.tag)
        exact = wanted.source != ANY_SOURCE and wanted.tag != ANY_TAG
        if exact and not any(_fits(key, earlier) for earlier in self.open):
            if queue := self.messages.get(key):
                return queue.popleft()
            if (waiting := self.exact.get(key)) is None:
                self.exact[key] = deque((wanted,))
            else:
                waiting.append(wanted)
        else:
            self.open.append(wanted)
        return None

    def put(self, message: Outgoing) -> Incoming | None:
        """The receive that has waited for exactly this message; else it is kept."""
        key = (message.context, message.source, message.tag)
        if waiting := self.exact.get(key):
            return waiting.popleft()
        message.order = self._kept = self._kept + 1
        if (queue := self.messages.get(key)) is None:
            self.messages[key] = deque((message,))
        else:
            queue.append(message)
        return None

    def settle(self, now: float) -> list[tuple[Incoming, Outgoing]]:
        """Match what has arrived with the receives that are kept open, in their order."""
        matched, left = [], []
        for wanted in self.open:
            message = self.first(wanted, now)
            if message is None:
                left.append(wanted)
            else:
                self.messages[message.context, message.source, message.tag].popleft()
                matched.append((wanted, message))
        self.open = left
        return matched

    def first(self, wanted: Incoming | Probe, by: float) -> Outgoing | None:
        """The earliest to arrive of the messages that fit and have arrived ``by`` then."""
        heads = [q[0] for key, q in self.messages.items() if q and _fits(key, wanted)]
        heads = [message for message in heads if message.arrival <= by]
        return min(heads, key=lambda message: (message.arrival, message.order), default=None)

    def forget(self, wanted: Incoming) -> None:
        """No message will come for it."""
        key = (wanted.context, wanted.source, wanted.tag)
        for kept in (self.open, self.exact.get(key, self.open)):
            if wanted in kept:
                kept.remove(wanted)

    def left(self) -> list[Outgoing]:
        """All that was sent and never received."""
        return [message for queue in self.messages.values() for message in queue]


def _fits(key: Key, wanted: Incoming | Probe) -> bool:
    """Whether messages of this key fit; reserved tags, below 0, fit no open one."""
    context, source, tag = key
    return (
        context == wanted.context
        and wanted.source in (source, ANY_SOURCE)
        and (wanted.tag == tag or (wanted.tag == ANY_TAG and tag >= 0))
    )
