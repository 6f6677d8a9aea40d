"""What a batching policy is: who goes together, who is turned away, and when to look again.

A device answers a batch of n requests in a + b n seconds, of which a is paid once. So company is
cheap, and waiting for it is not. A policy weighs the two. It has no clock, no socket and no thread:
whoever drives it says what time it is, so the same object can be judged on a virtual clock
(simulated.py) and used behind a real server (live.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """A question that waits for a device. Times in seconds, on the driver's clock.

    number: of arrival. deadline: an answer after that is worth nothing. kind: what only requests
    of the same kind can share a batch by, a model for example.
    """

    number: int
    arrived: float
    deadline: float = math.inf
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a device that is idle.

    batch: give it these, now. drop: answer these that it is too late. wake: with an empty batch,
    ask again at this time, if no arrival comes first.
    """

    batch: tuple[Request, ...] = ()
    drop: tuple[Request, ...] = ()
    wake: float = math.inf


class Policy(Protocol):
    """Decides what an idle device does next, and may learn from how long batches took."""

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """Asked when a device is idle: at an arrival, when it becomes idle, and at ``wake``.

        waiting: in the order of arrival, at least one. What is in ``batch`` or ``drop`` waits no
        longer; the rest is shown again.
        """

    def done(self, now: float, batch: Sequence[Request], seconds: float) -> None:
        """A batch has been answered, ``seconds`` after the device got it."""


def checked(decision: Decision, now: float, waiting: Mapping[int, Request]) -> Decision:
    """The decision, if it is one about these. Raises ValueError that says what is wrong.

    waiting: by number. A policy that answers somebody twice, or somebody who does not wait, would
    else lose another request in silence, and one that wakes in the past would be asked for ever.
    """
    chosen = [*decision.batch, *decision.drop]
    numbers = {request.number for request in chosen}
    if len(numbers) < len(chosen):
        raise ValueError(f"a request is in a decision twice: {[r.number for r in chosen]}")
    if strangers := numbers - waiting.keys():
        raise ValueError(f"the decision names requests {sorted(strangers)}, which do not wait")
    if len(kinds := {request.kind for request in decision.batch}) > 1:
        raise ValueError(f"a batch is of one kind, and this one has {sorted(kinds)}")
    if not chosen and not decision.wake > now:
        raise ValueError(f"nothing to do, and to be asked again at {decision.wake}: it is {now}")
    return decision
