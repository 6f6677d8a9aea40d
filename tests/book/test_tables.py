"""A small book, built with the extension: what its pages say about written and planned chapters."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.console import strip_colors
from sphinx.util.docutils import docutils_namespace
from test_records import SOUND, written

PAGE = """\
# Rings

(turning)=
## Turning around

The length is $2\\pi r$.

```{{literalinclude}} /mlsys/ring.py
:pyobject: turn
```
"""
MODULE = '"""Rings."""\n\n\ndef turn(n: int) -> int:\n    return n + 1\n'
KNOT = """
        [[chapters]]
        part = "foundations"
        chapter = "knots"
        title = "Knots"
        question = "What holds?"
        lab = ""
"""


class Book:
    """The pages of one build, and what it warned of."""

    def __init__(self, root: Path) -> None:
        self.root, self.warnings = root, io.StringIO()
        extensions = ["myst_nb", "sphinxcontrib.bibtex", "extension"]
        settings = {
            "extensions": extensions, "html_math_renderer": "mathml", "nb_execution_mode": "off",
            "bibtex_bibfiles": ["book/foundations/references.bib"], "root_doc": "index",
            "html_theme": "basic", "exclude_patterns": ["out"], "myst_enable_extensions":
            ["dollarmath"], "bibtex_reference_style": "author_year",
        }  # fmt: skip
        with docutils_namespace():
            app = Sphinx(str(root), None, str(root / "out/html"), str(root / "out/trees"), "html",
                         confoverrides=settings, status=None, warning=self.warnings)  # fmt: skip
            app.build()

    def page(self, name: str) -> str:
        return (self.root / "out/html" / f"{name}.html").read_text(encoding="utf-8")

    def text(self, name: str) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", self.page(name)))

    def warned(self) -> str:
        return strip_colors(self.warnings.getvalue())


def book(root: Path, page: str = PAGE, **changes: tuple[str, str]) -> Book:
    written(root, **changes)
    chapters = root / "book/chapters.toml"
    chapters.write_text(chapters.read_text("utf-8") + KNOT.replace("        ", ""), "utf-8")
    files = {
        "book/foundations/rings.md": page.format(),
        "mlsys/ring.py": MODULE,
        "index.md": "# All\n\n```{toctree}\nbook/foundations/rings\ndata\n```\n",
        "data.md": "# Data\n\n```{chapters}\n```\n\n```{syllabus-map}\n```\n\n"
        "```{reading-list}\n```\n\n```{claims}\n```\n\n```{bibliography}\n```\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return Book(root)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    yield book(tmp_path_factory.mktemp("book"))


def test_a_sound_book_builds_without_a_warning(sound: Book) -> None:
    assert not sound.warned()


def test_a_written_section_is_linked_under_the_title_that_stands_there(sound: Book) -> None:
    assert 'href="book/foundations/rings.html#turning">Rings: Turning around' in sound.page("data")


def test_what_is_planned_or_left_out_is_said_and_not_linked(sound: Book) -> None:
    assert '<span class="planned">Knots</span>' in sound.page("data")
    assert "not covered: no room" in sound.text("data")


def test_a_claim_stands_with_its_paper_its_command_and_its_verdict(sound: Book) -> None:
    text = sound.text("data")
    for part in ("It is round.", "python -m ring", "✓ holds", "Ring"):
        assert part in text


def test_a_listing_says_its_lines_and_leads_to_the_source(sound: Book) -> None:
    page = sound.page("book/foundations/rings")
    assert "lines 4–5" in page
    assert 'href="../../_modules/mlsys/ring.py.html#turn"' in page
    assert 'id="turn"' in sound.page("_modules/mlsys/ring.py")


def test_formulas_are_mathml_and_no_page_has_a_script_for_them(sound: Book) -> None:
    page = sound.page("book/foundations/rings")
    assert "<math" in page
    assert not re.search(r"<script[^>]*mathjax", page, re.I)


def test_a_section_that_does_not_exist_is_a_warning(tmp_path: Path) -> None:
    made = book(tmp_path, page=PAGE.replace("(turning)=\n", ""))
    assert "there is no section foundations/rings#turning" in made.warned()


def test_a_contradiction_in_the_data_and_a_broken_formula_are_warnings(tmp_path: Path) -> None:
    page = PAGE.replace("2\\pi r", "\\nosuch{{r}}")
    made = book(tmp_path, page=page, claims=('"holds"', '"perhaps"'))
    assert "the verdict is one of" in made.warned()
    assert "formula not converted" in made.warned()


def test_the_sound_files_are_those_of_the_other_tests() -> None:
    assert set(SOUND) >= {"book/chapters.toml", "book/foundations/claims.toml"}
