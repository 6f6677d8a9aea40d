"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsys.serving.batching.simulated import Linear


def often(student: Any, stages: list[str], edges: list[Any]) -> Any:
    """The visits of each stage."""
    graph = student.Graph(tuple(stages), tuple(student.Edge(*edge) for edge in edges))
    return {str(stage): float(count) for stage, count in student.visits(graph).items()}


def lines(student: Any, measured: list[Any]) -> list[Any]:
    """The line through each list of measurements."""
    return [
        [float(part) for part in student.fitted(np.array(sizes), np.array(seconds))]
        for sizes, seconds in measured
    ]


def rates(student: Any, questions: list[Any]) -> list[float]:
    """Answers a second of each curve and size."""
    return [float(student.throughput(Linear(fixed, each), n)) for fixed, each, n in questions]


def counts(student: Any, questions: list[Any]) -> list[Any]:
    """Replicas for each question."""
    return [_plain(student.replicas_needed(*each)) for each in questions]


def plan(student: Any, stages: list[str], edges: list[Any], rate: float, load: float,
         measured: dict[str, Any], batch: dict[str, int]) -> Any:  # fmt: skip
    """Replicas of each stage, from measurements: all of the student's functions together."""
    found = {}
    asked = often(student, stages, edges)
    for stage in stages:
        ((fixed, each),) = lines(student, [measured[stage]])
        able = student.throughput(Linear(fixed, each), batch[stage])
        found[stage] = _plain(student.replicas_needed(rate * asked[stage], able, load))
    return found


def plans(student: Any, questions: list[Any]) -> list[Any]:
    """Orders for each list of needs."""
    return [[_plain(n) for n in student.hindsight(list(needed), s)] for needed, s in questions]


def forecasts(student: Any, questions: list[Any]) -> list[Any]:
    """What is expected to come after each past."""
    return [
        [float(each) for each in student.forecast(np.array(past), day, ahead)]
        for past, day, ahead in questions
    ]


def service(talk: Any, student: Any, past: Any, day: int, start: int, each: float) -> None:
    """Decides for machines that are elsewhere: says its order, is told who came."""
    known, size, ordered = np.empty(2 * len(past)), len(past), 0
    known[:size] = past
    while True:
        answer = _plain(student.provision(known[:size].copy(), ordered, day, start, each))
        known[size] = talk(answer)
        ordered, size = answer, size + 1


def _plain(number: Any) -> Any:
    """NumPy's numbers as Python's."""
    return number.item() if isinstance(number, np.generic) else number
