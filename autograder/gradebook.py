"""The gradebook: one row a student, for a spreadsheet or a learning platform.

Columns: student, lab, score, points, then the marks of each task and of each check, then what is
needed to trace a mark (problem, hash of the submission, version of the lab, tier of isolation, kind
of key). Times are left out, so that grading twice gives the same file.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from autograder.atomic import write_atomically
from autograder.printable import printable
from autograder.results import LabResult

# A spreadsheet runs a cell that begins so; full-width forms count on East Asian systems.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "|", "%")
_CELL_CHARACTERS = 500


def write_csv(results: Sequence[LabResult], path: Path) -> None:
    """Write ``results`` to ``path`` as UTF-8 CSV, sorted by student; whole or not at all.

    The order of the results does not matter. A check that a row's lab lacks is an empty cell.
    """
    rows = sorted(results, key=by_student)
    tasks = _in_order(check.task for row in rows for check in row.checks)
    checks = _in_order(check.name for row in rows for check in row.checks)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_header(tasks, checks))
    writer.writerows(_row(row, tasks, checks) for row in rows)
    write_atomically(path, buffer.getvalue())


def by_student(result: LabResult) -> tuple[str, ...]:
    """Sort key: names as a person orders them, accents and capitals not counted, then the rest."""
    letters = unicodedata.normalize("NFKD", result.student)
    plain = "".join(sign for sign in letters if not unicodedata.combining(sign)).casefold()
    return plain, result.student, result.lab, result.submission


def _header(tasks: list[str], checks: list[str]) -> list[str]:
    marks = [f"task:{name}" for name in tasks] + [f"check:{name}" for name in checks]
    trace = ["problem", "submission", "lab_version", "tier", "key"]
    return ["student", "lab", "score", "points", *marks, *trace]


def _row(result: LabResult, tasks: list[str], checks: list[str]) -> list[str]:
    by_task: dict[str, float] = {}
    for check in result.checks:
        by_task[check.task] = by_task.get(check.task, 0.0) + check.score
    by_check = {check.name: check.score for check in result.checks}
    return [
        text_cell(result.student),
        text_cell(result.lab),
        mark(result.score),
        mark(result.points),
        *(mark(by_task.get(name)) for name in tasks),
        *(mark(by_check.get(name)) for name in checks),
        text_cell(result.problem or ""),
        *map(text_cell, (result.submission, result.lab_version, result.tier, result.key)),
    ]


def text_cell(text: str) -> str:
    """Return ``text`` as one visible line that no spreadsheet takes for a formula.

    >>> text_cell('=HYPERLINK("http://x")'), text_cell("Ada")
    ('\\'=HYPERLINK("http://x")', 'Ada')
    """
    cell = printable(text, characters=_CELL_CHARACTERS)
    risky = text.lstrip(" \n").startswith(_FORMULA_SIGNS) or cell.lstrip().startswith(
        _FORMULA_SIGNS
    )
    return f"'{cell}" if risky else cell


def mark(points: float | None) -> str:
    """Return marks with at most two decimals and no trailing zeros; empty for None.

    >>> mark(4.0), mark(2.5), mark(1 / 3), mark(0.0), mark(100), mark(None)
    ('4', '2.5', '0.33', '0', '100', '')
    """
    if points is None:
        return ""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def _in_order(names: Iterable[str]) -> list[str]:
    """Each name once, in the order in which it first comes."""
    return list(dict.fromkeys(names))
