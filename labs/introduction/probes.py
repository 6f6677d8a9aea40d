"""What the checks of lab 0 ask of a student's file; runs beside it and knows no answer."""

from __future__ import annotations

from typing import Any

import numpy as np


class Promises:
    """A model whose answers are already known."""

    def __init__(self, minutes: np.ndarray) -> None:
        self._minutes = minutes

    def predict(self, orders: Any) -> np.ndarray:
        return self._minutes[: len(orders)]


def decide(
    student: Any, candidate: np.ndarray, incumbent: np.ndarray, minutes: np.ndarray
) -> dict[str, Any]:
    """The gate's decision about two models, given their promises and the true minutes, (n,)."""
    zeros = np.zeros(len(minutes))
    holdout = student.Orders(zeros, zeros, zeros, zeros, minutes)
    decision = student.gate(Promises(candidate), Promises(incumbent), holdout)
    names = ("deploy", "candidate_error", "incumbent_error")
    return {name: _plain(getattr(decision, name)) for name in names}


def problems(student: Any, columns: dict[str, Any]) -> list[list[Any]]:
    """[fault, column, rows] of each problem in a batch; a list of texts becomes an array."""
    orders = student.Orders(**{name: np.array(values) for name, values in columns.items()})
    found = student.validate(orders)
    return [[problem.fault.name, problem.column, _plain(problem.rows)] for problem in found]


def rings_today(student: Any, errors: np.ndarray, calm: int) -> list[bool]:
    """Which of the services ring today. errors: (services, days so far)."""
    return [_yes_or_no(student.rings(past.tolist(), calm)) for past in errors]


def _yes_or_no(answer: Any) -> bool:
    if not isinstance(answer, bool | np.bool_):
        raise TypeError(f"rings should return True or False, not {answer!r:.60}")
    return bool(answer)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
