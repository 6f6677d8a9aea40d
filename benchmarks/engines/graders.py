"""Graders for the assignments: ours as a course runs it, and a plain Python process without any.

What is timed begins with an archive on disk and ends with the marks.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np
from machine import MALLOC, version_of
from race import Entry, Results

from autograder.grade import Grader, grade_submission
from autograder.lab import Lab, load_lab
from autograder.results import LabResult
from autograder.sandbox import Sandbox
from autograder.submission import read_submission, write_archive
from engines.assignments import ADD, Assignment, Class, function_of

KEY = b"a course key"
MOST_SECONDS = 300.0  # for one process; what takes longer is ended


def environment(**more: str) -> dict[str, str]:
    """For the processes of all graders: as they are without the race's settings of malloc."""
    return {name: value for name, value in os.environ.items() if name not in MALLOC} | more


def marks(found: Mapping[str, float]) -> Results:
    """Every student's share of the points, as the race compares it."""
    return {"marks": np.array([found[student] for student in sorted(found)])}


class Ours:
    """`autograder`: a sandbox for one submission, a sandbox for a class, and the command."""

    def cold(self, p: Class) -> Entry:
        """`labs check`, or the first of a class: the sandbox is built, used and taken down."""
        return self._one_by_one(p, ExitStack(), _graded_alone)

    def warm(self, p: Class) -> Entry:
        """One of a class, while the sandbox stands."""
        stack = ExitStack()
        graders: dict[Path, Grader] = {}

        def grade(lab: Lab, path: Path) -> LabResult:
            if lab.folder not in graders:
                sandbox = stack.enter_context(Sandbox(lab))
                graders[lab.folder] = Grader(lab, sandbox, KEY)
            return graders[lab.folder].grade(read_submission(path, lab))

        return self._one_by_one(p, stack, grade)

    def _one_by_one(
        self, p: Class, stack: ExitStack, grade: Callable[[Lab, Path], LabResult]
    ) -> Entry:
        root = Path(stack.enter_context(TemporaryDirectory(prefix="course-")))
        lab, archives = write_course(p.assignment, root), hand_in(p, root)

        def share(student: str) -> float:
            result = grade(lab, archives[student])
            return result.score / result.points

        def results() -> Results:
            return marks({student: share(student) for student in p.students})

        return Entry(lambda: share(p.students[0]), results, stack.close)

    def command(self, p: Class) -> Entry:
        """`autograder grade` on a folder of archives, as a process that knows none of them."""
        return self._by_command(p, lambda root: Path(mkdtemp(dir=root)))

    def again(self, p: Class) -> Entry:
        """The same command a second time: everything is handed in unchanged."""
        return self._by_command(p, lambda root: root / "out")

    def _by_command(self, p: Class, out_below: Callable[[Path], Path]) -> Entry:
        folder = TemporaryDirectory(prefix="course-")
        root = Path(folder.name)
        lab, archives = write_course(p.assignment, root), hand_in(p, root)
        program = str(Path(sys.executable).with_name("autograder"))
        handed_in = str(archives[p.students[0]].parent)

        def grade() -> Path:
            out = out_below(root)
            command = [program, "grade", handed_in, "--lab", lab.name, "--out", str(out)]
            _run(command, root, AUTOGRADER_KEY=KEY.decode())
            return out

        def results() -> Results:
            found = [json.loads(file.read_text()) for file in grade().glob("results/*.json")]
            read = map(LabResult.from_gradescope, found)
            return marks({result.student: result.score / result.points for result in read})

        return Entry(grade, results, folder.cleanup)

    def tier(self) -> str:
        """How high the walls are that this machine gives: T3 is all of them, T0 none."""
        with TemporaryDirectory() as root, Sandbox(write_course(ADD, Path(root))) as sandbox:
            return sandbox.tier


class Anew:
    """Ours once more, where the other side already knows what was handed in."""

    def __init__(self) -> None:
        self.version = version_of("mlsys")

    def again(self, p: Class) -> Entry:
        """Everything is graded."""
        return Ours().command(p)


def _graded_alone(lab: Lab, path: Path) -> LabResult:
    return grade_submission(lab, read_submission(path, lab), KEY)


def write_course(assignment: Assignment, root: Path) -> Lab:
    """A course of one chapter and one lab, the assignment."""
    lab = root / "labs" / assignment.name
    for folder in (lab, root / "book", root / "mlsys"):
        folder.mkdir(parents=True)
    chapters = f'[[chapters]]\npart = "part"\nchapter = "{assignment.name}"\n'
    (root / "book" / "chapters.toml").write_text(chapters)
    (root / "mlsys" / "__init__.py").touch()
    (lab / "lab.toml").write_text(_description(assignment))
    (lab / "checks.py").write_text(_checks(assignment))
    return load_lab(lab)


def hand_in(p: Class, root: Path) -> dict[str, Path]:
    """Everybody's archive, in a folder that holds nothing else."""
    lab = load_lab(root / "labs" / p.assignment.name)
    found = {}
    for student in p.students:
        found[student] = root / "submissions" / f"{lab.name}-{student}.zip"
        found[student].parent.mkdir(exist_ok=True)
        files = {lab.file: p.answer(student).encode()}
        found[student].write_bytes(write_archive(lab, files, student))
    return found


def _description(assignment: Assignment) -> str:
    limits = "".join(f"{name} = {value}\n" for name, value in assignment.limits.items())
    return (
        f'title = "{assignment.name}"\nchapter = "part/{assignment.name}"\n'
        f'file = "{assignment.function}.py"\nimports = {json.dumps(assignment.imports)}\n'
        f'[limits]\n{limits}[[tasks]]\nname = "answer"\ntitle = "Answer"\n'
    )


def _checks(assignment: Assignment) -> str:
    parts = ["from functools import partial\n\nfrom autograder import check\n"]
    for number, text in enumerate(assignment.checks):
        bound = f'{assignment.function} = partial(student.call, "{assignment.function}")\n'
        above = f'@check(task="answer", points={assignment.points}, title="check {number}")\n'
        parts.append(above + function_of(bound + text, f"def check_{number}(student, rng):"))
    return "\n\n".join(parts)


class PlainPython:
    """`python file.py` for each answer, the checks at its end: no walls, no limits, no report.

    What remains is the price of an interpreter and its imports, which no grader made of fresh
    processes can be below.
    """

    def __init__(self) -> None:
        self.version = platform.python_version()

    def cold(self, p: Class) -> Entry:
        """A process for a submission."""
        folder = TemporaryDirectory(prefix="plain-")
        files = {student: Path(folder.name, f"{student}.py") for student in p.students}
        for student, file in files.items():
            file.write_text(p.answer(student) + _judged(p.assignment))

        def share(student: str) -> float:
            return float(_run([sys.executable, str(files[student])], Path(folder.name)))

        def results() -> Results:
            return marks({student: share(student) for student in p.students})

        return Entry(lambda: share(p.students[0]), results, folder.cleanup)

    warm = cold

    def command(self, p: Class) -> Entry:
        """A process for each of the class."""
        one = self.cold(p)
        return Entry(one.results, one.results, one.close)


def _judged(assignment: Assignment) -> str:
    """Lines that run each check and print the share of those that hold."""
    lines = ["\n\nimport random\n\nrng, right = random.Random(20), 0"]
    for text in assignment.checks:
        lines += [function_of(text, "try:"), "    right += 1\nexcept AssertionError:\n    pass"]
    return "\n".join([*lines, f"print(right / {len(assignment.checks)})\n"])


def _run(command: list[str], folder: Path, **more: str) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr}")
    return ended.stdout
