"""``course.toml``: due dates, weights, the late policy, extensions; checked, with errors that help.

counts = "best"                     # after the penalty; or "latest"

[late]
grace_days = 5                      # of each student, for the term
penalty = 0.1                       # share of the points lost per day (per = "hour") begun
floor = 0.5                         # share that is never lost
accept_days = 7                     # what comes later than that counts nothing

[labs.autodiff]
due = 2026-10-05T23:59:59-07:00     # with the offset of its time zone on that day
weight = 20                         # default: the lab's points
title = "Autodiff"                  # title and number of the assignment in Canvas
canvas_id = 1815

[extensions.ada]                    # a student's id
autodiff = 48                       # hours
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.course.policy import UNITS, Course, Late, Terms
from autograder.lab import LabError

_KINDS = {str: "a text in quotes", int: "a whole number, 0 or more", float: "a number, 0 or more"}
_KINDS |= {dict: "a table", datetime: "a time with its offset, as in 2026-10-05T23:59:59-07:00"}
_TOP: dict[str, Any] = {"counts": "best", "late": {}, "labs": {}, "extensions": {}}
_LAB = {"due": datetime.max, "weight": 1.0, "title": "", "canvas_id": 0}


def read_course(path: Path) -> Course:
    """The course in the file ``path``; raises `LabError` that says what should be otherwise."""
    try:
        return _course(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise LabError(f"{path}: {error}") from None


def _course(data: dict[str, Any]) -> Course:
    data = _TOP | _checked(data, "", _TOP)
    late = Late(**_checked(data["late"], "[late] ", vars(Late())))
    if late.per not in UNITS or data["counts"] not in ("best", "latest"):
        raise ValueError('per should be "day" or "hour", counts should be "best" or "latest"')
    if max(late.penalty, late.floor) > 1:
        raise ValueError("[late] penalty and floor are shares: numbers between 0 and 1")
    labs = {lab: _terms(table, f"[labs.{lab}] ") for lab, table in data["labs"].items()}
    hours = dict.fromkeys(labs, 0.0)
    extensions = {
        (student, lab): value
        for student, table in data["extensions"].items()
        for lab, value in _checked(table, f"[extensions.{student}] ", hours).items()
    }
    return Course(labs, late, data["counts"], extensions)


def _terms(table: Any, where: str) -> Terms:
    """The terms of one lab, which must have a due date."""
    due = _checked(table, where, _LAB).get("due", datetime.max)
    if due.tzinfo is None:
        raise ValueError(f"{where}due should be {_KINDS[datetime]}")
    return Terms(**{**table, "due": due.timestamp()})


def _checked(table: Any, where: str, examples: dict[str, Any]) -> dict[str, Any]:
    """``table``, if its keys are those of ``examples``, and its values of their kinds."""
    if not isinstance(table, dict):
        raise ValueError(f"{where}should be a table, not {table!r}")
    for name, value in table.items():
        if name not in examples:
            raise ValueError(f"{where}{name} is unknown; there may be {', '.join(examples)}")
        kind = type(examples[name])
        fits = type(value) is kind or (kind is float and type(value) is int)
        if not fits or (kind in (int, float) and not value >= 0):
            raise ValueError(f"{where}{name} should be {_KINDS[kind]}, not {value!r}")
    return table
