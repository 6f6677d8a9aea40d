"""Runs inside a peer's own environment and grades with the peer's own Python interface.

    ENVIRONMENT/bin/python notebook_worker.py otter|nbgrader FOLDER

Each line of stdin is a request, each line of stdout its reply, both JSON: ``prepare`` lays a class
out in FOLDER, ``grade`` names students and returns each one's share of the points. The peer is
imported once, however many are graded, and this is the quickest that it can be used.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from textwrap import indent
from typing import Any

SEEDED = "import random\n\nrng = random.Random(20)\n"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Otter:
    """otter-grader, without a container: `otter.api.grade_submission`."""

    package = "otter-grader"

    def __init__(self, folder: Path) -> None:
        from otter.api import grade_submission

        self.grade_submission = grade_submission
        self.folder = folder

    def prepare(self, function: str, checks: list[str], answers: dict[str, str]) -> None:
        """An autograder.zip with two test files, and a notebook of one cell for each student."""
        with zipfile.ZipFile(self.folder / "autograder.zip", "w") as archive:
            archive.writestr("otter_config.json", "{}")
            for number, text in enumerate(checks):
                archive.writestr(f"tests/q{number}.py", self._test(f"q{number}", function, text))
        for student, text in answers.items():
            _write(self.folder / f"{student}.ipynb", [_cell("answer", text, {})])

    def _test(self, name: str, function: str, text: str) -> str:
        head = "from otter.test_files import test_case\n\nOK_FORMAT = False\n"
        body = indent(SEEDED + text, "    ")
        return f'{head}name = "{name}"\npoints = 1\n\n\n@test_case()\ndef test({function}):\n{body}'

    def grade(self, students: list[str]) -> dict[str, float]:
        """One after the other, as there is no other way without a container."""
        found = {}
        for student in students:
            submission, archive = self.folder / f"{student}.ipynb", self.folder / "autograder.zip"
            result = self.grade_submission(str(submission), str(archive), quiet=True)
            found[student] = result.total / result.possible
        return found


class NbGrader:
    """nbgrader: `NbGraderAPI.autograde`, of one student or of all at once."""

    package = "nbgrader"

    def __init__(self, folder: Path) -> None:
        from nbgrader.api import Gradebook
        from nbgrader.apps import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory

        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.folder, self.gradebook = folder, Gradebook
        self.course = CourseDirectory(root=str(folder))
        self.api = NbGraderAPI(self.course)

    def prepare(self, function: str, checks: list[str], answers: dict[str, str]) -> None:
        """The assignment, and below ``submitted`` a notebook with an answer for each student."""
        tests = [_cell(f"q{n}", SEEDED + text, _graded(f"q{n}")) for n, text in enumerate(checks)]
        solution = "### BEGIN SOLUTION\nanswer = 0\n### END SOLUTION\n"
        places = {self.folder / "source" / "assignment" / "assignment.ipynb": solution}
        for student, text in answers.items():
            places[self._submitted / student / "assignment" / "assignment.ipynb"] = text
        for place, text in places.items():
            place.parent.mkdir(parents=True)
            _write(place, [_cell("answer", text, _solution("answer")), *tests])
        self._checked(self.api.generate_assignment("assignment"))

    @property
    def _submitted(self) -> Path:
        return self.folder / "submitted"

    def grade(self, students: list[str]) -> dict[str, float]:
        """The whole class is asked for in one request, which is quicker than one by one."""
        whole = set(students) == {path.name for path in self._submitted.iterdir()}
        for student in ["*"] if whole else students:
            self._checked(self.api.autograde("assignment", student))
        with self.gradebook(self.course.db_url) as book:
            graded = [book.find_submission("assignment", student) for student in students]
            return {one.student.id: one.score / one.max_score for one in graded}

    def _checked(self, ended: dict[str, Any]) -> None:
        if not ended["success"]:
            raise RuntimeError(ended.get("error") or ended.get("log"))


def _cell(name: str, text: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": name, "metadata": metadata, "source": text,
        "outputs": [], "execution_count": None,
    }  # fmt: skip


def _solution(name: str) -> dict[str, Any]:
    return {"nbgrader": _NBGRADER | {"grade_id": name, "solution": True}}


def _graded(name: str) -> dict[str, Any]:
    return {"nbgrader": _NBGRADER | {"grade_id": name, "grade": True, "locked": True, "points": 1}}


_NBGRADER = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}


def _write(path: Path, cells: list[dict[str, Any]]) -> None:
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": KERNEL}}
    path.write_text(json.dumps(notebook | {"cells": cells}), encoding="utf-8")


def main(peer: str, folder: str) -> None:
    """Say the peer's version, then answer requests until there are no more."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints is not a reply
    grader = {"otter": Otter, "nbgrader": NbGrader}[peer](Path(folder))
    deeds: dict[str, Callable[..., Any]] = {"prepare": grader.prepare, "grade": grader.grade}

    def reply(value: object) -> None:
        print(json.dumps(value), file=replies, flush=True)

    reply(version(grader.package))
    for line in sys.stdin:
        request = json.loads(line)
        reply(deeds[request.pop("do")](**request))


if __name__ == "__main__":
    main(*sys.argv[1:])
