"""Where things are: a fixed top level, and names that say what is inside."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from project import Project, require

Tree = Callable[[dict[str, str]], Project]

FOLDERS = {"autograder", "benchmarks", "book", "labs", "mlsys", "tests"}
FILES = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "_config.yml",
    "_toc.yml",
    "pyproject.toml",
    "requirements.lock",
}
EMPTY_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "util", "utils"}


def strangers(root: Path) -> list[str]:
    """Name what stands at the top level and has no place there; hidden and ignored names pass."""
    ignored = [line.strip("/") for line in (root / ".gitignore").read_text().splitlines() if line]
    return [
        f"{path.name} is new at the top level: put it under one of {', '.join(sorted(FOLDERS))}"
        for path in sorted(root.iterdir())
        if path.name not in FOLDERS | FILES
        and not path.name.startswith(".")
        and not any(fnmatch(path.name, pattern) for pattern in ignored)
    ]


def empty_names(root: Path) -> list[str]:
    """Name the Python files and folders whose name says nothing about what is inside."""
    return [
        f"{path.relative_to(root).as_posix()}: name it after what it holds"
        for folder in sorted(FOLDERS)
        for path in sorted((root / folder).rglob("*"))
        if path.stem in EMPTY_NAMES and (path.is_dir() or path.suffix == ".py")
    ]


def test_the_top_level_is_fixed(root: Path) -> None:
    require(strangers(root))


def test_nothing_has_an_empty_name(root: Path) -> None:
    require(empty_names(root))


def test_a_stranger_at_the_top_level_is_caught(tree: Tree) -> None:
    files = {".gitignore": "/_build/\n*.egg-info/\n", "_build/x": "", "README.md": ""}
    project = tree({**files, "mlsys.egg-info/x": "", "scripts/run.py": ""})
    [row] = strangers(project.root)
    assert row.startswith("scripts is new at the top level")


def test_an_empty_name_is_caught(tree: Tree) -> None:
    project = tree({"mlsys/utils.py": "", "labs/common/lab.toml": "", "mlsys/baseline.py": ""})
    assert [row.partition(":")[0] for row in empty_names(project.root)] == [
        "labs/common",
        "mlsys/utils.py",
    ]
