"""Results on a terminal: what was earned, what was missed, and what to do about it.

Colour repeats what the words say. ``plain`` writes neither colour nor signs beyond ASCII.
"""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from autograder.gradebook import mark
from autograder.lab import Lab
from autograder.printable import printable
from autograder.results import CheckResult, LabResult

SHOWN_PRINTED = 10  # lines of what a student's code printed in a check that was missed
SHOWN_PRINTED_WHEN_PASSED = 3


def console(plain: bool = False, stderr: bool = False) -> Console:
    """A terminal to write to; colour and links only where they can be seen."""
    return Console(no_color=plain, highlight=False, soft_wrap=plain, stderr=stderr, emoji=False)


def show_result(
    result: LabResult, lab: Lab, to: Console, plain: bool = False, only: str = ""
) -> None:
    """Write one student's feedback, task by task; of what cannot run, only why."""
    _put(to, f"{lab.name}: {lab.title}", style="bold")
    if result.problem is not None:
        _put(to, "\nNothing could be checked:", style="red")
        _put(to, _clean(result.problem), indent=2)
    for line in _printed(result.printed, SHOWN_PRINTED, "while it was loaded"):
        _put(to, line, indent=2)
    shown = [task for task in lab.tasks if only in ("", task.name)]
    for task in shown if result.problem is None else ():
        checks = [check for check in result.checks if check.task == task.name]
        _put(to, f"\n{task.title}  {_marks(checks)}", style="bold")
        for check in checks:
            _show_check(check, to, plain)
    _put(to, f"\n{_total(result)}", style="bold")


def _show_check(check: CheckResult, to: Console, plain: bool) -> None:
    style = "green" if check.passed else "yellow" if check.score else "red"
    begin = f"{_sign(check, to, plain)} {_marks([check]):>7}  "
    _put(to, begin + check.title, indent=2, hang=len(begin), style=style)
    for line in _advice(check):
        _put(to, line, indent=6, hang=2)


def _put(to: Console, text: str, indent: int = 0, hang: int = 0, style: str = "") -> None:
    """Write lines, indented; what does not fit goes on below, ``hang`` further to the right.

    A console with ``soft_wrap`` gets its lines whole.
    """
    for line in text.split("\n"):
        begin = " " * (indent + len(line) - len(line.lstrip()))
        rows = [begin + line.strip()]
        if not to.soft_wrap:
            after, width = begin + " " * hang, max(to.width, len(begin) + hang + 20)
            rows = textwrap.wrap(
                line.strip(),
                width,
                initial_indent=begin,
                subsequent_indent=after,
                break_on_hyphens=False,
            )
        for row in rows or [""]:
            to.print(Text(row, style=style), soft_wrap=True)


def _sign(check: CheckResult, to: Console, plain: bool) -> str:
    if plain or to.encoding.lower() not in ("utf-8", "utf8"):
        return "passed" if check.passed else "missed"
    return "✓" if check.passed else "✗"


def _advice(check: CheckResult) -> list[str]:
    if check.passed:
        return _printed(check.printed, SHOWN_PRINTED_WHEN_PASSED)
    lines = _clean(check.message).splitlines()
    if check.hint:
        lines.append(f"Hint: {check.hint}")
    if check.section:
        lines.append(f"Read: {check.section}")
    return lines + _printed(check.printed, SHOWN_PRINTED)


def _printed(text: str, most: int, when: str = "") -> list[str]:
    """What the student's code printed, under a heading; nothing when it printed nothing."""
    lines = printable(text.rstrip(), characters=2000, lines=most).splitlines()
    heading = f"Your code printed {when}".rstrip() + ":"
    return [heading, *(f"  {line}" for line in lines)] if lines else []


def _marks(checks: list[CheckResult]) -> str:
    earned = sum(check.score for check in checks)
    return f"{mark(earned)}/{sum(check.points for check in checks)}"


def _total(result: LabResult) -> str:
    total = f"{mark(result.score)} of {result.points} points in {result.seconds:.1f} s"
    if result.key == "practice":
        total += " (practice marks: the graded run draws other cases)"
    return total


def _clean(text: str) -> str:
    return printable(text, characters=4000, lines=40)
