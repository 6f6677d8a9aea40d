"""What each student reads: marks by task, and for a lost mark the reason, message and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograder.report.markup import REASONS, block, count, number, text
from autograder.results import CheckResult, LabResult


def feedback(results: Sequence[LabResult], tasks: Mapping[str, str]) -> str:
    """One folded box a student. A link to what is inside opens the box, with or without script."""
    boxes = "".join(_student(k, result, tasks) for k, result in enumerate(results))
    return (
        '<section aria-labelledby="feedback"><h2 id="feedback">Feedback</h2>'
        f'<div class="boxes">{boxes}</div></section>'
    )


def _student(k: int, result: LabResult, tasks: Mapping[str, str]) -> str:
    problem = ""
    if result.problem is not None:
        problem = f'<p class="problem"><b>Not run.</b> <bdi>{text(result.problem, 500)}</bdi></p>'
    if result.note:
        problem += (
            f'<p class="note"><b>For the instructor.</b> <bdi>{text(result.note, 500)}</bdi></p>'
        )
    # When nothing ran, every check carries the same reason: say it once.
    body = (
        problem
        if result.problem is not None
        else problem + "".join(_task(name, title, result) for name, title in tasks.items())
    )
    return (
        f"<details><summary><bdi>{text(result.student)}</bdi>"
        f'<span class="total">{number(result.score)} / {number(result.points)}</span></summary>'
        f'<div class="inside" id="student-{k}">{body}'
        f'<p class="trace">submission <code>{text(result.submission[:19])}</code></p>'
        "</div></details>"
    )


def _task(name: str, title: str, result: LabResult) -> str:
    checks = [check for check in result.checks if check.task == name]
    earned, worth = sum(c.score for c in checks), sum(c.points for c in checks)
    return (
        f'<h3>{text(title)} <span class="total">{number(earned)} / {number(worth)}</span></h3>'
        f'<ul class="checks">{"".join(map(_check, checks))}</ul>'
    )


def _check(check: CheckResult) -> str:
    kind, sign, word = _verdict(check)
    line = (
        f'<span class="sign {kind}" aria-hidden="true">{sign}</span>'
        f'<span class="title">{text(check.title)}</span> <span class="worth">{word}, '
        f"{number(check.score)} of {count(check.points, 'point')}</span>"
    )
    return f"<li>{line}{_advice(check) if kind != 'done' else ''}</li>"


def _verdict(check: CheckResult) -> tuple[str, str, str]:
    """Class, sign and words of a verdict; colour never says it alone."""
    if check.score >= check.points:
        return "done", "✓", "right"
    if check.score > 0:
        return "some", "◐", "partly right"
    return "lost", "✗", text(REASONS.get(check.reason or "wrong", check.reason or ""))


def _advice(check: CheckResult) -> str:
    message = f"<pre><bdi>{block(check.message)}</bdi></pre>" if check.message else ""
    hint = f'<p class="hint"><b>Hint.</b> {text(check.hint, 2000)}</p>' if check.hint else ""
    section = (
        f'<p class="hint"><b>Read again:</b> {text(check.section)}</p>' if check.section else ""
    )
    printed = (
        f"<p>Printed:</p><pre><bdi>{block(check.printed)}</bdi></pre>" if check.printed else ""
    )
    return message + hint + section + printed
