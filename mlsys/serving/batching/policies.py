"""How large may a batch be, and how long may it be waited for? Four answers.

`OneByOne` pays the fixed cost for every request. `Fixed` is what most servers have: a size and a
time-out, both set by hand. `Greedy` waits for nobody: it takes what has gathered while the device
was busy, so that batches are large exactly when there is much to do. `AIMD` finds the largest size
that keeps an objective, by what TCP does: a little more each time, much less after a miss
(Chiu and Jain, 1989; Clipper, NSDI 2017, section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlsys.serving.batching.policy import Decision, Request


def of_one_kind(waiting: Sequence[Request], most: int) -> tuple[Request, ...]:
    """The first ``most`` that wait for the same as the one who has waited longest."""
    kind = waiting[0].kind
    return tuple([request for request in waiting if request.kind == kind][:most])


class _Unlearned:
    """A policy that does not care how long batches take."""

    def done(self, now: float, batch: Sequence[Request], seconds: float) -> None:
        """Nothing is learned."""


class OneByOne(_Unlearned):
    """No batches."""

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """Whoever came first."""
        return Decision(of_one_kind(waiting, 1))


@dataclass
class Greedy(_Unlearned):
    """Whatever is there, up to ``most``."""

    most: int

    def __post_init__(self) -> None:
        _refuse_small(self.most)

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """All of the first one's kind."""
        return Decision(of_one_kind(waiting, self.most))


@dataclass
class Fixed(_Unlearned):
    """Batches of ``size``; smaller ones if the first has waited ``timeout`` seconds."""

    size: int
    timeout: float

    def __post_init__(self) -> None:
        _refuse_small(self.size)
        if not self.timeout >= 0:
            raise ValueError(f"timeout: expected seconds >= 0, got {self.timeout}")

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """A full batch of any kind, the first one's first; else whoever has waited too long."""
        kinds = dict.fromkeys(request.kind for request in waiting)
        for kind in kinds:
            batch = [request for request in waiting if request.kind == kind][: self.size]
            if len(batch) == self.size or now >= batch[0].arrived + self.timeout:
                return Decision(tuple(batch))
        return Decision(wake=waiting[0].arrived + self.timeout)


@dataclass
class AIMD:
    """The largest batches that take no longer than ``objective`` seconds, found by trying.

    After a batch that was as large as allowed and in time, ``step`` more are allowed; after one
    that was too slow, ``factor`` of its size. wait: seconds that the first request may wait for
    company (Clipper's delayed batching); 0 is right where requests come faster than answers.
    """

    objective: float
    step: float = 1.0
    factor: float = 0.9
    most: int = 4096
    wait: float = 0.0
    limit: float = field(default=1.0, init=False)  # requests in a batch

    def __post_init__(self) -> None:
        _refuse_small(self.most)
        if not (self.objective > 0 and self.step > 0 and 0 < self.factor < 1 and self.wait >= 0):
            raise ValueError(
                f"expected objective > 0, step > 0, 0 < factor < 1 and wait >= 0, got "
                f"{self.objective}, {self.step}, {self.factor}, {self.wait}"
            )

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        """As many as the limit allows."""
        return Fixed(int(self.limit), self.wait).decide(now, waiting)

    def done(self, now: float, batch: Sequence[Request], seconds: float) -> None:
        """Additive increase, multiplicative decrease."""
        self.limit = adapted(
            self.limit, len(batch), seconds, self.objective, self.step, self.factor, self.most
        )


def adapted(
    limit: float,
    size: int,
    seconds: float,
    objective: float,
    step: float = 1.0,
    factor: float = 0.9,
    most: int = 4096,
) -> float:
    """How many may go together from now on, after a batch of ``size`` has taken ``seconds``.

    Was it slower than the objective, ``factor`` times the smaller of its size and the limit, and
    at least 1. Was it in time and as large as the whole part of the limit, ``step`` more, and at
    most ``most``. Else no news.

    >>> adapted(10.0, 10, 0.019, 0.020), adapted(10.0, 10, 0.021, 0.020)
    (11.0, 9.0)
    """
    if seconds > objective:
        return max(1.0, factor * min(limit, size))
    if size >= int(limit):  # a smaller one does not say that more would be fine
        return min(most, limit + step)
    return limit


def _refuse_small(size: int) -> None:
    if size < 1:
        raise ValueError(f"expected batches of 1 request or more, got {size}")
