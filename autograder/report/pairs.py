"""Works that share more than they should: a table, and the files side by side."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from autograder.printable import printable
from autograder.report.markup import Html, count, fill, page, row, table
from autograder.similar import Lines, Pair, Work

MOST = 200  # pairs in the table
ROOM = 800_000  # characters of sources on the page; later pairs stand in the table alone
_COLUMNS = ("Files", "Of the first", "Of the second", "In common", "Names")


def similar_page(title: str, pairs: Sequence[Pair], up: str | None = None) -> Html:
    """A page of its own for the pairs of one lab."""
    rows, sides = list[Html](), list[Html]()
    for k, pair in enumerate(pairs[:MOST]):
        head = files = f"{pair.one.source}, {pair.other.source}"
        if sum(map(len, sides)) < ROOM:
            head = fill("link", href=f"#pair-{k}", words=files)
            sides.append(_side_by_side(f"pair-{k}", files, pair))
        names = " and ".join(sorted({pair.one.student, pair.other.student}))
        rows.append(row(head, *(f"{s:.0%}" for s in pair.shares), pair.common, words=names))
    note = fill("about_pairs", pairs=count(len(pairs), "pair"), shown=len(rows))
    found = table("pairs", "Pairs", _COLUMNS, rows, note)
    return page("Similar work", title, [found, *sides], up)


def _side_by_side(ident: str, files: str, pair: Pair) -> Html:
    facts = "; ".join(f"{a}–{b} and {c}–{d}" for (a, b), (c, d) in pair.lines)
    sides = [_side(pair.one, [one for one, _ in pair.lines])]
    sides.append(_side(pair.other, [other for _, other in pair.lines]))
    return fill("sides", ident=ident, files=files, facts=facts, sides=sides)


def _side(work: Work, spans: Iterable[Lines]) -> Html:
    marked = {line for first, last in spans for line in range(first, last + 1)}
    lines = []
    for k, line in enumerate(work.text.splitlines(), start=1):
        text = f"{k:4} {'┃' if k in marked else ' '} {printable(line, characters=200)}"
        shown = Html(html.escape(text))
        lines.append(fill("line", line=shown) if k in marked else shown)
    return fill("side", name=work.student, source=work.source, lines=lines)
