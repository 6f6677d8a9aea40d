"""Who is in the course, and whose a submission is.

Grading knows ids only; names come in here, when marks are exported. What the platform wrote
decides before what the student typed, and what fits two students, or none, fits nobody:

1. In a name such as lovelaceada_LATE_1815_77_answer.zip, as Canvas makes them, the first number is
   the student's Canvas id.
2. Any other file or folder name, without the lab's or what Moodle adds, that is somebody's id,
   e-mail or name.
3. The name that the student typed for ``labs submit``, if it is one of those.

Capitals do not count, nor signs that file names lack. Where the platform keeps the students' own
file names and notes nothing else, rule 2 trusts the students.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from autograder.lab import LabError
from autograder.results import Graded
from autograder.work import slug

_CANVAS_FILE = re.compile(r"[^_]+_(?:LATE_)?(\d+)_\d+_")
_NO_NAME = re.compile(r"\.(zip|py)$|_\d+_assignsubmission_.*")  # Moodle adds the latter


@dataclass(frozen=True)
class Student:
    """One row of the roster. problem: why whoever handed something in is on no row."""

    id: str
    name: str = ""
    section: str = ""
    email: str = ""
    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    problem: str = ""


class Roster:
    """The students, and whose a graded submission is. Without students, everyone is known."""

    def __init__(self, students: Sequence[Student] = ()) -> None:
        self.students = students
        self._named: dict[str, set[Student]] = defaultdict(set)
        for one in students:
            self._named[f"canvas {one.canvas_id}"].add(one)
            for name in (one.id, one.name, one.email, one.sis_user_id, one.sis_login_id):
                self._named[_plain(name)].add(one)
        self._named.pop(_plain(""), None)

    def whose(self, graded: Graded) -> Student:
        """The student, or one with a ``problem`` who stands for whoever handed it in."""
        file, typed = Path(graded.source).name, graded.result.student
        if not self.students:
            return Student(typed)
        if made_by_canvas := _CANVAS_FILE.match(file):
            found = self._named.get(f"canvas {made_by_canvas[1]}", set())
        else:
            stem = _NO_NAME.sub("", file).removeprefix(f"{graded.result.lab}-")
            found = self._named.get(_plain(stem)) or self._named.get(_plain(typed), set())
        if len(found) == 1:
            return next(iter(found))
        which = " or ".join(sorted(student.id for student in found))
        return Student(file, typed, problem=f"may be {which}" if which else "not on the roster")


def read_roster(path: Path) -> Roster:
    """The roster in a CSV file with the column id, and any others of `Student`, in any order.

    The gradebook that Canvas exports will do: its ID is the id, and Canvas's too.
    """
    students: dict[str, Student] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = _columns(next(reader, []))
            for cells in reader:
                row = {name: cell.strip() for name, cell in zip(columns, cells) if name}
                if not any(row.values()) or "Points Possible" in row.get("name", ""):
                    continue  # Canvas has such a row
                student = Student(**{"id": row.get("canvas_id", ""), **row})
                if not student.id or _plain(student.id) in students:
                    wrong = "is there already; ids are unique" if student.id else "is missing"
                    raise ValueError(f"line {reader.line_num}: the id {student.id!r} {wrong}")
                students[_plain(student.id)] = student
    except (ValueError, csv.Error) as error:  # text that is not UTF-8 is a ValueError, too
        raise LabError(f"{path}: {error}") from None
    if not students:
        raise LabError(f"{path} names no student; below the names of columns, each has a line")
    return Roster([*students.values()])


def _columns(header: list[str]) -> list[str]:
    """The field of `Student` that each column holds; empty for a column that we do not know."""
    known = {one.name.replace("_", ""): one.name for one in fields(Student)[:-1]}
    names = [re.sub(r"[\W_]", "", cell.lower()) for cell in header]
    if "student" in names:  # as Canvas exports it
        known |= {"student": "name", "id": "canvas_id"}
    if "id" not in names:
        raise ValueError(f"no column is called id; commas part columns: {', '.join(known)}")
    return [known.get(name, "") for name in names]


def _plain(name: str) -> str:
    return slug(unicodedata.normalize("NFC", name)).casefold()  # a Mac takes accents apart
