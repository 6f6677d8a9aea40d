"""What the nodes of a parameter server say to each other.

Each message is about one shard of one table, so that whoever serves the shard may change without
the others. A worker speaks to servers in `Push` and `Pull`; the servers of a chain in `Forward`;
the scheduler speaks to all in `View`. Messages are values: nobody changes one that was made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Keys = NDArray[np.int64]
Rows = Array | slice  # where keys are, in a store
Shard = tuple[int, int]  # which table of the group, and which shard of the table


@dataclass(frozen=True, slots=True, eq=False)
class Push:
    """Worker ``sender`` has new values for rows of a shard. Goes to the head of its chain.

    sequence: 1, 2, 3, ... for each sender and shard. It is applied once, and in this order.
    clock: with it the sender has pushed all of this iteration for the keys from begin to end.
    keys: sorted, shape (n,), or None when all from begin to end are meant (or the receiver knows
    them by their signature). values: shape (n, width).
    """

    epoch: int
    shard: Shard
    sender: int
    sequence: int
    clock: int
    begin: int
    end: int
    signature: int  # of the keys; 0 if there are none, or nobody shall remember them
    keys: Keys | None
    values: Array


@dataclass(frozen=True, slots=True)
class Pushed:
    """The push is in every replica of the shard: it survives all but the last of them."""

    epoch: int
    shard: Shard
    sequence: int


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """Worker ``sender`` wants rows of a shard. Any replica may answer.

    after: it is answered once all workers' clocks for these keys have reached this; -1: at once.
    keys, begin, end, signature: as of a push.
    """

    epoch: int
    shard: Shard
    sender: int
    request: int
    after: int
    begin: int
    end: int
    signature: int
    keys: Keys | None


@dataclass(frozen=True, slots=True, eq=False)
class Pulled:
    """The rows. clock: the least of the workers' clocks for these keys when they were read."""

    epoch: int
    shard: Shard
    request: int
    clock: int
    values: Array  # (n, width)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The keys of this signature are not (any more) known here: send them along, once more.

    request: of a pull; sequence: of a push; the other is 0.
    """

    epoch: int
    shard: Shard
    signature: int
    request: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be done, whoever is asked: the caller gets ``reason`` as an error."""

    epoch: int
    shard: Shard
    request: int
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """What the head has applied, for the next in the chain: the sum of one or many pushes.

    index: 1, 2, 3, ... in each shard, through all epochs. done: one row for each push in the sum,
    shape (m, 5): sender, sequence, clock, begin, end. keys: None when all of the shard are meant.
    """

    epoch: int
    shard: Shard
    index: int
    done: Keys
    keys: Keys | None
    values: Array


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The last of the chain, to the head: it has everything up to this index."""

    epoch: int
    shard: Shard
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A whole shard, for one that has nothing or not enough of it: sent down the chain.

    state: what `Replica.state` returned; plain arrays and numbers.
    """

    epoch: int
    shard: Shard
    index: int
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """Who does what, from now on. Of two views the one with the higher epoch holds.

    chains: for each shard its replicas, the head first; only the first ``synced[shard]`` of them
    certainly hold its state. workers: the ranks that live, by job.
    """

    epoch: int
    chains: dict[Shard, tuple[int, ...]]
    synced: dict[Shard, int]
    workers: dict[str, tuple[int, ...]]
    lost: tuple[Shard, ...] = ()  # shards of which no replica is left


@dataclass(frozen=True, slots=True)
class Synced:
    """A head, to the scheduler: all of this shard's chain holds its state, in this epoch."""

    epoch: int
    shard: Shard


@dataclass(frozen=True, slots=True)
class Join:
    """A spare server or a late worker, to the scheduler: I am here."""

    rank: int


@dataclass(frozen=True, slots=True)
class Leave:
    """To the scheduler: I want to go. A server goes when others hold what it held."""

    rank: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The scheduler, to all: so much time has passed; send again what has got no answer."""

    seconds: float  # since the start


@dataclass(frozen=True, slots=True)
class Stop:
    """The scheduler, to one that may go; or to all, when the job cannot go on: then with why."""

    reason: str = ""


Message = (
    Push | Pushed | Pull | Pulled | Unknown | Refused | Forward | Forwarded | Snapshot
    | View | Synced | Join | Leave | Tick | Stop
)  # fmt: skip


@dataclass(slots=True)
class Outbox:
    """What a node wants to say, in order: ``(to whom, what)``."""

    messages: list[tuple[int, Message]] = field(default_factory=list)

    def send(self, dest: int, message: Message) -> None:
        """Say it, in the end."""
        self.messages.append((dest, message))

    def take(self) -> list[tuple[int, Message]]:
        """All of it; after that the box is empty."""
        messages, self.messages = self.messages, []
        return messages
