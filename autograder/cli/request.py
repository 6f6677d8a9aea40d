"""What a person asked for: a lab by its name, a course key from a file; and how to answer."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.lab import Lab, LabError, find_labs, find_root
from autograder.printable import printable
from autograder.show import console

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.course.policy import Course
    from autograder.course.roster import Roster

LabOption = Annotated[str, typer.Option("--lab", help="The lab they answer.")]
KeyFile = Annotated[Path | None, typer.Option(help="The course key; or set AUTOGRADER_KEY.")]
Hidden = Annotated[Path | None, typer.Option(help="Your own checks: a folder of LAB/checks.py.")]

Unsafe = Annotated[
    bool, typer.Option("--allow-unsafe", help="Official marks even at tier T0: see doctor.")
]
CourseFile = Annotated[Path | None, typer.Option(help="course.toml: due dates, weights.")]
RosterFile = Annotated[Path | None, typer.Option(help="CSV: id, name, section, e-mail.")]


def say(line: str) -> None:
    """A line on stdout, never wrapped."""
    console().print(line, markup=False, soft_wrap=True)


def warn(line: str, to: Console | None = None) -> None:
    """A line on stderr, whatever a student wrote into it; ``to``: where a bar moves just now."""
    text = printable(line, characters=300)
    (to or console(stderr=True)).print(text, markup=False, soft_wrap=True)


def lab_named(name: str) -> Lab:
    """The lab of this name, or an error that names the nearest."""
    labs = labs_here()
    if name not in labs:
        meant = "".join(
            f"; did you mean {one}?" for one in difflib.get_close_matches(name, labs, 1)
        )
        raise LabError(f"there is no lab {name!r}; there are {', '.join(labs) or 'none'}{meant}")
    return labs[name]


def labs_here() -> dict[str, Lab]:
    """All labs; it is said when they come from somewhere else than the course we are in."""
    root = find_root()
    if not Path.cwd().resolve().is_relative_to(root):
        line = f"This folder belongs to no course; using the labs of {root}"
        console(stderr=True).print(line, markup=False, soft_wrap=True)
    return find_labs(root)


def course_key(file: Path | None) -> bytes | None:
    """The course key, or None; an empty one is an error."""
    text = file.read_text(encoding="utf-8") if file else os.environ.get("AUTOGRADER_KEY")
    if text is None:
        return None
    if not text.strip():
        raise LabError("the course key is empty")
    return text.strip().encode()


def course_terms(course: Path | None, roster: Path | None) -> tuple[Course | None, Roster | None]:
    """What the two files of an instructor say, of those that are named."""
    from autograder.course.roster import read_roster
    from autograder.course.settings import read_course

    return read_course(course) if course else None, read_roster(roster) if roster else None
