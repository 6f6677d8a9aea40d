"""Elastic training: ranks die, leave and join, and the run goes on from its last commit.

A commit copies all that must survive; it costs a copy, and a failure costs the work since the last
one. What is hard is to agree: a rank that dies has answered some and not others, so the living
disagree about what was done and even about who failed. Here all of them, those that trained and
those that wait as spares, meet in one place, ``world.Shrink()``, whose answer is the same for
everybody: once to see who is there, take over the newest commit and divide the work; once more to
see whether anyone died meanwhile, in which case all meet again. Nobody goes on unless all do.
Source: Horovod Elastic (2020) for commit and restore; Bland et al., "Post-failure recovery of MPI
communication capability", 2013, for revoke, shrink and agree.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from mlsys.distributed.allreduce.doubling import doubling_allreduce
from mlsys.distributed.cluster import Communicator, RankFailed
from mlsys.distributed.data_parallel.broadcast import Holder, broadcast_object

Wanted = Callable[[float], int]  # (seconds) -> how many ranks should be training
Train = Callable[[Communicator, "State"], None]


class MembershipChanged(Exception):
    """Raised by a commit on all ranks alike: others should train from here on."""


class State:
    """All that must survive, and its last commit.

    parts: a model, an optimiser, a cursor: whatever has ``state_dict`` and ``load_state_dict``.
    commits: how many there have been; every rank's commit number k holds the same.
    changed: asked at every commit whether others should train; the same on all that do.
    """

    def __init__(self, **parts: Holder) -> None:
        self.parts, self.commits, self.finished = parts, 0, False
        self.changed: Callable[[], bool] = lambda: False
        self.save()

    def commit(self) -> None:
        """Make this the point to go back to. Every training rank must call it at the same step.

        Raises `MembershipChanged` when ranks are to leave or to join.
        """
        self.commits += 1
        self.save()
        if self.changed():
            raise MembershipChanged

    def save(self) -> None:
        """Copy everything."""
        held = {name: part.state_dict() for name, part in self.parts.items()}
        self._saved = pickle.dumps((self.commits, self.finished, held))

    def restore(self) -> None:
        """Go back to the last commit."""
        self.commits, self.finished, held = pickle.loads(self._saved)
        for name, part in self.parts.items():
            part.load_state_dict(held[name])

    def take_newest(self, comm: Communicator) -> None:
        """Restore the newest commit that any rank holds, on all ranks.

        A rank may have gone one commit further than another before a third died. Both commits are
        true; the newer one saves work.
        """
        newest = np.array([self.commits * comm.size + comm.rank])
        doubling_allreduce(comm, newest, np.maximum)
        root = int(newest[0]) % comm.size
        self._saved = broadcast_object(comm, self._saved, root)
        self.restore()


def elastic(world: Communicator, state: State, train: Train, wanted: Wanted | None = None) -> None:
    """Call ``train(comm, state)`` until it returns, with ever new ``comm`` as ranks come and go.

    train: trains from wherever ``state`` is, and commits now and then. A `RankFailed` that it
        meets must reach us; what it did since the last commit is forgotten.
    wanted: the number of ranks that should train, asked at each commit and each failure (Horovod's
        script that discovers hosts). The living ranks of smallest number do, the others are spares.

    Every rank of ``world`` calls this, and those that live return with the final state.
    """
    while True:
        everyone, comm = world.Shrink(), None
        try:
            state.restore()
            comm = admit(everyone, state, wanted)
        except RankFailed:
            everyone.Revoke()
        if everyone.Shrink().size < everyone.size:
            continue  # somebody died on the way here, and all of us know it
        if state.finished:
            return
        if comm is not None:
            attempt(comm, state, train)


def admit(everyone: Communicator, state: State, wanted: Wanted | None) -> Communicator | None:
    """Bring all to the newest commit; returns the communicator of those who train, None to others.

    Sets what a commit looks at: whether by now another number of ranks should train.
    """
    state.take_newest(everyone)
    most = everyone.size

    def target() -> int:
        return min(most, max(1, wanted(everyone.now()))) if wanted else most

    trains = everyone.rank < broadcast_object(everyone, target())
    comm = everyone.Split(0 if trains else 1, everyone.rank)

    def changed() -> bool:
        return bool(broadcast_object(comm, target() != comm.size))

    state.changed = changed
    return comm if trains else None


def attempt(comm: Communicator, state: State, train: Train) -> None:
    """Train until the end, a failure or a change; wake the others if it was a failure."""
    try:
        train(comm, state)
        state.finished = True
        state.commits += 1
        state.save()
    except MembershipChanged:
        pass
    except RankFailed:
        comm.Revoke()


def share(batch: Any, comm: Communicator) -> Any:
    """This rank's part of a batch that all ranks know: each example is on exactly one rank.

    The batch stays the same however many ranks there are, so neither a death nor a newcomer
    changes what is learnt, up to rounding. Parts may differ by one example: weight the mean
    gradient of each by ``len(part) / len(batch)`` before adding.
    """
    return np.array_split(batch, comm.size)[comm.rank]
