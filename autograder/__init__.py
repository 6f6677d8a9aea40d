"""Start, check, submit, release, grade and report.

A check runs here, the code that it checks runs in a child process, and nothing but plain data
crosses. To read it all, follow one submission:

    lab, starter        what lab.toml says; the file that a student begins with
    submission, source  what was handed in; what is refused before it runs
    grade               the checks in turn, each with a child of its own
    checks, student     how a check is written, and what it sees of the student's code
    race                marks for speed
    ranks               rank programs on a cluster that is simulated, or routed, on this side
    wire                the frames that cross
    sandbox, tiers      what a child sees, on this machine and on others
    process, forks      how children are started, asked, timed and ended
    cgroup              how much a child and all that it starts may use

On the far side, where there is nothing worth stealing:

    zygote              is warm and forks
    confine, seccomp    the walls that a fork raises round itself
    runner              runs a student's file and answers frames

And what becomes of it:

    results             verdicts; `show` and `report` present them
    batch, store        a whole class, each submission once, whatever happens; `cluster`: elsewhere
    course              from attempts to marks: late policy, roster, gradebooks, Gradescope
    similar             works that have more in common than the starter

`work` and `release` are behind commands of `cli`, `doctor` and `attack` try this machine out.
"""

from autograder.checks import Score, Wrong, check, close, each_alike, typed
from autograder.student import StudentError, StudentRaised

__all__ = [
    "Score", "StudentError", "StudentRaised", "Wrong", "check", "close", "each_alike", "typed",
]  # fmt: skip
