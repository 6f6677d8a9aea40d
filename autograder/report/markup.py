"""The only door from data to HTML: `fill` puts values into the pieces of ``parts.html``.

Whatever is not markup already is cut, made visible and escaped, so no text that a student wrote
can become a part of a page. And should one slip through, the page forbids itself everything but
its own style and script, which it names by their hashes: a browser would neither run what slipped
through nor fetch anything for it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import resources

from autograder.gradebook import mark
from autograder.printable import printable

_LINE = 500  # characters
_BLOCK = {"characters": 2_000, "lines": 40}


class Html(str):
    """Markup, to be put into a page as it is."""

    __slots__ = ()


def fill(part: str, **values: object) -> Html:
    """The piece of this name with ``values`` in it: markup, texts, numbers, or several of them.

    >>> fill("para", words=["<b> & 'c'", 2.50])
    '<p>&lt;b&gt; &amp; &#x27;c&#x27;\\n2.5</p>'
    """
    return Html(_parts()[part].format(**{name: _shown(value) for name, value in values.items()}))


def _shown(value: object) -> str:
    if isinstance(value, Html):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Iterable):
        return "\n".join(map(_shown, value))
    return number(value)  # type: ignore[arg-type]


@lru_cache(maxsize=1024)
def _text(value: str) -> str:
    return html.escape(printable(value, characters=_LINE))


def block(value: str) -> Html:
    """Several lines of text, at most 2,000 characters and 40 lines of it."""
    return fill("pre", source=Html(html.escape(printable(value, **_BLOCK))))


def number(value: float, digits: int | None = None) -> str:
    """Marks as the gradebook writes them, or a fixed number of digits; a true minus sign.

    >>> number(2.50), number(0.5, 2), number(-0.25, 2)
    ('2.5', '0.50', '−0.25')
    """
    shown = mark(value) if digits is None else f"{value:,.{digits}f}"
    return shown.replace("-", "\N{MINUS SIGN}")


def percent(part: float, whole: float) -> int:
    """``part`` of ``whole`` in whole percent; 100 only when nothing lacks, 0 only when all does."""
    share = round(100 * part / whole) if whole > 0 else 0
    return max(min(share, 100 if part >= whole > 0 else 99), 1 if part > 0 < whole else 0)


def count(amount: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "student"), count(1000, "student")
    ('1 student', '1,000 students')
    """
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def row(head: str, *cells: object, words: object = None) -> Html:
    """A row of a table: what it is about, numbers, and a remark."""
    filled = [fill("cell", value=cell) for cell in cells]
    filled += [] if words is None else [fill("words", value=words)]
    return fill("row", head=head, cells=filled)


def table(
    ident: str, heading: str, columns: Iterable[str], rows: Iterable[Html], note: str = ""
) -> Html:
    """A section with a table, which scrolls by itself when it is wide."""
    heads = [fill("head", words=column) for column in columns]
    return fill("table", ident=ident, heading=heading, heads=heads, rows=rows, note=note)


def page(kicker: str, title: str, body: Iterable[Html], up: str | None = None) -> Html:
    """A page that opens from disk and fetches nothing.

    up: the way to the folder of index.html, for a page of the staff: it has links to others, and
    the script. Without it, a page that stands alone.
    """
    style, script = _own("page.css"), _own("page.js")
    own: dict[str, object] = {"style": style, "style_hash": _hash(style)}
    own |= {"nav": "", "script": "", "script_hash": Html("'none'")}
    if up is not None:
        own |= {"nav": fill("nav", up=up), "script": fill("script", source=script)}
        own["script_hash"] = _hash(script)
    return fill("page", title=title, kicker=kicker, body=body, **own)


@cache
def _own(name: str) -> Html:
    return Html(resources.files("autograder.report").joinpath(name).read_text(encoding="utf-8"))


@cache
def _parts() -> dict[str, str]:
    pieces = re.split(r"^<!-- (\w+) -->\n", _own("parts.html"), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], map(str.strip, pieces[2::2]), strict=True))


def _hash(content: str) -> Html:
    digest = hashlib.sha256(content.encode()).digest()
    return Html(f"'sha256-{base64.b64encode(digest).decode()}'")
