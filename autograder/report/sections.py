"""What a class did at one lab: marks, checks missed, failures that are the same, students."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from autograder.report.feedback import REASONS, points, said, split
from autograder.report.markup import Html, block, count, fill, number, percent, row, table
from autograder.report.statistics import SMALLEST_CLASS, Item, LabStatistics
from autograder.results import CheckResult, LabResult
from autograder.work import slug

_SUSPECT = 0.1  # a discrimination below this is worth a second look at the check
_FAILURES = 12  # of a lab, that are shown


def course(labs: Mapping[str, LabStatistics], students: int) -> list[Html]:
    """The first page: how far the course is, lab by lab, and who may read what."""
    rows = []
    for name, lab in labs.items():
        head = fill("link", href=f"staff/lab-{slug(name)}.html", words=lab.title)
        handed_in = f"{len(lab.scores):,} ({percent(len(lab.scores), students)} %)"
        marks = [lab.median, number(lab.mean, 1), lab.points, lab.full_marks, lab.problems]
        rows.append(row(head, handed_in, *marks, words=histogram(lab)))
    columns = ["Lab", "Handed in", "Median", "Mean", "Of", "Full marks", "Not run", "Marks"]
    results = sum(len(lab.scores) for lab in labs.values())
    tiles = fill("course_tiles", students=students, labs=len(labs), results=results)
    return [practice(labs.values()), tiles, table("labs", "Labs", columns, rows), fill("pages")]


def lab(name: str, lab: LabStatistics, titles: Mapping[str, str], pairs: int) -> list[Html]:
    """What is to be said about a lab before its students; ``titles``: of tasks, by name."""
    versions = sorted({f"version {v[:19]} · isolation {tier}" for v, tier, _ in lab.about})
    numbers = fill(
        "lab_tiles",
        students=len(lab.scores),
        median=lab.median,
        mean=number(lab.mean, 1),
        points=lab.points,
        full_marks=lab.full_marks,
        problems=lab.problems,
    )
    about = fill("note", words=" · ".join([f"Lab {name}", *versions]))
    marks = fill("distribution", histogram=histogram(lab))
    body = [about, practice([lab]), numbers, marks, missed_checks(lab, titles), failures(lab)]
    if pairs:
        href = f"similar-{slug(name)}.html"
        body.append(fill("similar", href=href, pairs=count(pairs, "pair")))
    return body


def practice(labs: Iterable[LabStatistics]) -> Html:
    """A warning when marks were made without a course key."""
    keys = {key for lab in labs for *_, key in lab.about}
    return fill("practice") if "practice" in keys else Html()


def histogram(lab: LabStatistics) -> Html:
    """The marks in tenths of the points, drawn, and in words."""
    tallest = max([*lab.counts, 1])
    heights = enumerate(100 * amount / tallest for amount in lab.counts)
    columns = [fill("column", x=10 * k + 0.5, y=100 - high, high=high) for k, high in heights]
    said = [f"{10 * k}–{10 * k + 10} %: {n}" for k, n in enumerate(lab.counts) if n]
    return fill("histogram", said=", ".join(said) or "none", columns=columns)


def missed_checks(lab: LabStatistics, titles: Mapping[str, str]) -> Html:
    """Checks in the order in which they need the instructor's attention."""
    ran = count(len(lab.scores) - lab.problems, "submission")
    items = [_missed(item, titles) for item in lab.most_missed()]
    return fill("missed", ran=ran, least=SMALLEST_CLASS, items=items)


def _missed(item: Item, titles: Mapping[str, str]) -> Html:
    check = item.check
    facts = [f"{item.missed} of {item.tried} missed it", f"difficulty {number(item.difficulty, 2)}"]
    if item.reasons:
        reason, amount = min(item.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        facts.insert(1, f"most often: {REASONS.get(reason, (reason,))[0]} ({amount})")
    if (found := item.discrimination) is not None:
        facts.append(f"discrimination {number(found, 2)}{' (low)' if found < _SUSPECT else ''}")
    about = f"{titles.get(check.task, check.task)} · {count(check.points, 'point')}"
    share, told = percent(item.missed, item.tried), " · ".join(facts)
    return fill("item", title=_titled(check), about=about, share=share, facts=told)


def _titled(check: CheckResult) -> str:
    return f"{check.title} (hidden)" if check.hidden else check.title


def failures(lab: LabStatistics) -> Html:
    """The most frequent failures, each with an example."""
    items = []
    for amount, check in lab.most_frequent(_FAILURES):
        about, shown = f"{count(amount, 'student')} · {said(check)}", block(check.message)
        items.append(fill("failure", title=_titled(check), about=about, message=shown))
    return fill("failures", items=items) if items else Html()


def students(rows: Iterable[Html], titles: Mapping[str, str], late: bool) -> Html:
    """One row a student, as `student_row` makes them."""
    marks = ["Mark", "After the late policy"][: 1 + late]
    columns = ["Student", *marks, "Public", "Hidden", *titles.values(), "Note"]
    return table("students", "Students", columns, rows)


def student_row(
    result: LabResult,
    name: str,
    page: str,
    titles: Mapping[str, str],
    late: Sequence[float],
    note: str,
) -> Html:
    """A student's marks: all, what is left of them, of public and hidden checks, of each task."""
    public, hidden = split(result)
    tasks = [sum(check.score for check in public if check.task == name) for name in titles]
    head = fill("name", href=page, name=name)
    return row(head, result.score, *late, points(public), points(hidden), *tasks, words=note)
