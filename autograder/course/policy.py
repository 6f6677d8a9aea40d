"""Which attempt counts, what lateness costs, and where grace days go: pure functions on data.

An attempt handed in ``late`` seconds after the due date, on which ``days`` grace days are spent,
keeps this share of its points:

    1                             late ≤ 24 h × days
    max(floor, 1 - penalty × n)   n units of lateness have begun beyond the grace days
    0                             late > accept_days, whatever grace days are left

An extension is a later due date. Grace days go where they make the total largest, as few as
will do, and on a tie to the lab that is due first. So a day may still move to a later lab while
the term runs, but no student has to guess where it is best spent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

HOUR, DAY = 3600.0, 86400.0
UNITS = {"hour": HOUR, "day": DAY}


@dataclass(frozen=True)
class Late:
    """The late policy. penalty: share of the points lost ``per`` "day" or "hour" begun."""

    grace_days: int = 0  # of each student, for the whole term
    penalty: float = 0.0
    per: str = "day"
    floor: float = 0.0
    accept_days: float = math.inf  # after the due date; an attempt later than that is not accepted

    def share(self, late: float, days: int = 0) -> float:
        """What is left of an attempt's points, between 0 and 1; ``late`` in seconds."""
        if late <= 0:
            return 1.0
        if late > self.accept_days * DAY:
            return 0.0
        begun = math.ceil((late - days * DAY) / UNITS[self.per])
        return max(self.floor, 1 - self.penalty * max(begun, 0))


@dataclass(frozen=True)
class Terms:
    """What the course says about one lab."""

    due: float = math.inf  # in seconds since 1970
    weight: float | None = None  # what full marks add to the total; None: the lab's points
    title: str = ""
    canvas_id: int = 0  # of its assignment; 0: it has none


@dataclass(frozen=True)
class Course:
    """What course.toml says. counts: "best" (after the penalty) or "latest" attempt."""

    labs: Mapping[str, Terms] = field(default_factory=dict)
    late: Late = Late()
    counts: str = "best"
    extensions: Mapping[tuple[str, str], float] = field(default_factory=dict)  # student, lab: hours

    def terms(self, lab: str) -> Terms:
        """What is said about ``lab``; of a lab that is not named, that it is never due."""
        return self.labs.get(lab, Terms())

    def due(self, student: str, lab: str) -> float:
        """When ``lab`` is due for ``student``, in seconds since 1970."""
        return self.terms(lab).due + HOUR * self.extensions.get((student, lab), 0.0)

    def worth(self, lab: str, mark: Mark) -> float:
        """What a mark adds to the total."""
        weight = self.terms(lab).weight
        return mark.score if weight is None else weight * mark.score / max(mark.points, 1)


@dataclass(frozen=True)
class Mark:
    """An attempt that earned ``raw`` of ``points``, and what counts of it, once that is settled.

    late: in seconds, negative when early; days: grace days spent on it; score: what is left.
    """

    source: str
    handed_in: float
    late: float
    raw: float
    points: float
    problem: str = ""
    days: int = 0
    score: float = 0.0


Plan = tuple[float, tuple[Mark, ...]]  # the total, and the marks that make it


def settle(attempts: Mapping[str, Sequence[Mark]], course: Course) -> dict[str, Mark]:
    """The mark of each lab of one student; ``attempts`` has one or more for each of these labs.

    Lab by lab, the best plan is kept for each number of days spent so far: labs × days² steps.
    """
    labs = sorted(attempts, key=lambda lab: (course.terms(lab).due, lab))
    plans: dict[int, Plan] = {0: (0.0, ())}
    for lab in labs:
        plans = _extended(plans, lab, attempts[lab], course)
    fewest = max(plans, key=lambda spent: (plans[spent][0], -spent))
    return dict(zip(labs, plans[fewest][1], strict=True))


def _extended(
    plans: dict[int, Plan], lab: str, attempts: Sequence[Mark], course: Course
) -> dict[int, Plan]:
    """The plans with one lab more. Totals are rounded, so that a tie is a tie in any order."""
    most, better = course.late.grace_days, dict[int, Plan]()
    marks = [_counting(attempts, course, days) for days in range(most + 1)]
    for spent, (total, others) in sorted(plans.items(), reverse=True):  # to spend on early labs
        for days in range(spent, most + 1):
            mark = marks[days - spent]
            worth = round(total + course.worth(lab, mark), 9)
            if worth > better.get(days, (-1.0,))[0]:
                better[days] = (worth, (*others, mark))
    return better


def _counting(attempts: Sequence[Mark], course: Course, days: int) -> Mark:
    """The attempt that counts when ``days`` are spent on it, of those that are accepted."""
    share, latest = course.late.share, course.counts == "latest"
    marks = [replace(a, days=days, score=a.raw * share(a.late, days)) for a in attempts]
    accepted = [mark for mark in marks if mark.late <= course.late.accept_days * DAY] or marks
    return max(accepted, key=lambda m: (m.handed_in if latest else m.score, -m.handed_in, m.source))
