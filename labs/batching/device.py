"""The device that the student's policy decides for, on the simulator's clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograder import Wrong, typed
from mlsys.serving.batching.policy import Decision, Request
from mlsys.serving.batching.simulated import simulate

from .traces import Model, Trace

Array = np.ndarray
ROUNDING = 1e-9  # seconds later than promised that count as in time


@dataclass(frozen=True)
class Played:
    """What became of a trace. batches: the numbers in each, in the order of time.

    seconds: from arrival to answer, (n,); inf for who was given up.
    """

    trace: Trace
    batches: list[list[int]]
    seconds: Array

    @property
    def good(self) -> Array:
        """Who was answered in time, (n,) bool."""
        return self.seconds <= self.trace.objectives + ROUNDING

    def of(self, kind: str) -> Array:
        """Who is of this kind, (n,) bool."""
        return np.array(self.trace.kinds) == kind


def play(student, trace: Trace) -> Played:
    """Ask the student's policy for each decision. `Wrong` if one is against the rules."""
    asked = _Asked(student, trace.models)
    outcome = simulate(
        asked,
        trace.arrivals,
        lambda batch, now: _seconds(trace.models[batch[0].kind], len(batch)),
        objective=trace.objectives,
        kinds=trace.kinds,
    )
    left = np.flatnonzero(~(outcome.answered | outcome.dropped)).tolist()
    if left:
        raise Wrong(
            f"after the last arrival next_batch said ([], []) while {len(left)} were waiting "
            f"({named(trace, left[0])}): nobody comes any more, so they wait for ever"
        )
    seconds = np.where(outcome.answered, outcome.finished - outcome.arrived, math.inf)
    return Played(trace, asked.batches, seconds)


def named(trace: Trace, number: int) -> str:
    """A request, for a message."""
    return f"{number}, {trace.kinds[number]}, arrived at {trace.arrivals[number]:.4f} s"


def _seconds(model: Model, size: int) -> float:
    return model[0] + model[1] * size


class _Asked:
    """The student's policy, which is told who came since it was asked last."""

    def __init__(self, student, models: dict[str, Model]) -> None:
        plain = {kind: list(model) for kind, model in models.items()}
        self.conversation = student.converse("device", plain)
        self.conversation.go_on()
        self.kinds = {kind: place for place, kind in enumerate(models)}
        self.told = 0  # all below have been, in order
        self.batches: list[list[int]] = []

    def decide(self, now: float, waiting: Sequence[Request]) -> Decision:
        came = [request for request in waiting if request.number >= self.told]
        self.told += len(came)
        kinds = bytes(self.kinds[request.kind] for request in came)
        _, said = self.conversation.go_on([now, kinds, [request.arrived for request in came]])
        what = f"what next_batch returns at {now:.4f} s"
        pair = typed(said, list[list[int]], what)
        if len(pair) != 2:
            raise Wrong(f"{what}: expected two lists, got {len(pair)}")
        batch, dropped = pair
        line = {request.number: request for request in waiting}
        _rules(batch, dropped, line, what)
        if batch:
            self.batches.append(batch)
        return Decision(tuple(line[n] for n in batch), tuple(line[n] for n in dropped))

    def done(self, now: float, batch: Sequence[Request], seconds: float) -> None:
        pass


def _rules(batch: list[int], dropped: list[int], line: dict[int, Request], what: str) -> None:
    """Each names who waits, once; a batch is of one kind."""
    chosen = [*batch, *dropped]
    if strangers := [number for number in chosen if number not in line]:
        raise Wrong(f"{what}: number {strangers[0]} does not wait (not yet, or no more)")
    if len({*chosen}) < len(chosen):
        twice = next(number for number in chosen if chosen.count(number) > 1)
        raise Wrong(f"{what}: number {twice} is in it twice")
    kinds = {line[number].kind for number in batch}
    if len(kinds) > 1:
        raise Wrong(f"{what}: a batch is of one kind, and this one has {sorted(kinds)}")
