"""Several models answer together: better than the best of them, and not slower than a deadline.

A vote of n models waits for the slowest of n, so the tail of each becomes the usual case of all.
Here it is taken at a deadline with those that have answered. How many of all agree is known
without any truth, and tells how far the answer is to be trusted: a model that is late agrees with
nobody. Clipper (NSDI 2017, section 5.2) does both.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys.serving.server.errors import TimedOut
from mlsys.serving.server.selection import Floats, Shares
from mlsys.serving.server.tensors import Array, Info, Spec
from mlsys.serving.server.versions import Answers

Arrays = dict[str, Array]


@dataclass(frozen=True)
class Opinion:
    """What an ensemble says of some rows. scores: (rows, classes); confidence: (rows,) in [0, 1].

    votes: the class that each member says, (members, rows); -1 for all of a member that was late.
    """

    scores: Floats
    confidence: Floats
    votes: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class with the highest score, shape (rows,)."""
        return np.asarray(self.scores.argmax(axis=1))

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which members have answered, shape (members,)."""
        return np.asarray(self.votes[:, 0] >= 0)


def combined(scores: Sequence[Floats | None], shares: Floats) -> Opinion:
    """The mean of those that are there, by their shares. None: that member is not.

    scores: of each member (rows, classes), one member at least; shares: (members,).
    """
    there = [member for member, each in enumerate(scores) if each is not None]
    given = np.array([scores[member] for member in there])
    weights = shares[there] + np.finfo(float).tiny  # all may have a share of zero
    mean = np.tensordot(weights / weights.sum(), given, axes=1)
    votes = np.full((len(scores), mean.shape[0]), -1)
    votes[there] = given.argmax(axis=2)
    agree = (votes == mean.argmax(axis=1)).mean(axis=0)
    return Opinion(mean, agree, votes)


def losses(opinion: Opinion, labels: NDArray[np.int64]) -> Floats:
    """The share of rows that each member had wrong, (members,); NaN for those that were late."""
    wrong = (opinion.votes != labels).mean(axis=1)
    return np.where(opinion.there, wrong, np.nan)


class Ensemble:
    """An endpoint made of others, which have the same inputs, and one output of class scores.

    patience: seconds after which it answers with those that are there. What comes later is not
    waited for: its place is free for others. Its outputs: ``scores``, and ``confidence``, the
    share of members that say the same. shares: of the votes; `learn` changes them.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Answers],
        *,
        patience: float = math.inf,
        shares: Shares | None = None,
        version: str = "1",
    ) -> None:
        self.members, self.patience = [*members], patience
        self.info = _alike([member.info for member in self.members], name, version)
        self.shares = shares or Shares(len(self.members), rate=1.0)
        self.late = 0  # answers of members that were missing

    async def predict(self, inputs: Arrays, seconds: float = math.inf) -> Arrays:
        """See `Answers`."""
        opinion = await self.ask(inputs, seconds)
        return {"scores": opinion.scores, "confidence": opinion.confidence}

    async def ask(self, inputs: Arrays, seconds: float = math.inf) -> Opinion:
        """What those say that are there in time. Raises `ProtocolError` if none is.

        A member that fails counts as one that is late.
        """
        limit = min(self.patience, seconds)
        tasks = [asyncio.ensure_future(each.predict(inputs, limit)) for each in self.members]
        try:
            await asyncio.wait(tasks, timeout=None if limit == math.inf else limit)
        finally:
            for task in tasks:
                task.cancel()
        return combined(self._scores(tasks, limit), self.shares.values)

    def learn(self, opinion: Opinion, labels: NDArray[np.int64]) -> None:
        """The truth has become known: members that had it wrong lose some of their share."""
        self.shares.learn(losses(opinion, labels))

    async def close(self) -> None:
        """See `Answers`."""
        await asyncio.gather(*(member.close() for member in self.members))

    def _scores(self, tasks: Sequence[asyncio.Future[Arrays]], limit: float) -> list[Floats | None]:
        answered = [task.done() and not task.cancelled() and not task.exception() for task in tasks]
        self.late += len(tasks) - sum(answered)
        if not any(answered):
            raise _why_none(tasks, limit)
        output = self.members[0].info.outputs[0].name
        return [
            np.asarray(task.result()[output], float) if there else None
            for task, there in zip(tasks, answered, strict=True)
        ]


def _why_none(tasks: Sequence[asyncio.Future[Arrays]], limit: float) -> BaseException:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            return error
    return TimedOut(f"none of {len(tasks)} models has answered within {limit:g} s")


def _alike(infos: Sequence[Info], name: str, version: str) -> Info:
    """What they take and give together. Raises ValueError if they cannot answer together."""
    if not infos:
        raise ValueError("an ensemble has at least one member")
    first = infos[0]
    for info in infos:
        if info.inputs != first.inputs or len(info.outputs) != 1 or not info.batched:
            raise ValueError(
                f"members of an ensemble are batched, and have the same inputs and one output: "
                f"{info} and {first}"
            )
        if info.outputs[0].shape != first.outputs[0].shape or len(first.outputs[0].shape) != 1:
            raise ValueError(f"expected scores of the same classes: {info} and {first}")
    outputs = Spec("scores", "FP64", first.outputs[0].shape), Spec("confidence", "FP64", ())
    return Info(name, version, "ensemble", first.inputs, outputs)
