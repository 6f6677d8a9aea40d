"""What grading produces: one `CheckResult` a check, one `LabResult` a submission.

`LabResult.to_gradescope` writes both as Gradescope's ``results.json``; what that format has
no place for travels in ``extra_data``, so that nothing is lost on the way back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REASONS = (
    "wrong",  # the answer is not the right one
    "error",  # the student's code raised
    "timeout",
    "memory",
    "output_limit",
    "exited",  # the process ended before it answered
    "missing",  # nothing was written yet, or the name is gone
    "syntax",
    "not_plain",  # an answer that is not plain data
    "skipped",  # a check that it needs was missed
    "internal",  # the check itself is broken: the instructor's business
)


@dataclass(frozen=True)
class CheckResult:
    """The verdict of one check; ``reason`` is None exactly when it earned all its points."""

    name: str
    task: str
    title: str
    points: int
    score: float
    reason: str | None = None
    message: str = ""
    hint: str = ""
    section: str = ""
    seconds: float = 0.0
    printed: str = ""
    hidden: bool = False  # of the instructor's own checks, which were never given out

    @property
    def passed(self) -> bool:
        return self.reason is None

    def to_gradescope(self) -> dict[str, Any]:
        """One entry of ``tests``."""
        return {
            "name": f"{self.task}: {self.title}",
            "score": self.score,
            "max_score": self.points,
            "status": "passed" if self.passed else "failed",
            "visibility": "after_published" if self.hidden else "visible",
            "output": "\n".join(part for part in (self.message, self.advice()) if part),
            "extra_data": dict(vars(self)),
        }

    def advice(self) -> str:
        """What to try and where to read, for a check that was missed."""
        if self.passed:
            return ""
        section = f"Read again: {self.section}" if self.section else ""
        return "\n".join(part for part in (self.hint, section) if part)


@dataclass(frozen=True)
class LabResult:
    """All verdicts on one submission.

    student: name or number; tier: how the code was confined; key: "practice" or "course";
    problem: why nothing could be checked; note: what the instructor may want to know;
    printed: what the file printed while it was loaded.
    """

    student: str
    lab: str
    lab_title: str
    lab_version: str
    submission: str
    tier: str
    key: str
    checks: tuple[CheckResult, ...]
    problem: str | None = None
    seconds: float = 0.0
    note: str = ""
    printed: str = ""

    @property
    def score(self) -> float:
        return sum(check.score for check in self.checks)

    @property
    def points(self) -> int:
        return sum(check.points for check in self.checks)

    @property
    def broken(self) -> bool:
        """True when a check failed for a fault of its own."""
        return any(check.reason == "internal" for check in self.checks)

    def to_gradescope(self) -> dict[str, Any]:
        """The whole of ``results.json``."""
        public = [check for check in self.checks if not check.hidden]
        hidden = len(self.checks) - len(public)
        told = f"{sum(check.passed for check in public)} of {len(public)} checks passed"
        about = {key: value for key, value in vars(self).items() if key != "checks"}
        return {
            "score": self.score,
            "execution_time": self.seconds,
            "output": self.problem or (f"{told}; {hidden} hidden" if hidden else told),
            "output_format": "text",
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "tests": [check.to_gradescope() for check in self.checks],
            "extra_data": {"schema": 1, **about},
        }

    @classmethod
    def from_gradescope(cls, data: dict[str, Any]) -> LabResult:
        """The result that `to_gradescope` wrote."""
        about = {key: value for key, value in data["extra_data"].items() if key != "schema"}
        checks = tuple(CheckResult(**test["extra_data"]) for test in data["tests"])
        return cls(checks=checks, **about)


@dataclass(frozen=True)
class Graded:
    """One submission that has been graded: an attempt of one student at one lab.

    source: the file or folder that was handed in; it tells attempts apart.
    handed_in: when, in seconds since 1970; the time of the file unless a better one is known.
    """

    source: str
    handed_in: float
    result: LabResult
