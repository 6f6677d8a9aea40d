"""What the marks of a class say: how they spread, and which checks were missed, by whom and why.

Difficulty of a check is the mean share of its points that was earned (1: everyone has it).
Discrimination is the correlation between a check's marks and the rest of the marks of the same
students: near 0, strong and weak students miss it alike; below 0, look at the check, not at the
students (Ebel & Frisbie, *Essentials of Educational Measurement*, 1991).
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.results import CheckResult, LabResult

# Below this many submissions a correlation says more about chance than about the check.
SMALLEST_CLASS = 10
BINS = 10


@dataclass(frozen=True)
class Summary:
    """The class in five numbers; ``median`` and ``mean`` are points, 0 for an empty class."""

    submissions: int
    points: float
    median: float
    mean: float
    full_marks: int
    problems: int


@dataclass(frozen=True)
class Item:
    """One check over the class: counted on submissions that ran and on verdicts that came about."""

    check: CheckResult  # any one of them: for its name, title, task and points
    tried: int
    missed: int  # less than full points
    difficulty: float | None  # mean share of the points, in [0, 1]; None when nobody tried
    discrimination: float | None  # in [-1, 1]; None when the class is small or all marks are equal
    reasons: tuple[tuple[str, int], ...]  # the most frequent first


def summarise(results: Sequence[LabResult]) -> Summary:
    """Count and average ``results``, submissions that could not be run included (they have 0)."""
    scores = [result.score for result in results]
    return Summary(
        submissions=len(results),
        points=max((result.points for result in results), default=0),
        median=statistics.median(scores) if scores else 0.0,
        mean=statistics.fmean(scores) if scores else 0.0,
        full_marks=sum(result.score >= result.points > 0 for result in results),
        problems=sum(result.problem is not None for result in results),
    )


def histogram(results: Sequence[LabResult]) -> list[int]:
    """Count submissions by tenths of the points: [0, 10) %, [10, 20) %, ..., [90, 100] %."""
    counts = [0] * BINS
    for result in results:
        tenth = int(result.score * BINS / result.points) if result.points else 0
        counts[min(tenth, BINS - 1)] += 1
    return counts


def most_missed(results: Sequence[LabResult]) -> list[Item]:
    """Every check as an :class:`Item`, the one missed by the largest share first."""
    ran = [result for result in results if result.problem is None]
    names = dict.fromkeys(check.name for result in ran for check in result.checks)
    items = [_item(name, ran) for name in names]
    return sorted(items, key=lambda item: (-item.missed / max(item.tried, 1), item.check.name))


def _item(name: str, ran: Sequence[LabResult]) -> Item:
    mine = [(check, result) for result in ran for check in result.checks if check.name == name]
    # A verdict that the grader itself failed to reach says nothing about the check.
    counted = [(check, result) for check, result in mine if check.reason != "internal"]
    missed = [check for check, _ in counted if check.score < check.points]
    shares = [check.score / check.points if check.points else 1.0 for check, _ in counted]
    rests = [result.score - check.score for check, result in counted]
    reasons = Counter("partly" if check.score > 0 else check.reason or "wrong" for check in missed)
    return Item(
        check=mine[0][0],
        tried=len(counted),
        missed=len(missed),
        difficulty=statistics.fmean(shares) if shares else None,
        discrimination=_correlation(shares, rests),
        reasons=tuple(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _correlation(shares: list[float], rests: list[float]) -> float | None:
    if len(shares) < SMALLEST_CLASS or len(set(shares)) == 1 or len(set(rests)) == 1:
        return None
    return statistics.correlation(shares, rests)
