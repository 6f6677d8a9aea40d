"""Races: ours and a peer in turn, round by round, and the ratio of their times with its spread.

A time on a shared machine says little, and a ratio of two times taken minutes apart says less. So
each peer is timed against ours in rounds (peer, ours, peer, ours, ...), each round gives one ratio,
and the result is their median with its bootstrap interval: ``timing.compare``. Before a clock is
looked at, both must have computed the same numbers. What was raced, on what machine, and which
peers were absent is written down as JSON; the book's performance page is drawn from it.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlsys.foundations.measurement.timing import Clock, Work, compare, enough_calls

Array = np.ndarray[Any, np.dtype[Any]]
Results = Mapping[str, Array]
SCHEMA = 1


def _clock() -> tuple[str, Clock]:
    """CPU time of this process where it is counted finely, wall time elsewhere.

    All that is raced runs on one thread, so on a quiet machine the two are the same; on a busy one,
    CPU time leaves out the turns that other programs take.
    """
    if time.get_clock_info("process_time").resolution < 1e-6:
        return "CPU time of the process", time.process_time
    return "wall time", time.perf_counter


CLOCK_NAME, CLOCK = _clock()


@dataclass(frozen=True)
class Peer:
    """Someone to race against. Without a version it is absent, and the note says what to do."""

    peer: str
    title: str
    version: str | None = None
    note: str | None = None

    @property
    def present(self) -> bool:
        """Can it be raced here?"""
        return self.version is not None


@dataclass(frozen=True)
class Case:
    """What is timed. One call of an entry does ``per_call`` units; seconds are given for one.

    bar: seconds that one unit of ours should not take more of, where a person waits for it.
    moves: how much of what one unit moves, such as keys and MB, where that is how it is judged.
    """

    case: str
    group: str
    title: str
    unit: str
    per_call: int = 1
    tolerance: float = 1e-4  # of each result, as a share of its largest number
    bar: float | None = None
    moves: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One contestant in one case: the work to time, and the numbers that prove what it does.

    close: ends what it holds, such as processes, when the case has been raced.
    """

    work: Work
    results: Callable[[], Results]
    close: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Row:
    """One line of the result: ``ratio`` above 1 means that ours is that many times faster."""

    case: str
    group: str
    title: str
    unit: str
    peer: str
    peer_title: str
    peer_version: str
    ours_seconds: float
    peer_seconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    spread: str
    rounds: int
    target: float | None
    holds: bool | None
    check: str
    bar: float | None = None
    moves: Mapping[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        """Is the target not reached, or the bar passed?"""
        return self.holds is False or (self.bar is not None and self.ours_seconds > self.bar)


class Disagreement(AssertionError):
    """Two contestants computed different numbers, so their times cannot be compared."""


@dataclass(frozen=True)
class Track:
    """How a race is run: how many rounds, and for how long each side runs in a round."""

    rng: np.random.Generator
    rounds: int = 15
    window: float = 0.01  # seconds of work of ours between two looks at the clock; 0: one call
    warmup: int = 2
    clock: Clock = CLOCK

    def race(self, case: Case, peer: Peer, ours: Entry, theirs: Entry, target: float | None) -> Row:
        """Check that both compute the same, time them in turn, and say whether the target holds."""
        check = agreement(ours.results(), theirs.results(), case.tolerance)
        times = compare(
            theirs.work,
            ours.work,
            self.rng,
            rounds=self.rounds,
            warmup=self.warmup,
            calls=self.calls(ours.work, theirs.work),
            clock=self.clock,
        )
        return Row(
            case=case.case,
            group=case.group,
            title=case.title,
            unit=case.unit,
            peer=peer.peer,
            peer_title=peer.title,
            peer_version=peer.version or "",
            ours_seconds=float(np.median(times.second)) / case.per_call,
            peer_seconds=float(np.median(times.first)) / case.per_call,
            ratio=times.ratio.estimate,
            ratio_low=times.ratio.low,
            ratio_high=times.ratio.high,
            spread="95% bootstrap interval of the median",
            rounds=self.rounds,
            target=target,
            holds=None if target is None else times.ratio.estimate >= target,
            check=check,
            bar=case.bar,
            moves=case.moves,
        )

    def calls(self, ours: Work, theirs: Work) -> int:
        """Calls in one sample: enough to fill the window, unless a slow peer would take ten."""
        if not self.window:
            return 1
        theirs()
        ours()
        most = enough_calls(theirs, 10 * self.window, self.clock)
        return min(most, enough_calls(ours, self.window, self.clock))


def agreement(ours: Results, theirs: Results, tolerance: float) -> str:
    """Say in what the two agree; raise Disagreement, naming the first result in which they do not.

    Only results that the peer reports are compared: not every peer can be asked for all of them.
    """
    if not theirs:
        raise Disagreement("the peer reports no result, so nothing shows that it does the work")
    for name, got in theirs.items():
        want = np.asarray(ours[name], np.float64)
        got = np.asarray(got, np.float64)
        if want.shape != got.shape:
            raise Disagreement(f"{name}: ours has shape {want.shape}, the peer's {got.shape}")
        gap = float(np.abs(want - got).max(initial=0.0))
        allowed = tolerance * max(float(np.abs(got).max(initial=0.0)), 1e-30)
        if not gap <= allowed:  # also when a number is NaN
            raise Disagreement(
                f"{name}: ours and the peer's differ by {gap:.3g}, more than {allowed:.3g}; "
                f"do both compute the same function from the same inputs?"
            )
    return f"{', '.join(theirs)} equal within {tolerance:g}"


def settle_garbage() -> None:
    """Leave what exists out of later collections: imported modules are not part of the race."""
    gc.collect()
    gc.freeze()


@dataclass
class Report:
    """All that a benchmark found, in the order in which it is to be read."""

    chapter: str
    command: str
    machine: dict[str, Any]
    peers: Sequence[Peer]
    rows: list[Row]
    skipped: list[dict[str, str]]

    def skip(self, case: Case, peer: Peer) -> None:
        """Name a case that could not be raced, and why."""
        why = f"peer absent: {peer.note}" if peer.note else "peer absent"
        self.skipped.append({"case": case.case, "peer": peer.peer, "why": why})

    def missed(self) -> list[Row]:
        """The rows that miss their target or their bar."""
        return [row for row in self.rows if row.missed]

    def as_json(self) -> str:
        """The result file: schema, machine, peers, rows, skipped."""
        document = {
            "schema": SCHEMA,
            "chapter": self.chapter,
            "command": self.command,
            "machine": self.machine,
            "peers": [asdict(peer) | {"present": peer.present} for peer in self.peers],
            "rows": [asdict(row) for row in self.rows],
            "skipped": self.skipped,
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the file in one step: a reader finds the old one or the new one, never a half."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(self.as_json(), encoding="utf-8")
        os.replace(unfinished, path)
