"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from typing import Any


def limits(student: Any, begin: float, batches: list[Any], rule: list[Any]) -> list[Any]:
    """The limit after each batch, of a size that took so many seconds."""
    limit, found = begin, []
    for size, seconds in batches:
        limit = student.adapted(limit, size, seconds, *rule)
        found.append(limit)
    return found


def sizes(student: Any, questions: list[Any]) -> list[Any]:
    """For each table of seconds, by size from 1 on: the largest batch in so many seconds."""
    return [
        student.largest(lambda n, table=table: table[n - 1], seconds, most)
        for table, seconds, most in questions
    ]


def looked(talk: Any, student: Any, seconds: float, most: int) -> Any:
    """How ``largest`` looks at a curve that is elsewhere: it tells each size, then the answer."""
    return ["answer", student.largest(lambda n: talk(["size", n]), seconds, most)]


def batches(student: Any, questions: list[Any]) -> list[Any]:
    """For each line before a device that takes fixed + each n seconds, whom to take."""
    return [
        list(student.best_batch(lambda n, a=fixed, b=each: a + b * n, list(slack), most))
        for fixed, each, slack, most in questions
    ]


def device(talk: Any, student: Any, models: dict[str, list[float]]) -> None:
    """Decides for a device that is elsewhere: told what time it is and who came, says who goes."""
    known, kinds = {kind: tuple(each) for kind, each in models.items()}, list(models)
    state: dict[Any, Any] = {}
    waiting: dict[int, tuple[int, str, float]] = {}
    answer: Any = None
    number = 0
    while True:
        now, came, times = talk(answer)  # of each who came: which of the kinds, and when
        for kind, arrived in zip(came, times):
            waiting[number] = number, kinds[kind], arrived
            number += 1
        batch, dropped = student.next_batch(state, now, list(waiting.values()), dict(known))
        answer = [list(batch), list(dropped)]
        for gone in [*answer[0], *answer[1]]:
            waiting.pop(gone, None)
