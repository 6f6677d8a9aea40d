"""What one submission costs the grader, against Otter-Grader, nbgrader and no grader at all.

    python benchmarks/bench_autograder.py --otter ENV --nbgrader ENV
    python benchmarks/bench_autograder.py --quick          a minute: few rounds, writes nothing
    python benchmarks/bench_autograder.py --case numpy

The peers bring a notebook server and much else, so each lives in an environment of its own, made by
``python -m venv ENV`` and ``ENV/bin/pip install otter-grader ipykernel``, or ``ENV/bin/pip install
nbgrader numpy``. All grade the same answers by the same checks and must agree on the marks: all
points, half, none. Times are wall time, from the archive or notebook on disk to the mark. Ours runs
each check in a process of its own, walled off as far as this machine can; the peers run student and
checks in one kernel, and a plain process has neither walls nor limits.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from command import Entrant, Heat, Race, drawing, main
from engines.assignments import Class
from engines.graders import Anew, Ours, PlainPython
from race import Case

CLASS, AGAIN = 20, 1000


def heats() -> list[Heat]:
    """One submission of each kind, in a sandbox of its own and of a class; then a class."""
    peers: dict[str, float | None] = {"otter": 10.0, "nbgrader": 10.0}
    plain: dict[str, float | None] = {"python": None}
    warm = dict.fromkeys(peers, 50.0)
    return [
        _one("trivial", "cold", "no imports, sandbox of its own", 0.050, plain | peers),
        _one("numpy", "cold", "NumPy, sandbox of its own", 0.120, plain | peers),
        _one("numpy", "warm", "NumPy, one of a class", 0.015, plain | warm),
        _one("torch", "cold", "PyTorch, sandbox of its own", None, plain),
        _one("torch", "warm", "PyTorch, one of a class", 0.040, plain),
        _class(CLASS, "command", f"command, {CLASS} with NumPy", None, plain | peers),
        _class(AGAIN, "again", f"command, {AGAIN:,} unchanged", 0.002, {"anew": None}),
    ]


def _one(
    assignment: str, method: str, title: str, bar: float | None, targets: dict[str, float | None]
) -> Heat:
    case = Case(f"{assignment}-{method}", "one", title, "submission", bar=bar)
    return Heat(case, drawing(Class.draw, assignment), method, targets)


def _class(
    size: int, method: str, title: str, bar: float | None, targets: dict[str, float | None]
) -> Heat:
    case = Case(f"{method}-{size}", "class", title, "submission", size, bar=bar)
    return Heat(case, drawing(Class.draw, "numpy", size), method, targets, rounds=5)


def _otter(path: Path) -> Any:
    from engines.notebooks import Otter

    return Otter(path)


def _nbgrader(path: Path) -> Any:
    from engines.notebooks import NbGrader

    return NbGrader(path)


RACE = Race(
    chapter="autograder",
    about=__doc__,
    ours=Ours,
    heats=heats(),
    entrants=[
        Entrant("python", "plain Python", PlainPython),
        Entrant("otter", "Otter-Grader", _otter, "give --otter ENV", "otter"),
        Entrant("nbgrader", "nbgrader", _nbgrader, "give --nbgrader ENV", "nbgrader"),
        Entrant("anew", "graded anew", Anew),
    ],
    paths={
        "otter": "an environment with otter-grader and ipykernel",
        "nbgrader": "an environment with nbgrader and numpy",
    },
    processes=True,
    facts=lambda: {"tier": Ours().tier()},
)

if __name__ == "__main__":
    sys.exit(main(RACE, sys.argv[1:]))
