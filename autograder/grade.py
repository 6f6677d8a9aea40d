"""Grade one submission: vet its file, load it once, then run each check in a child of its own.

    with Sandbox(lab) as sandbox:
        result = Grader(lab, sandbox, key).grade(submission)

Marks depend on nothing but lab, submission and key: every check's random numbers are seeded from
those, and no check sees what another one did.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.checks import Check, Score, Wrong, load_checks
from autograder.lab import Lab, LabError
from autograder.results import CheckResult, LabResult
from autograder.sandbox import Sandbox, SandboxError
from autograder.source import Rejected, closed_modules, vet
from autograder.starter import starter_files
from autograder.student import Student, StudentError
from autograder.submission import Submission

if TYPE_CHECKING:
    import numpy as np

PRACTICE = b"practice"
MOST_AT_A_TIME = 4  # checks of one submission
HINTED = ("wrong", "error", "timeout")  # a hint is about the algorithm, these may be its fault
SHOWN_TEXT = 2000  # characters that a result keeps of a message and of what was printed
UNSAFE = (
    "on this machine submissions run with your rights (tier T0), so no mark from here is official; "
    "autograder doctor says what helps, --allow-unsafe grades all the same"
)


def require_walls(tier: str, key: bytes, allow_unsafe: bool) -> None:
    """Raise `LabError` where marks with a course's key would be made without any walls."""
    if tier == "T0" and key != PRACTICE and not allow_unsafe:
        raise LabError(UNSAFE)


@contextlib.contextmanager
def practice_grader(lab: Lab, key: bytes = PRACTICE) -> Iterator[Grader]:
    """A grader for one person's work: several checks of one submission at a time.

    Practice marks come soon: a function that was too slow for two checks is not run for others.
    """
    with Sandbox(lab) as sandbox:
        workers = min(os.cpu_count() or 1, MOST_AT_A_TIME)
        yield Grader(lab, sandbox, key, workers, impatient=key == PRACTICE)


def grade_submission(lab: Lab, submission: Submission, key: bytes = PRACTICE) -> LabResult:
    """Grade one submission in a sandbox of its own."""
    with practice_grader(lab, key) as grader:
        return grader.grade(submission)


def grade_files(lab: Lab, files: dict[str, bytes], key: bytes = PRACTICE) -> LabResult:
    """Grade files that nobody handed in."""
    return grade_submission(lab, Submission("anonymous", files), key)


def grade_source(lab: Lab, source: str, key: bytes = PRACTICE) -> LabResult:
    """Grade ``source`` as the student's file; extra files are those the lab gives out."""
    return grade_files(lab, {**starter_files(lab), lab.file: source.encode()}, key)


class Grader:
    """Grades submissions of one lab, one after the other or from several threads.

    workers: how many checks of one submission run at a time; the marks do not depend on it,
    unless the grader is impatient and answers time out.
    """

    def __init__(
        self, lab: Lab, sandbox: Sandbox, key: bytes, workers: int = 1, impatient: bool = False
    ) -> None:
        self.lab, self.sandbox, self.key, self.workers = lab, sandbox, key, workers
        self.impatient = impatient
        self.checks = load_checks(lab)
        self._closed = closed_modules(lab)

    def keep_only(self, task: str) -> None:
        """From now on, run the checks of one task alone."""
        names = [one.name for one in self.lab.tasks]
        if task not in names:
            raise LabError(f"{self.lab.name} has no task {task!r}; it has {', '.join(names)}")
        kept = [each for each in self.checks if each.task == task]
        inside = {each.name for each in kept}
        self.checks = [each if each.needs in inside else replace(each, needs="") for each in kept]

    def grade(self, submission: Submission) -> LabResult:
        """Every check's verdict; never raises for anything a student did."""
        began = time.perf_counter()
        try:
            result = self._run_checks(submission)
        except Rejected as rejected:
            result = self.not_gradable(submission, rejected.reason, str(rejected))
        except SandboxError as error:
            result = self.not_gradable(submission, "internal", str(error))
        return replace(result, seconds=time.perf_counter() - began)

    def not_gradable(self, submission: Submission, reason: str, problem: str) -> LabResult:
        """The result of a submission that no check can run on: no points, and why."""
        checks = tuple(_verdict(each, reason, problem) for each in self.checks)
        return replace(self._result(submission, checks), problem=_cut(problem))

    def _result(self, submission: Submission, checks: tuple[CheckResult, ...]) -> LabResult:
        return LabResult(
            student=submission.student,
            lab=self.lab.name,
            lab_title=self.lab.title,
            lab_version=self.lab.version,
            submission=submission.hash,
            tier=self.sandbox.tier,
            key="practice" if self.key == PRACTICE else "course",
            checks=checks,
            note=submission.note(self.lab),
        )

    def _run_checks(self, submission: Submission) -> LabResult:
        submission.complain(self.lab)
        vet(self.lab, submission.files[self.lab.file], self._closed)
        stuck = Counter[str]() if self.impatient else None
        students = [Student(submission.files, self.sandbox, stuck) for _ in self.checks]
        try:
            for student in students[:2]:
                student.begin()
            _load(students[0], self.lab.file)
            checks = self._verdicts(submission, students)
        finally:
            for student in students:
                student.close()
        return replace(self._result(submission, checks), printed=_cut(students[0].printed()[0]))

    def _verdicts(self, submission: Submission, students: list[Student]) -> tuple[CheckResult, ...]:
        names = [each.name for each in self.checks]
        verdicts: list[Future[CheckResult]] = []
        with ThreadPoolExecutor(self.workers) as pool:
            for place, each in enumerate(self.checks):
                # What it needs is earlier in the queue, and so never waits for it.
                needed = verdicts[names.index(each.needs)] if each.needs else None
                pair = students[place : place + 2]
                verdicts.append(pool.submit(self._judge, submission, each, pair, needed))
            # Before the threads end: a spawned child ends with the thread that started it.
            return tuple(verdict.result() for verdict in verdicts)

    def _judge(
        self,
        submission: Submission,
        each: Check,
        pair: list[Student],
        needed: Future[CheckResult] | None,
    ) -> CheckResult:
        """The verdict of a check; the child of the next one is started meanwhile."""
        student, *following = pair
        if following:
            following[0].begin()
        if needed and not (other := needed.result()).passed:
            return _verdict(each, "skipped", f"not run: it needs {other.title!r}")
        began = time.perf_counter()
        rng = seeded(self.key, self.lab.version, submission.hash, each.name)
        try:
            verdict = run_check(each, student, rng)
        finally:
            student.close()
        printed = _cut(student.printed()[1])
        return replace(verdict, printed=printed, seconds=time.perf_counter() - began)


def _load(student: Student, file: str) -> None:
    """A file that cannot even be loaded is told so once, not once a check."""
    try:
        student.load()
    except StudentError as error:
        student.close()  # then it is all there that was printed
        printed = student.printed()[0].strip()
        told = f"\nYour file printed:\n{printed[:500]}" if printed else ""
        raise Rejected(error.reason, f"while {file} was loaded, {error}{told}") from None


def seeded(key: bytes, *parts: str) -> np.random.Generator:
    """The random numbers of one check: the same for the same submission, for nobody else."""
    import numpy as np

    digest = hmac.digest(key, "\0".join(parts).encode(), hashlib.sha256)
    return np.random.default_rng(int.from_bytes(digest, "big"))


def run_check(each: Check, student: Student, rng: np.random.Generator) -> CheckResult:
    """Call a check and turn whatever happens into a verdict."""
    import numpy as np

    try:
        with np.printoptions(linewidth=70, threshold=60):  # arrays in messages
            score = each.body(student, rng)
        if score is None or score == Score(1.0):
            return replace(_verdict(each, None, ""), score=float(each.points))
        earned = float(each.points * score.fraction)
        return replace(_verdict(each, "wrong", score.message), score=earned)
    except StudentError as error:
        return _verdict(each, error.reason, str(error))
    except (Wrong, AssertionError) as error:
        return _verdict(each, "wrong", str(error) or "the answer is not right")
    except Exception as error:
        what = f"{type(error).__name__}: {error} ({_line_of(error)})"
        return _verdict(each, "internal", f"the check itself failed, no fault of yours: {what}")


def _line_of(error: Exception) -> str:
    """Where in a checks.py it happened."""
    trace, place = error.__traceback__, ""
    while trace:
        code = trace.tb_frame.f_code
        if code.co_filename.endswith("checks.py"):
            place = f"{code.co_name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _verdict(each: Check, reason: str | None, message: str) -> CheckResult:
    return CheckResult(
        name=each.name,
        task=each.task,
        title=each.title,
        points=each.points,
        score=0.0,
        reason=reason,
        message=_cut(message),  # whatever a student's process said, in the end
        hint=each.hint if reason in HINTED else "",
        section=each.section,
        hidden=each.hidden,
    )


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 1]}…"
