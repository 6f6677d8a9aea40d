"""The data files of the book: every contradiction is found, and ours have none."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from extension.records import Chapter, Records, problems, rows

SOUND = {
    "book/chapters.toml": """
        [[parts]]
        id = "foundations"
        title = "Foundations"
        question = "How?"
        [[chapters]]
        part = "foundations"
        chapter = "rings"
        title = "Rings"
        question = "How far round?"
        lab = "rings"
    """,
    "book/appendix/sources.toml": """
        [[sources]]
        id = "course"
        title = "A course"
        note = "By week."
        items = [
          { id = "1", title = "Rings", chapters = ["foundations/rings"] },
          { id = "2", title = "Dance", left_out = "no room" },
        ]
    """,
    "book/appendix/reading_list.toml": """
        [[systems]]
        id = "ring"
        title = "The Ring"
        reported = "It is round."
        chapters = ["foundations/rings"]
        run = "It turns."
        apart = "Ours is smaller."
    """,
    "book/foundations/references.bib": "@book{tolkien1954ring,\n author = {Tolkien, J.},"
    " title = {Ring}, publisher = {Allen}, year = {1954}}\n",
    "book/foundations/syllabus.toml": """
        [[rows]]
        source = "course"
        item = "1"
        section = "foundations/rings#turning"
    """,
    "book/foundations/claims.toml": """
        [[claims]]
        id = "round"
        paper = "tolkien1954ring"
        claim = "It is round."
        command = "python -m ring"
        shows = "It is."
        verdict = "holds"
        section = "foundations/rings#turning"
        test = "tests/test_ring.py::test_round"
    """,
    "tests/test_ring.py": "def test_round(): ...\n",
}


def written(root: Path, **changes: tuple[str, str]) -> Records:
    """The sound files, with ``old`` replaced by ``new`` in the file that a change names."""
    for name, text in SOUND.items():
        old, new = changes.get(Path(name).stem, ("", ""))
        assert old in text
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(textwrap.dedent(text).replace(old, new) if old
                                 else textwrap.dedent(text), encoding="utf-8")  # fmt: skip
    return Records(root)


def test_sound_files_have_no_problem(tmp_path: Path) -> None:
    assert not problems(written(tmp_path))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("chapters", 'part = "foundations"', 'part = "base"', "there is no part base"),
        ("sources", '"foundations/rings"', '"foundations/knots"', "no chapter foundations/knots"),
        ("sources", ', left_out = "no room"', "", "give either chapters or left_out"),
        ("sources", 'id = "2"', 'id = "1"', "listed twice: 1"),
        ("reading_list", '"foundations/rings"', '"foundations/knots"', "no chapter"),
        ("syllabus", 'item = "1"', 'item = "9"', "course has no item 9"),
        ("syllabus", "foundations/rings", "foundations/knots", "no chapter"),
        ("claims", "tolkien1954ring", "tolkien1937hobbit", "no references.bib has the key"),
        ("claims", '"holds"', '"perhaps"', "the verdict is one of"),
        ("claims", "::test_round", "::test_square", "there is no test"),
        ("claims", 'test = "tests/test_ring.py::test_round"', "", "names the test"),
        ("references", "tolkien1954ring", "tolkien1955king", "no references.bib has the key"),
    ],
)
def test_a_contradiction_is_named(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    found = problems(written(tmp_path, **{file: (old, new)}))
    assert any(said in problem for problem in found), found


def test_a_row_with_an_unknown_or_missing_field_names_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "chapters.toml"
    path.write_text('[[chapters]]\npart = "a"\ncolour = "red"\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"chapters\.toml: chapters 1.*colour"):
        rows(path, "chapters", Chapter)


def test_the_books_own_files_have_no_problem(root: Path) -> None:
    assert not problems(Records(root))


def test_every_item_of_every_source_is_placed_or_left_out_with_a_reason(root: Path) -> None:
    for source in Records(root).sources:
        for item in source.items:
            assert item.chapters or item.left_out, (source.id, item.id)
