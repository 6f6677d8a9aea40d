"""The gradebook: one row a student, one row a check, or as Canvas imports it.

Results are streamed twice and never held: what a term's book keeps of an attempt is its `Mark`.
Every text in a cell is one visible line that no spreadsheet takes for a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from autograder.atomic import replacing
from autograder.course.policy import HOUR, Course, Mark, settle
from autograder.course.roster import Roster, Student
from autograder.gradebook import mark, text_cell
from autograder.lab import LabError
from autograder.results import Graded

Row = Sequence[str | float | None]
BROKEN = "a check failed for a fault of its own; grade again"
LONG = "student name section lab attempt counts late_hours task check points score reason"
TRACE = "submission lab_version tier key"


class Book:
    """The marks of a course: what the attempts in ``graded`` are worth under its rules.

    doubts: what should be settled before anybody is given a mark.
    """

    def __init__(
        self, graded: Iterable[Graded], course: Course | None = None, roster: Roster | None = None
    ) -> None:
        course, roster = course or Course(), roster or Roster()
        self.course, self.roster, self.doubts = course, roster, list[str]()
        attempts: dict[Student, dict[str, list[Mark]]] = {one: {} for one in roster.students}
        for each in graded:
            student = roster.whose(each)
            labs = attempts.setdefault(student, {})
            labs.setdefault(each.result.lab, []).append(self._attempt(each, student))
            if doubt := student.problem or (each.result.broken and BROKEN):
                self.doubts.append(f"{each.source}: {doubt}")
        order = sorted(attempts, key=lambda one: (one.problem, one.id.casefold(), one.id))
        self.marks = {one: settle(attempts[one], course) for one in order}
        points = [(lab, each.points) for row in self.marks.values() for lab, each in row.items()]
        self.labs = dict(sorted(points, key=lambda each: (course.terms(each[0]).due, each)))
        unnamed = [lab for lab in self.labs if course.labs and lab not in course.labs]
        self.doubts += [f"{lab} is not in course.toml, and so never late" for lab in unnamed]
        unknown = {who for who, _ in course.extensions} - {one.id for one in order}
        self.doubts += [f"{who} has an extension, and is no student" for who in sorted(unknown)]

    def _attempt(self, each: Graded, student: Student) -> Mark:
        result = each.result
        late = each.handed_in - self.course.due(student.id, result.lab)
        problem = BROKEN if result.broken else result.problem or ""
        return Mark(each.source, each.handed_in, late, result.score, result.points, problem)

    def wide(self) -> Iterator[Row]:
        """One row a student, who is on the roster or has handed something in."""
        yield ["student", "name", "section", *self.labs, "total", "of", "late", "problem"]
        weights = [(self.course.terms(lab).weight, most) for lab, most in self.labs.items()]
        of = sum(points if weight is None else weight for weight, points in weights)
        for one, marks in self.marks.items():
            scores = [marks[lab].score if lab in marks else None for lab in self.labs]
            total = sum(self.course.worth(lab, each) for lab, each in marks.items())
            late = [f"{lab} {_late(each)}" for lab, each in marks.items() if each.late > 0]
            wrong = [f"{lab}: {each.problem}" for lab, each in marks.items() if each.problem]
            wrong += [f"{lab}: nothing handed in" for lab in self.labs if lab not in marks]
            problem = "; ".join([one.problem, *wrong] if one.problem else wrong)
            yield [one.id, one.name, one.section, *scores, total, of, "; ".join(late), problem]

    def long(self, graded: Iterable[Graded]) -> Iterator[Row]:
        """One row for each check of each attempt; ``graded`` as before."""
        yield f"{LONG} {TRACE}".split()
        for each in graded:
            one, result = self.roster.whose(each), each.result
            counts = "yes" if self.marks[one][result.lab].source == each.source else "no"
            late = max(self._attempt(each, one).late, 0.0) / HOUR
            about: Row = [one.id, one.name, one.section, result.lab, each.source, counts, late]
            trace = [result.submission, result.lab_version, result.tier, result.key]
            for check in result.checks:
                points, reason = (check.points, check.score), check.reason or ""
                yield [*about, check.task, check.name, *points, reason, *trace]

    def canvas(self) -> Iterator[Row]:
        """What Canvas imports: the labs that have a canvas_id, the students on the roster."""
        terms = {lab: terms for lab in self.labs if (terms := self.course.terms(lab)).canvas_id}
        if not terms or not self.roster.students:
            raise LabError("for Canvas, give a roster, and each lab's canvas_id in course.toml")
        titles = [f"{each.title or lab} ({each.canvas_id})" for lab, each in terms.items()]
        yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]
        yield ["    Points Possible", "", "", "", "", *(self.labs[lab] for lab in terms)]
        for one in self.roster.students:
            name = one.name.replace("Points Possible", "")  # or the row would set the points
            scores = [m.score if (m := self.marks[one].get(lab)) else None for lab in terms]
            yield [name, one.canvas_id, one.sis_user_id, one.sis_login_id, one.section, *scores]


def _late(each: Mark) -> str:
    days = f", grace days: {each.days}" if each.days else ""
    return f"{each.late / HOUR:.1f} h{days}"


def write_table(rows: Iterable[Row], path: Path) -> None:
    """Write a table as CSV in UTF-8, whole or not at all."""
    with replacing(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in rows:
            writer.writerow(text_cell(c) if isinstance(c, str) else mark(c) for c in row)
