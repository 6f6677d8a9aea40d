"""Make the student bundle: everything a student needs, and no answer to an extension.

What goes in is listed, not what stays out: a file that somebody adds to a lab is not given away
because nobody thought of it. The same repository makes the same bundle.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from autograder.lab import Lab, LabError, find_labs
from autograder.starter import starter_source

PACKAGE_FILES = {".py", ".typed", ".css", ".js", ".html", ".txt"}
FROM_ROOT = ("LICENSE", "book/chapters.toml", "labs/POLICY.md")

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "mlsys"
version = "{version}"
description = "Machine-learning systems: the reference modules and the labs"
requires-python = "{python}"
dependencies = {dependencies}

[project.scripts]
labs = "autograder.cli:labs_main"
autograder = "autograder.cli:autograder_main"

[tool.setuptools.packages.find]
include = ["mlsys*", "autograder*"]

[tool.setuptools.package-data]
"*" = ["py.typed", "*.css", "*.js", "*.html", "*.txt"]
"""

README = """\
# Labs

You need Python 3.11 or newer; Linux, macOS and Windows all do.

    python -m venv .venv
    .venv/bin/python -m pip install -e .
    source .venv/bin/activate

On Windows write `.venv\\Scripts` for `.venv/bin`, and `.venv\\Scripts\\activate` for the last line.
`labs list` names the labs. Then, for each lab:

    labs start {first}      writes work/{first}/ with your file and the handout
    labs check {first}      marks and advice, as often as you like
    labs submit {first}     makes the archive to hand in

The labs: {labs}.

`mlsys/` is the reference that the book explains. Your file for a lab may import what `imports` in
its `labs/LAB/lab.toml` lists, and nothing else.
What you may use an AI assistant for stands in `labs/POLICY.md`.
"""


def release(root: Path, target: Path) -> list[Path]:
    """Write the bundle of the repository at ``root`` to ``target``; return its files.

    target: must not exist, or be empty. It appears whole or not at all.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LabError(f"{target} is there already; name a folder that does not exist")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".release-") as scratch:
        bundle = Path(scratch) / "bundle"
        labs = list(find_labs(root).values())
        for path in _given(root, labs):
            copy = bundle / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        for name, text in _written(root, labs).items():
            copy = bundle / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            target.rmdir()
        bundle.rename(target)
    return sorted(path for path in target.rglob("*") if path.is_file())


def _given(root: Path, labs: list[Lab]) -> Iterator[Path]:
    """The files that are copied."""
    for package in ("mlsys", "autograder"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in PACKAGE_FILES and path.is_file():
                yield path
    yield from (path for name in FROM_ROOT if (path := root / name).exists())
    for lab in labs:
        yield from lab.graded
        yield from (path for path in [lab.folder / "handout.md"] if path.exists())
        yield from (lab.folder / "files" / name for name in lab.extra)


def _written(root: Path, labs: list[Lab]) -> dict[str, str]:
    """The files that are made for the bundle."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listing = ", ".join(f"{lab.name} ({lab.title})" for lab in labs)
    starters = {f"labs/{lab.name}/starter/{lab.file}": starter_source(lab) for lab in labs}
    return {
        "pyproject.toml": PYPROJECT.format(
            version=project["version"],
            python=project["requires-python"],
            dependencies=json.dumps(project["dependencies"]),
        ),
        "README.md": README.format(first=labs[0].name, labs=listing),
        **starters,
    }
