"""What the grader asks of a student's file; no answer stands here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np


def advanced(student: Any, ranges: list[Any], operations: list[Any]) -> list[Any]:
    """The ranges after each operation, and what was given, after it."""
    now, story = _ranges(ranges), []
    for begin, end, worker, clock in operations:
        given = list(now)
        after = student.advance(given, begin, end, worker, clock)
        story.append([list(after), given == now])
        now = [(begin, end, tuple(vector)) for begin, end, vector in after]
    return story


def lowest(student: Any, ranges: list[Any], questions: list[Any]) -> list[Any]:
    """The answers of ``least``."""
    return [student.least(_ranges(ranges), *question) for question in questions]


def arrived(student: Any, arrivals: list[Any], first: int) -> list[Any]:
    """For each arrival of several senders: applied, what is due, and the numbers held after it."""
    applied: dict[int, int] = {}
    held: dict[int, dict[int, Any]] = {}
    story = []
    for sender, number in arrivals:
        before, early = applied.setdefault(sender, first), held.setdefault(sender, {})
        now, due = student.in_order(before, early, number, f"item {number} of {sender}")
        applied[sender] = now
        story.append([now, list(due), sorted(early)])
    return story


def replica(talk: Any, student: Any, workers: int, size: int) -> None:
    """A shard whose every decision is the student's; and the copy that is to follow it."""
    shard: dict[str, Any] = {
        "ranges": [(0, size, (-1,) * workers)],
        "applied": [0] * workers,
        "held": [{} for _ in range(workers)],
        "waiting": [],
    }
    copy, answer = deepcopy(shard), None
    while True:
        what, *rest = talk(answer)
        due: list[Any] = []
        if what == "push":
            *push, copied = rest
            due = _push(student, shard, *push)
            if copied:
                copy = deepcopy(shard) | {"held": [{} for _ in range(workers)], "waiting": []}
        elif what == "pull":
            others = [pull for pull in shard["waiting"] if pull[0] != rest[0]]
            shard["waiting"] = [*others, rest]  # who asks again waits once
        else:  # the server dies, and its copy takes over, with empty dictionaries to hold things
            for early in (held := shard["held"]):
                early.clear()
            shard = deepcopy(copy) | {"held": held}
        answer = [due, _answered(student, shard, workers)]


def _push(student: Any, shard: Any, worker: int, number: int, item: list[int]) -> list[Any]:
    held = shard["held"][worker]
    applied, due = student.in_order(shard["applied"][worker], held, number, item)
    shard["applied"][worker] = applied
    for begin, end, clock in due:
        shard["ranges"] = list(student.advance(shard["ranges"], begin, end, worker, clock))
    return [[begin, end, clock] for begin, end, clock in due]


def _answered(student: Any, shard: Any, workers: int) -> list[int]:
    """The tickets of the pulls that may be answered now."""
    answered, still = [], []
    for ticket, begin, end, after, needed in shard["waiting"]:
        clocks = student.least(shard["ranges"], begin, end, list(range(workers)))
        if student.ready(clocks, after, needed):
            answered.append(ticket)
        else:
            still.append([ticket, begin, end, after, needed])
    shard["waiting"] = still
    return answered


def readies(student: Any, questions: list[Any]) -> list[Any]:
    """The answers of ``ready``."""
    return [student.ready(*question) for question in questions]


def hinderings(student: Any, questions: list[Any]) -> list[Any]:
    """For each question what ``hinders`` says, and whether what it was given is unchanged."""
    return [_asked(student.hinders, question) for question in questions]


def sums(student: Any, unsent: np.ndarray, flying: list[Any]) -> list[Any]:
    """What is unseen, and what was given, after it."""
    flying = _messages(flying)
    return [student.unseen(unsent, flying), unsent, _plain(flying)]


def news(student: Any, flying: list[Any], told: list[Any]) -> list[Any]:
    """What is flying after each piece of news, and whether what was given is unchanged."""
    now, story = _messages(flying), []
    for who, number in told:
        before = repr(_plain(now))
        after = list(student.seen(now, who, number))
        story.append([_plain(after), repr(_plain(now)) == before])
        now = after
    return story


def chosen(student: Any, questions: list[Any]) -> list[Any]:
    """For each question what ``worth_sending`` says, and whether what it was given is unchanged."""
    return [_asked(student.worth_sending, question) for question in questions]


def _asked(function: Any, question: list[Any]) -> list[Any]:
    before = deepcopy(question)
    answer = function(*question)
    return [answer, all(np.array_equal(old, new) for old, new in zip(before, question))]


def sender(talk: Any, student: Any, size: int) -> None:
    """A worker that waits for amounts: its books are the student's, the weights are elsewhere."""
    flying: list[Any] = []
    unsent, waits, number, answer = np.zeros(size), np.zeros(size, bool), 0, None

    def sent(missing: list[int], bound: float, room: int) -> list[Any]:
        """The keys and values of the next message; nothing if the link is busy (no ``missing``)."""
        nonlocal number, flying
        keys = (
            student.worth_sending(unsent.copy(), waits, bound, room)
            if missing
            else np.zeros(0, int)
        )
        values = unsent[keys]
        if len(keys):
            number += 1
            flying = [*flying, (number, keys, values, list(missing))]
            unsent[keys] = 0
        return [keys, values]

    def tried(update: np.ndarray, bound: float, missing: list[int], room: int) -> list[Any]:
        """Where the update waits, and the next message."""
        nonlocal unsent, waits
        waits = student.hinders(student.unseen(unsent, flying), update, bound)
        if not np.any(waits):
            unsent = unsent + update
        return [waits, *sent(missing, bound, room)]

    while True:
        what, *rest = talk(answer)
        if what == "try":
            answer = tried(*rest)
        elif what == "send":
            answer = sent(*rest)
        else:  # somebody has seen some; then what waits, if anything does, is tried again
            who, upto, again = rest
            flying = list(student.seen(flying, who, upto))
            answer = [[each[0] for each in flying], tried(*again) if again else None]


def _ranges(ranges: list[Any]) -> list[Any]:
    return [(begin, end, tuple(vector)) for begin, end, vector in ranges]


def _messages(flying: list[Any]) -> list[Any]:
    return [(number, keys, values, list(missing)) for number, keys, values, missing in flying]


def _plain(flying: list[Any]) -> list[Any]:
    """Messages that can travel and be compared."""
    return [
        [number, np.asarray(keys).tolist(), np.asarray(values).tolist(), list(missing)]
        for number, keys, values, missing in flying
    ]
