"""What a student reads: what was earned, and for each lost mark what came, why, and what to do.

How much is said of hidden checks is the instructor's choice: ``points`` (their sum), ``title``
(each one's title and points) or ``full`` (like any other check). Their sum is never left out:
without it, a page with nothing but right answers and a low mark would be a riddle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from autograder.report.markup import Html, block, count, fill, number, row
from autograder.results import CheckResult, LabResult

REVEAL = ("points", "title", "full")

# For each reason: in short, and as one would say it to a student, before the message.
REASONS = {
    "partly": ("partly right", "Some of it is right:"),
    "wrong": ("wrong answer", "It ran, but the answer is not right:"),
    "error": ("raised an error", "Your code stopped with an error:"),
    "timeout": ("ran out of time", "Too slow. Look for a loop without end, or work done again:"),
    "memory": ("ran out of memory", "Too much memory. Look for what grows with every step:"),
    "output_limit": ("printed or returned too much", "Your code wrote more than can be read:"),
    "exited": ("left before it answered", "The program ended early, by an exit or a crash:"),
    "missing": ("function or file missing", "There is nothing to check yet:"),
    "syntax": ("does not parse", "Python cannot read the file:"),
    "not_plain": ("returned no plain data", "Return numbers, texts, lists, dicts or arrays:"),
    "skipped": ("not tried", "This check builds on one that was missed:"),
    "internal": ("the grader failed: grade again", "The check itself failed; no fault of yours:"),
}


def split(result: LabResult) -> tuple[list[CheckResult], list[CheckResult]]:
    """The public checks, and the hidden ones."""
    return [c for c in result.checks if not c.hidden], [c for c in result.checks if c.hidden]


def points(checks: Sequence[CheckResult]) -> str:
    """Earned points and how many there are: "2.5 of 4"; "none" without checks."""
    worth = sum(check.points for check in checks)
    return f"{number(sum(check.score for check in checks))} of {worth}" if checks else "none"


def summary(result: LabResult, ident: str, late: Sequence[float]) -> Html:
    """The row of a lab in the table at the top of a student's page."""
    head = fill("link", href=f"#{ident}", words=result.lab_title)
    return row(head, *map(points, (*split(result), result.checks)), *late)


def feedback(
    result: LabResult, titles: Mapping[str, str], reveal: str = "full", book: str = ""
) -> list[Html]:
    """All about one lab. titles: of its tasks, by name; book: where its sections are, if online."""
    public, hidden = split(result)
    sums = fill("sums", words=_sums(result))
    if result.problem is not None:  # nothing ran: every check has the same reason
        return [sums, *_told("Nothing could be checked:", result.problem)]
    names = dict.fromkeys([*titles, *(check.task for check in public)])
    told = [sums, *_told("While it was loaded, your file printed:", result.printed)]
    for name in names:
        if checks := [check for check in public if check.task == name]:
            told.append(_group(titles.get(name, name), checks, book))
    if hidden and reveal == "points":
        told.append(fill("hidden", points=points(hidden), checks=""))
    elif hidden:
        said = hidden if reveal == "full" else map(_bare, hidden)
        items = [_check(check, book) for check in said]
        told.append(fill("hidden", points=points(hidden), checks=items))
    return told


def _sums(result: LabResult) -> str:
    """Public and hidden points in words, so that a low mark is no riddle."""
    public, hidden = split(result)
    words = f"Public checks: {points(public)}. Hidden checks: {points(hidden)}."
    words += f" Together: {points(result.checks)} points."
    if all(check.passed for check in public) and not all(check.passed for check in hidden):
        words += " All public checks pass; what is missing was lost in hidden ones."
    return words


def _bare(check: CheckResult) -> CheckResult:
    """Title and points alone; even the reason might give something away."""
    reason = check.reason and "missed"
    return replace(check, reason=reason, message="", hint="", section="", printed="")


def _group(title: str, checks: Sequence[CheckResult], book: str) -> Html:
    items = [_check(check, book) for check in checks]
    return fill("group", title=title, points=points(checks), checks=items)


def _check(check: CheckResult, book: str) -> Html:
    kind, sign, word = "lost", "✗", said(check)
    if check.score >= check.points:
        kind, sign, word = "done", "✓", "right"
    elif check.score > 0:
        kind, sign = "some", "◐"
    worth = f"{word}, {number(check.score)} of {count(check.points, 'point')}"
    advice = [] if kind == "done" else _advice(check, book)
    return fill("check", kind=kind, sign=sign, title=check.title, worth=worth, advice=advice)


def said(check: CheckResult, at_length: bool = False) -> str:
    """Why points were lost."""
    reason = "partly" if check.score > 0 else check.reason or "wrong"
    return REASONS.get(reason, (reason, f"{reason}:"))[at_length]


def _advice(check: CheckResult, book: str) -> Iterator[Html]:
    yield from _told(said(check, at_length=True), check.message)
    if check.hint:
        yield fill("hint", words=check.hint)
    if check.section:
        yield fill("read", words=_place(check.section, book))
    yield from _told("Your code printed:", check.printed)


def _told(lead: str, source: str) -> list[Html]:
    return [fill("para", words=lead), block(source)] if source else []


def _place(section: str, book: str) -> str:
    """A section, linked where the book is online: part/chapter#heading."""
    chapter, sign, heading = section.partition("#")
    if not book or not re.fullmatch(r"[\w/-]+(#[\w-]+)?", section):
        return section
    href = f"{book.rstrip('/')}/book/{chapter}.html{sign}{heading}"
    return fill("link", href=href, words=section)
