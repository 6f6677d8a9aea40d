"""Start, check, submit, release, grade and report.

A check runs here, the code that it checks runs in a child process, and nothing but plain data
crosses. To read it all, follow one submission:

    lab, starter        what lab.toml says; the file that a student begins with
    submission, source  what was handed in; what is refused before it runs
    grade               the checks in turn, each with a child of its own
    checks, student     how a check is written, and what it sees of the student's code
    sandbox             what a child sees; process and forks start, time and end it
    wire                the frames that cross
    runner              the far side
    results             verdicts; gradebook, report and show present them

`work`, `batch` and `release` are the commands of `cli`.
"""

from autograder.checks import Score, Wrong, check, close, each_alike, typed
from autograder.student import StudentError, StudentRaised

__all__ = [
    "Score", "StudentError", "StudentRaised", "Wrong", "check", "close", "each_alike", "typed",
]  # fmt: skip
