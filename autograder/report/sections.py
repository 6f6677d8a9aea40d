"""The sections on the whole class: summary, distribution of marks, checks missed, students."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograder.report.markup import REASONS, bar, count, number, percent, text
from autograder.report.statistics import BINS, SMALLEST_CLASS, Item, Summary
from autograder.results import LabResult

_PLOT = 150  # height of the histogram's tallest bar, in pixels
_SUSPECT = 0.1  # a discrimination below this is worth a second look at the check


def tiles(summary: Summary) -> str:
    """The five numbers an instructor asks for first."""
    points = number(summary.points)
    pairs = [
        ("submissions", number(summary.submissions)),
        ("median mark", f"{number(summary.median)} <small>of {points}</small>"),
        ("mean mark", f"{number(summary.mean, 1)} <small>of {points}</small>"),
        ("full marks", number(summary.full_marks)),
        ("could not be run", number(summary.problems)),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="tiles">{cells}</dl>'


def distribution(counts: Sequence[int]) -> str:
    """A histogram of the marks in tenths; widths are in percent, so that text keeps its size."""
    tallest = max([*counts, 1])
    bars = "".join(_column(k, amount, tallest) for k, amount in enumerate(counts))
    said = "; ".join(
        f"{k * 10} to {k * 10 + 10} %: {amount}" for k, amount in enumerate(counts) if amount
    )
    return (
        '<section aria-labelledby="marks"><h2 id="marks">Distribution of marks</h2><figure>'
        f'<svg class="histogram" role="img" aria-label="Submissions by mark. {said or "none"}"'
        f' width="100%" height="{_PLOT + 50}">{bars}</svg>'
        "<figcaption>Submissions by share of the points, in steps of 10 %."
        " The last bar holds full marks.</figcaption></figure></section>"
    )


def _column(k: int, amount: int, tallest: int) -> str:
    width = 100 / BINS
    height = round(_PLOT * amount / tallest)
    middle = f"{(k + 0.5) * width:.1f}%"
    top = 22 + _PLOT - height
    label = f'<text x="{middle}" y="{top - 6}">{amount}</text>' if amount else ""
    return (
        f'<rect class="fill" x="{k * width + 0.7:.1f}%" y="{top}" width="{width - 1.4:.1f}%"'
        f' height="{max(height, 1)}" rx="2"/>{label}'
        f'<text class="axis" x="{middle}" y="{_PLOT + 42}">{k * 10}'
        f'<tspan class="wide">–{k * 10 + 10}</tspan></text>'
    )


def missed_checks(items: Sequence[Item], tasks: Mapping[str, str], ran: int) -> str:
    """Checks in the order in which they need the instructor's attention."""
    rows = "".join(_missed(item, tasks) for item in items)
    note = (
        "Difficulty is the mean share of the check's points that was earned. Discrimination is the"
        " correlation between the check and the rest of the marks: near 0, strong and weak students"
        " miss it alike, and the check deserves a second look."
    )
    if ran < SMALLEST_CLASS:
        note += f" It is shown from {SMALLEST_CLASS} submissions on."
    return (
        '<section aria-labelledby="missed"><h2 id="missed">Checks most missed</h2>'
        f'<p class="note">Counted on the {count(ran, "submission")} that could be run. {note}</p>'
        f'<ol class="items">{rows}</ol></section>'
    )


def _missed(item: Item, tasks: Mapping[str, str]) -> str:
    check = item.check
    share = percent(item.missed, item.tried)
    facts = [f"{item.missed} of {item.tried} missed it"]
    if item.reasons:
        reason, amount = item.reasons[0]
        facts.append(f"most often: {text(REASONS.get(reason, reason))} ({amount})")
    if item.difficulty is not None:
        facts.append(f"difficulty {number(item.difficulty, 2)}")
    if item.discrimination is not None:
        low = " <strong>low</strong>" if item.discrimination < _SUSPECT else ""
        facts.append(f"discrimination {number(item.discrimination, 2)}{low}")
    return (
        f'<li><div class="item"><h3>{text(check.title)}</h3>'
        f'<span class="worth">{text(tasks.get(check.task, check.task))} · '
        f"{count(check.points, 'point')}</span></div>"
        f'<div class="share">{bar(share, "lost")}<span>{share} %</span></div>'
        f'<p class="facts">{" · ".join(facts)}</p></li>'
    )


def students(results: Sequence[LabResult], tasks: Mapping[str, str]) -> str:
    """One row a student, by name; a few lines of script make the headings sort it."""
    titles = "".join(
        f'<th scope="col" class="number">{text(title)}</th>' for title in tasks.values()
    )
    rows = "".join(_student(k, result, tasks) for k, result in enumerate(results))
    return (
        '<section aria-labelledby="students"><h2 id="students">Students</h2>'
        '<div class="scroll" role="region" aria-labelledby="students" tabindex="0">'
        '<table class="sortable"><thead><tr><th scope="col">Student</th>'
        '<th scope="col" class="number">Mark</th>'
        '<th class="gauge"><span class="unseen">Share</span></th>'
        f'{titles}<th scope="col">Note</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _student(k: int, result: LabResult, tasks: Mapping[str, str]) -> str:
    share = percent(result.score, result.points)
    kind = "done" if share == 100 else "some"
    marks = "".join(
        f'<td class="number">{number(sum(c.score for c in result.checks if c.task == name))}</td>'
        for name in tasks
    )
    return (
        f'<tr><th scope="row"><a href="#student-{k}"><bdi>{text(result.student)}</bdi></a></th>'
        f'<td class="number" data-value="{result.score:.6f}"><b>{number(result.score)}</b></td>'
        f'<td class="gauge">{bar(share, kind)}</td>{marks}'
        f'<td class="problem"><bdi>{text(result.problem or result.note)}</bdi></td></tr>'
    )
