"""What the marks of a class say: how they spread, which checks were missed, and which failures are
the same. Results are added one at a time and not kept.

Difficulty of a check is the mean share of its points that was earned (1: everyone has it).
Discrimination is the correlation between a check's marks and the rest of the marks of the same
students: near 0, strong and weak students miss it alike; below 0, look at the check, not at the
students (Ebel & Frisbie, *Essentials of Educational Measurement*, 1991). Its sums are kept as in
Welford, *Technometrics* 4 (1962), which loses no digits.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from dataclasses import dataclass, field

from autograder.results import CheckResult, LabResult

# Below this many submissions a correlation says more about chance than about the check.
SMALLEST_CLASS = 10
BINS = 10
MOST_FAILURES = 500  # different ones of a lab that are remembered; beyond, the rarest half goes

_NUMBER = re.compile(
    r"[-+]?(?:0x[0-9a-f]+|\b(?:\d[\d_]*(?:\.\d*)?(?:e[-+]?\d+)?|inf|nan)j?\b\.?)", re.IGNORECASE
)
_ARRAY = re.compile(r"(?:\barray)?[\[({][\s#,.…]*[\])}]")


@dataclass
class Item:
    """One check over the class: counted on submissions that ran and on verdicts that came about."""

    check: CheckResult  # any one of them: for its name, title, task and points
    tried: int = 0
    missed: int = 0  # less than full points
    reasons: Counter[str] = field(default_factory=Counter)
    difficulty: float = 0.0  # mean share of the points, in [0, 1]
    _rest: float = 0.0  # mean of the other marks
    _squares: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of shares, of the rest, of both

    def add(self, check: CheckResult, rest: float) -> None:
        """Count one verdict; ``rest`` is what the same student earned in all other checks."""
        share = check.score / check.points if check.points else 1.0
        self.tried += 1
        if share < 1:
            self.missed += 1
            self.reasons["partly" if check.score > 0 else check.reason or "wrong"] += 1
        dx, dy = share - self.difficulty, rest - self._rest
        self.difficulty += dx / self.tried
        self._rest += dy / self.tried
        (xx, yy, xy), y = self._squares, rest - self._rest
        self._squares = (xx + dx * (share - self.difficulty), yy + dy * y, xy + dx * y)

    @property
    def discrimination(self) -> float | None:
        """In [-1, 1]; None when the class is small or all marks are equal."""
        xx, yy, xy = self._squares
        if self.tried < SMALLEST_CLASS or min(xx, yy) < 1e-9:
            return None
        return xy / math.sqrt(xx * yy)


@dataclass
class LabStatistics:
    """One lab over the class; ``about``: what versions, tiers and keys it was graded with."""

    title: str = ""
    points: int = 0
    scores: list[float] = field(default_factory=list)
    full_marks: int = 0
    problems: int = 0  # submissions that could not be run
    counts: list[int] = field(default_factory=lambda: [0] * BINS)  # by tenths of the points
    items: dict[str, Item] = field(default_factory=dict)
    about: set[tuple[str, str, str]] = field(default_factory=set)
    _failures: dict[tuple[str, str], tuple[int, CheckResult]] = field(default_factory=dict)

    def add(self, result: LabResult) -> None:
        """Count one result; checks are counted only of what could be run."""
        self.title, score, points = result.lab_title, result.score, result.points
        self.points = max(self.points, points)
        self.scores.append(score)
        self.full_marks += score >= points > 0
        self.counts[min(int(score * BINS / points) if points else 0, BINS - 1)] += 1
        self.about.add((result.lab_version, result.tier, result.key))
        self.problems += result.problem is not None
        for check in result.checks if result.problem is None else ():
            item = self.items.setdefault(check.name, Item(check))
            if check.reason != "internal":  # a fault of ours says nothing about the check
                item.add(check, score - check.score)
            if check.message:
                self._fail(check)

    def _fail(self, check: CheckResult) -> None:
        """Count it with those like it; the shortest is the example, whatever the order."""
        key = check.name, folded(check.message)
        count, example = self._failures.get(key, (0, check))
        example = min(example, check, key=lambda c: (len(c.message), c.message, c.score))
        self._failures[key] = count + 1, example
        if len(self._failures) > MOST_FAILURES:
            self._failures = dict(self._ranked()[: MOST_FAILURES // 2])

    def _ranked(self) -> list[tuple[tuple[str, str], tuple[int, CheckResult]]]:
        return sorted(self._failures.items(), key=lambda pair: (-pair[1][0], pair[0]))

    @property
    def median(self) -> float:
        """Of the points; 0 for an empty class."""
        return statistics.median(self.scores) if self.scores else 0.0

    @property
    def mean(self) -> float:
        """Of the points; 0 for an empty class."""
        return statistics.fmean(self.scores) if self.scores else 0.0

    def most_missed(self) -> list[Item]:
        """Every check, the one missed by the largest share first."""
        share = {name: -item.missed / max(item.tried, 1) for name, item in self.items.items()}
        return [self.items[name] for name in sorted(share, key=lambda name: (share[name], name))]

    def most_frequent(self, most: int) -> list[tuple[int, CheckResult]]:
        """How often a failure came, and an example; of those that came twice or more."""
        return [failure for _, failure in self._ranked() if failure[0] > 1][:most]


def folded(message: str) -> str:
    """``message`` without its numbers, so that the same failure on other cases reads the same.

    >>> folded("expected 3 for [1.5, -2], got 4") == folded("expected -8e3 for [2], got nan")
    True
    """
    text = " ".join(_NUMBER.sub("#", message).split())
    for _ in range(4):  # arrays in arrays
        text = _ARRAY.sub("#", text)
    return text
