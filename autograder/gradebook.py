"""Cells of a gradebook: a mark, and a text that a spreadsheet only shows."""

from __future__ import annotations

from functools import lru_cache

from autograder.printable import printable

# A spreadsheet runs a cell that begins so; full-width forms count on East Asian systems.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "|", "%")
_CELL_CHARACTERS = 500


@lru_cache(maxsize=4096)  # the same names and checks, row after row
def text_cell(text: str) -> str:
    """Return ``text`` as one visible line that no spreadsheet takes for a formula.

    >>> text_cell('=HYPERLINK("http://x")'), text_cell("Ada")
    ('\\'=HYPERLINK("http://x")', 'Ada')
    """
    cell = printable(text, characters=_CELL_CHARACTERS)
    risky = text.lstrip(" \n").startswith(_FORMULA_SIGNS) or cell.lstrip().startswith(
        _FORMULA_SIGNS
    )
    return f"'{cell}" if risky else cell


def mark(points: float | None) -> str:
    """Return marks with at most two decimals and no trailing zeros; empty for None.

    >>> mark(4.0), mark(2.5), mark(1 / 3), mark(0.0), mark(100), mark(None)
    ('4', '2.5', '0.33', '0', '100', '')
    """
    if points is None:
        return ""
    return f"{points:.2f}".rstrip("0").rstrip(".")
