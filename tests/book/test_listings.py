"""Listings: the line above one tells the truth, and its link has a target."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from extension.listings import definitions, language_of, lines_of, source_html
from hypothesis import given
from hypothesis import strategies as st

SOURCE = Path(__file__).resolve().parents[2] / "book/extension/listings.py"


@given(st.data())
def test_the_lines_of_an_excerpt_are_those_it_was_taken_from(data: st.DataObject) -> None:
    lines = [f"line {n}\n" for n in range(1, 41)]
    first = data.draw(st.integers(1, 40))
    last = data.draw(st.integers(first, 40))
    assert lines_of("".join(lines), "".join(lines[first - 1 : last])) == (first, last)


def test_an_excerpt_that_is_not_verbatim_has_no_lines() -> None:
    assert lines_of("a\nb\n", "b + c") == (0, 0)


def test_every_definition_has_an_anchor_at_its_first_line() -> None:
    page, text = source_html(SOURCE), SOURCE.read_text(encoding="utf-8")
    found = dict(re.findall(r'id="line-(\d+)"><span class="definition" id="([\w.]+)"', page))
    assert found == {str(line): name for line, name in definitions(text)}
    names = {n.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef)}
    assert names <= set(found.values())
    assert "Listing.run" in found.values()


def test_a_definition_begins_at_its_decorator() -> None:
    assert list(definitions("@cache\ndef f(): ...\n")) == [(1, "f")]


def test_a_source_page_has_every_line_of_the_file() -> None:
    text = SOURCE.read_text(encoding="utf-8")
    ids = re.findall(r'<span id="line-(\d+)">', source_html(SOURCE))
    assert ids == [str(n) for n in range(1, text.count("\n") + 1)]


def test_a_source_page_escapes_what_looks_like_markup(tmp_path: Path) -> None:
    path = tmp_path / "evil.py"
    path.write_text("x = '<script>alert(1)</script>'\n", encoding="utf-8")
    assert "<script>" not in source_html(path)


@pytest.mark.parametrize(("name", "language"), [("a.py", "python"), ("b.toml", "toml"),
                                                ("c.unknown-kind", "text")])  # fmt: skip
def test_a_file_is_highlighted_by_its_kind(name: str, language: str) -> None:
    assert language_of(Path(name)) == language
