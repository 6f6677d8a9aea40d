"""Start, check, submit, release, grade and report.

The trusted side: `lab` (what lab.toml says), `starter` (what a student begins with), `checks`
(how checks are written), `student` (what a check sees), `grade` (one submission), `batch`
(a class), `cli` (the commands). The boundary: `sandbox` and `process` start and end children,
`wire` is all that crosses. The far side: `runner`, and whatever a student sent.
"""

from autograder.checks import Score, Wrong, check, close, typed
from autograder.student import StudentError, StudentRaised

__all__ = ["Score", "StudentError", "StudentRaised", "Wrong", "check", "close", "typed"]
