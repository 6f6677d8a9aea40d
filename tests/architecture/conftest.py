"""The tree that the rules judge, and a maker of small trees that break them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from project import Project


@pytest.fixture(scope="session")
def project(root: Path) -> Project:
    """Return this checkout."""
    return Project(root)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[dict[str, str]], Project]:
    """Return a function that writes files, given as path and text, and reads them as a project."""

    def make(files: dict[str, str]) -> Project:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        return Project(tmp_path)

    return make
