"""The only door from data to HTML: all text passes through ``text``, ``block`` or ``number``."""

from __future__ import annotations

import html

from autograder.gradebook import mark
from autograder.printable import printable

_LINE_CHARACTERS = 120
_BLOCK_CHARACTERS = 2_000
_BLOCK_LINES = 40

REASONS = {
    "partly": "partly right",
    "wrong": "wrong answer",
    "error": "raised an error",
    "timeout": "ran out of time",
    "memory": "ran out of memory",
    "output_limit": "printed or returned too much",
    "exited": "left before it answered",
    "missing": "function or file missing",
    "syntax": "does not parse",
    "not_plain": "returned something that is no plain data",
    "internal": "the grader failed: grade again",
}


def text(value: str, characters: int = _LINE_CHARACTERS) -> str:
    """One line of text, visible, cut and escaped, also inside a quoted attribute.

    >>> text('<b>"&')
    '&lt;b&gt;&quot;&amp;'
    """
    return html.escape(printable(value, characters=characters))


def block(value: str) -> str:
    """Several lines of text, escaped, at most 2,000 characters and 40 lines of it."""
    return html.escape(printable(value, characters=_BLOCK_CHARACTERS, lines=_BLOCK_LINES))


def number(value: float, digits: int | None = None) -> str:
    """Marks as the gradebook writes them, or a fixed number of digits; a true minus sign.

    >>> number(2.50), number(0.5, 2), number(-0.25, 2)
    ('2.5', '0.50', '−0.25')
    """
    shown = mark(value) if digits is None else f"{value:.{digits}f}"
    return shown.replace("-", "\N{MINUS SIGN}")


def percent(part: float, whole: float) -> int:
    """``part`` of ``whole`` in whole percent; 100 only when nothing lacks, 0 only when all does."""
    if whole <= 0:
        return 0
    share = round(100 * part / whole)
    if share == 100 and part < whole:
        return 99
    return 1 if share == 0 and part > 0 else share


def bar(share: int, kind: str) -> str:
    """A horizontal bar, ``share`` percent full. Decoration: the number stands beside it.

    An SVG attribute holds the width because the page forbids itself inline styles.
    """
    return (
        f'<svg class="bar {kind}" aria-hidden="true" width="100%" height="10">'
        f'<rect class="track" width="100%" height="10" rx="5"/>'
        f'<rect class="fill" width="{share}%" height="10" rx="5"/></svg>'
    )


def count(amount: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> count(1, "student"), count(0, "student")
    ('1 student', '0 students')
    """
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"
