"""README.md tells the truth: its tree, its links and the commands it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = re.compile(r"^## What is where\n+```text\n(.*?)^```", re.M | re.S)
MARKED = re.compile(r"^<!-- run: ([\w-]+) -->\n(.*)", re.M)
PAGES = ("README.md", "CONTRIBUTING.md")


def tree_paths(readme: str) -> list[str]:
    """Paths of the annotated tree; indentation of two spaces is one folder."""
    match = TREE.search(readme)
    assert match, "README.md has no tree under the heading 'What is where'"
    paths: list[str] = []
    above: list[str] = []
    for line in match[1].splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], name.rstrip("/")]
        paths.append("/".join(above) + "/" * name.endswith("/"))
    return paths


def absent(root: Path, readme: str) -> list[str]:
    """Entries of the tree that do not exist, or are a file where a folder is promised."""
    paths = tree_paths(readme)
    return [p for p in paths if not ((root / p).is_dir() if p[-1] == "/" else (root / p).is_file())]


def unannotated(readme: str) -> list[str]:
    """Files of the tree at the top level that are named without a word on what they hold."""
    match = TREE.search(readme)
    lines = match[1].splitlines() if match else []
    return [line for line in lines if not line.startswith(" ") and len(line.split()) == 1]


def dead_links(root: Path, page: str) -> list[str]:
    """Relative links of a page whose target does not exist."""
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page)
    return [t for t in targets if "://" not in t and not (root / t).exists()]


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    """Return the text of README.md."""
    return (root / "README.md").read_text(encoding="utf-8")


def test_every_file_that_the_tree_names_exists(root: Path, readme: str) -> None:
    assert absent(root, readme) == []


def test_every_file_at_the_top_level_stands_in_the_tree(root: Path, readme: str) -> None:
    shown = {path.split("/")[0] for path in tree_paths(readme)}
    ignored = {"_build", "build", "dist", "mlsys.egg-info", "shared"}
    there = {path.name for path in root.iterdir() if not path.name.startswith(".")}
    assert there - ignored <= shown


def test_every_file_at_the_top_level_has_its_line(readme: str) -> None:
    assert [line for line in unannotated(readme) if not line.endswith("/")] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(root: Path, page: str) -> None:
    assert dead_links(root, (root / page).read_text(encoding="utf-8")) == []


def test_every_marked_block_is_shell_and_runs_in_continuous_integration(
    root: Path, readme: str
) -> None:
    marks = MARKED.findall(readme)
    assert marks, "README.md marks no block with <!-- run: NAME -->"
    assert all(fence == "```sh" for _, fence in marks), marks
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    run = set(re.findall(r"^readme ([\w-]+) \d+", script, re.M))
    assert {name for name, _ in marks} == run


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_is_named_exists(root: Path, page: str) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    text = (root / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.M))
    assert named <= targets, f"{page} names targets that Makefile lacks: {named - targets}"


def test_a_missing_file_and_a_dead_link_are_caught(tmp_path: Path) -> None:
    page = "## What is where\n\n```text\nMakefile  commands\nbook/\n  here.md  x\n  gone.md\n```\n"
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "here.md").touch()
    (tmp_path / "Makefile").mkdir()
    assert absent(tmp_path, page) == ["Makefile", "book/gone.md"]
    assert dead_links(tmp_path, "[a](book/here.md#x) [b](book/gone.md)") == ["book/gone.md"]
