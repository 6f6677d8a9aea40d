"""The report as a folder of pages that need no server.

    index.html    the course, lab by lab
    staff/        a page for each lab and each student, with all names and all that checks found
    students/     a page for each student, with what that student may read: to be handed out

Results come as a stream, one lab after the other, and none is held: of each, the row in its lab's
table is kept until the lab is done, and what the student reads is put aside on disk until all labs
are. The folder takes the place of the old one when it is whole.
"""

from __future__ import annotations

import hmac
import json
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from autograder.atomic import replacing
from autograder.course.policy import HOUR, Mark
from autograder.course.roster import Student
from autograder.course.tables import Book, write_table
from autograder.lab import Lab, LabError
from autograder.report import sections
from autograder.report.feedback import feedback, summary
from autograder.report.markup import Html, fill, page, row, table
from autograder.report.pairs import similar_page
from autograder.report.statistics import LabStatistics
from autograder.results import Graded
from autograder.similar import Pair
from autograder.work import slug

KEY = "report.key"  # beside the folder: what makes the names of pages impossible to guess
OURS = {"index.html", "staff", "students"}


@dataclass
class Site:
    """What is shown, and how; for one call of `write`. labs: by name, in the order of the course.

    book: says which attempts count, and whose they are; reveal: of hidden checks, on the pages of
    ``students/``; address: of the textbook, if it is online; similar: pairs of works by lab.
    """

    labs: Mapping[str, Lab]
    book: Book
    reveal: str = "title"
    address: str = ""
    similar: Mapping[str, Sequence[Pair]] = field(default_factory=dict)

    def write(self, graded: Iterable[Graded], folder: Path) -> None:
        """Write the report to ``folder``; the same bytes for the same results and `KEY`.

        graded: all attempts in `book`, those at one lab together.
        """
        if folder.exists() and {path.name for path in folder.iterdir()} - OURS:
            raise LabError(f"{folder} holds more than a report; move it away, or name another one")
        self._key = _key(folder.with_name(KEY))
        self._students = {student: place for place, student in enumerate(self.book.marks)}
        self._late = bool(self.book.course.labs)
        self._folder, old = (folder.with_name(f".{folder.name}.{age}") for age in ("new", "old"))
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._write(graded)
            shutil.rmtree(old, ignore_errors=True)
            if folder.exists():
                folder.rename(old)
            self._folder.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, graded: Iterable[Graded]) -> None:
        for name in ("staff", "students", "parts"):
            (self._folder / name).mkdir(parents=True)
        labs = dict[str, LabStatistics]()
        for lab, attempts in groupby(graded, key=lambda one: one.result.lab):
            if lab in labs:
                raise ValueError(f"all attempts at {lab} should come one after the other")
            labs[lab] = self._write_lab(lab, attempts)
        self._write_students()
        (self._folder / "parts").rmdir()
        labs = {name: labs[name] for name in sorted(labs, key=self._place)}
        body = sections.course(labs, len(self._students))
        self._put("index.html", page("Report", "Course", body, ""))

    def _put(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, encoding="utf-8", newline="\n")

    def _page_of(self, student: Student) -> str:
        who = json.dumps([student.id, student.problem]).encode()
        return f"student-{hmac.digest(self._key, who, 'sha256').hex()[:24]}.html"

    def _place(self, lab: str) -> str:
        """A text that sorts labs as the course does; labs that are gone come last."""
        known = list(self.labs)
        return f"{known.index(lab) if lab in known else len(known):04} {lab}"

    def _write_lab(self, name: str, attempts: Iterable[Graded]) -> LabStatistics:
        lab, rows = LabStatistics(), dict[int, Html]()
        tasks = {t.name: t.title for t in self.labs[name].tasks} if name in self.labs else {}
        for one in attempts:
            student = self.book.roster.whose(one)
            mark = self.book.marks.get(student, {}).get(name)  # None: graded since then
            if mark and mark.source == one.source:  # the attempt that counts
                lab.add(one.result)
                rows[self._students[student]] = self._put_aside(one, student, mark, tasks)
        pairs = self.similar.get(name, ())
        if pairs:
            text = similar_page(lab.title, pairs, "../")
            self._put(f"staff/similar-{slug(name)}.html", text)
        body = sections.lab(name, lab, tasks, len(pairs))
        ordered = [rows[place] for place in sorted(rows)]
        body.append(sections.students(ordered, tasks, self._late))
        self._put(f"staff/lab-{slug(name)}.html", page("Lab", lab.title, body, "../"))
        return lab

    def _put_aside(
        self, one: Graded, student: Student, mark: Mark, tasks: Mapping[str, str]
    ) -> Html:
        """Put aside what a student reads about one lab; return the student's row in its table."""
        result, name, late = one.result, self._page_of(student), [mark.score] * self._late
        hides = self.reveal != "full" and any(check.hidden for check in result.checks)
        remark = " · ".join(filter(None, [student.problem, result.note]))
        record = [
            self._place(result.lab),
            summary(result, _ident(result.lab), late),
            self._section(one, mark, tasks, "full"),
            self._section(one, mark, tasks, self.reveal) if hides else "",
            fill("staff", words=f"{one.source}{remark and ' · '}{remark}"),
        ]
        with (self._folder / "parts" / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        note = " · ".join(filter(None, [result.problem, remark]))
        return sections.student_row(result, named(student), name, tasks, late, note)

    def _section(self, one: Graded, mark: Mark, tasks: Mapping[str, str], reveal: str) -> Html:
        result, when = one.result, datetime.fromtimestamp(min(max(one.handed_in, 0), 2**32), UTC)
        trace = f"Handed in {when:%Y-%m-%d %H:%M} UTC"
        trace += f", {mark.late / HOUR:.1f} hours late" if mark.late > 0 else ""
        trace += f" · submission {result.submission[:19]}"
        trace += " · practice marks" if result.key == "practice" else ""
        body = [feedback(result, tasks, reveal, self.address), fill("note", words=trace)]
        return fill("section", ident=_ident(result.lab), heading=result.lab_title, body=body)

    def _write_students(self) -> None:
        """Both pages of each student, the table of all, and the list of whose each page is."""
        rows, whose = [], [("id", "name", "page")]
        for student, marks in self.book.marks.items():
            name, total = self._page_of(student), sum(mark.score for mark in marks.values())
            of = sum(mark.points for mark in marks.values())
            head = named(student)
            if marks:
                self._write_student(student, name)
                head = fill("name", href=name, name=head)
                whose.append((student.id, student.name, name))
            rows.append(row(head, len(marks), total, of))
        write_table(whose, self._folder / "staff" / "pages.csv")
        found = table("students", "All students", ["Student", "Labs", "Points", "Of"], rows)
        self._put("staff/students.html", page("Course", "Students", [found], "../"))

    def _write_student(self, student: Student, name: str) -> None:
        parts = self._folder / "parts" / name
        records = sorted(map(json.loads, parts.read_text(encoding="utf-8").splitlines()))
        parts.unlink()
        _, rows, full, limited, staff = zip(*records, strict=True)
        columns = ["Lab", "Public checks", "Hidden checks", "All points", "After the late policy"]
        labs = table("labs", "Labs", columns[: 4 + self._late], map(Html, rows))
        told = [Html(b or a) for a, b in zip(full, limited, strict=True)]
        self._put(f"students/{name}", page("Feedback", named(student), [labs, *told]))
        told = [Html(a + b) for a, b in zip(full, staff, strict=True)]
        self._put(f"staff/{name}", page("Feedback", named(student), [labs, *told], "../"))


def _key(path: Path) -> bytes:
    if not path.exists():
        with replacing(path) as scratch:
            scratch.touch(0o600)
            scratch.write_text(secrets.token_hex(16))
    return path.read_bytes()


def _ident(lab: str) -> str:
    return f"lab-{slug(lab)}"


def named(student: Student) -> str:
    """What a student is called on a page."""
    return f"{student.name} ({student.id})" if student.name else student.id
