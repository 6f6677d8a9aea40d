"""Results on a terminal: what was earned, what was missed, and what to do about it.

Colour repeats what the words say. ``plain`` writes neither colour nor signs beyond ASCII.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from autograder.gradebook import mark
from autograder.lab import Lab
from autograder.printable import printable
from autograder.results import CheckResult, LabResult

SHOWN_PRINTED = 10  # lines of what a student's code printed


def console(plain: bool = False, stderr: bool = False) -> Console:
    """A terminal to write to; colour and links only where they can be seen."""
    return Console(no_color=plain, highlight=False, soft_wrap=plain, stderr=stderr, emoji=False)


def show_result(result: LabResult, lab: Lab, to: Console, plain: bool = False) -> None:
    """Write one student's feedback, task by task."""
    to.print(Text(f"{lab.name}: {lab.title}", style="bold"))
    if result.problem:
        to.print(Text(f"Nothing could be checked: {_clean(result.problem)}", style="red"))
    for task in lab.tasks:
        checks = [check for check in result.checks if check.task == task.name]
        to.print()
        to.print(Text(f"{task.title}  {_marks(checks)}", style="bold"))
        for check in checks:
            _show_check(check, to, plain, brief=result.problem is not None)
    to.print()
    to.print(Text(_total(result), style="bold"))


def _show_check(check: CheckResult, to: Console, plain: bool, brief: bool) -> None:
    sign = _sign(check, to, plain)
    style = "green" if check.passed else "yellow" if check.score else "red"
    to.print(Text(f"  {sign} {_marks([check]):>7}  {check.title}", style=style))
    if not check.passed and not brief:
        for line in _advice(check):
            to.print(Text(f"      {line}"))


def _sign(check: CheckResult, to: Console, plain: bool) -> str:
    if plain or to.encoding.lower() not in ("utf-8", "utf8"):
        return "passed" if check.passed else "missed"
    return "✓" if check.passed else "✗"


def _advice(check: CheckResult) -> list[str]:
    lines = _clean(check.message).splitlines()
    if check.hint:
        lines.append(f"Hint: {check.hint}")
    if check.section:
        lines.append(f"Read: {check.section}")
    if check.printed:
        printed = printable(check.printed, characters=2000, lines=SHOWN_PRINTED)
        lines += ["Your code printed:", *(f"  {line}" for line in printed.splitlines())]
    return lines


def _marks(checks: list[CheckResult]) -> str:
    earned = sum(check.score for check in checks)
    return f"{mark(earned)}/{sum(check.points for check in checks)}"


def _total(result: LabResult) -> str:
    total = f"{mark(result.score)} of {result.points} points in {result.seconds:.1f} s"
    if result.key == "practice":
        total += " (practice marks: the graded run draws other random cases)"
    return total


def _clean(text: str) -> str:
    return printable(text, characters=4000, lines=40)
