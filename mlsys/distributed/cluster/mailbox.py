"""Matching messages with receives, as MPI prescribes: for both clusters of ours, one rank each.

A receive takes the first message, in the order of sending, of the sender and the tag it names;
one that leaves the sender open takes whichever arrives first, and only when it has arrived.
Receives that fit the same message get it in the order in which they were made (MPI standard 4.0,
section 3.5). With sender and tag given both are found in a table, at a cost independent of how many
wait.
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from mlsys.distributed.cluster.calls import Incoming, Outgoing, Probe
from mlsys.distributed.cluster.communicator import ANY_SOURCE, ANY_TAG

Key = tuple[str, int, int]  # context, sender, tag
T = TypeVar("T")


class Mailbox:
    """What has been sent to one rank and not received, and what it waits for and has not got."""

    def __init__(self) -> None:
        self.messages: dict[Key, deque[Outgoing]] = {}  # in queues, none empty
        self.exact: dict[Key, deque[Incoming]] = {}  # receives of one sender and tag
        self._kept = 0  # messages that had to wait here, so far
        self.open: list[Incoming] = []  # and later ones for the same messages, in order

    def receive(self, wanted: Incoming) -> Outgoing | None:
        """The message for a new receive if it can be told now; else it is kept."""
        key = (wanted.context, wanted.source, wanted.tag)
        if _open(wanted) or (self.open and any(_fits(key, earlier) for earlier in self.open)):
            self.open.append(wanted)
            return None
        message = _taken(self.messages, key)
        if message is None:
            _append(self.exact, key, wanted)
        return message

    def put(self, message: Outgoing) -> Incoming | None:
        """The receive that has waited for exactly this message; else it is kept."""
        key = (message.context, message.source, message.tag)
        receive = _taken(self.exact, key)
        if receive is None:
            message.order = self._kept = self._kept + 1
            _append(self.messages, key, message)
        return receive

    def settle(self, now: float) -> list[tuple[Incoming, Outgoing]]:
        """Match what has arrived with the receives that are kept open, in their order."""
        matched, left = [], []
        for wanted in self.open:
            message = self.first(wanted, now)
            if message is None:
                left.append(wanted)
            else:
                _taken(self.messages, (message.context, message.source, message.tag))
                matched.append((wanted, message))
        self.open = left
        return matched

    def first(self, wanted: Incoming | Probe, by: float) -> Outgoing | None:
        """The earliest to arrive of the messages that fit and have arrived ``by`` then."""
        if _open(wanted):
            queues = [queue for key, queue in self.messages.items() if _fits(key, wanted)]
        else:
            own = self.messages.get((wanted.context, wanted.source, wanted.tag))
            queues = [own] if own else []
        heads = [queue[0] for queue in queues if queue[0].arrival <= by]
        return min(heads, key=lambda message: (message.arrival, message.order), default=None)

    def forget(self, wanted: Incoming) -> None:
        """No message will come for it."""
        key = (wanted.context, wanted.source, wanted.tag)
        if wanted in self.open:
            self.open.remove(wanted)
        elif wanted in (queue := self.exact.get(key, ())):
            self.exact[key] = deque(each for each in queue if each is not wanted)
            if not self.exact[key]:
                del self.exact[key]

    def left(self) -> list[Outgoing]:
        """All that was sent and never received."""
        return [message for queue in self.messages.values() for message in queue]


def _append(table: dict[Key, deque[T]], key: Key, last: T) -> None:
    queue = table.get(key)
    if queue is None:
        table[key] = deque((last,))
    else:
        queue.append(last)


def _taken(table: dict[Key, deque[T]], key: Key) -> T | None:
    """The first of a queue, taken out; a queue that is empty goes, for tags can be many."""
    queue = table.get(key)
    if queue is None:
        return None
    first = queue.popleft()
    if not queue:
        del table[key]
    return first


def _open(wanted: Incoming | Probe) -> bool:
    """Whether it does not say exactly what it waits for."""
    return wanted.source == ANY_SOURCE or wanted.tag == ANY_TAG


def _fits(key: Key, wanted: Incoming | Probe) -> bool:
    """Whether messages of this key fit; reserved tags, below 0, fit no open one."""
    context, source, tag = key
    return (
        context == wanted.context
        and wanted.source in (source, ANY_SOURCE)
        and (wanted.tag == tag or (wanted.tag == ANY_TAG and tag >= 0))
    )
