"""``autograder gradebook`` and ``autograder gradescope-zip``: what becomes of marks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.request import (
    CourseFile,
    Hidden,
    KeyFile,
    RosterFile,
    Unsafe,
    course_key,
    course_terms,
    lab_named,
    say,
    warn,
)
from autograder.lab import LabError, with_hidden
from autograder.show import console

marks_app = typer.Typer(add_completion=False)
Format = StrEnum("Format", ["wide", "long", "canvas"])


@marks_app.command()
def gradebook(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What autograder grade wrote.")],
    course: CourseFile = None,
    roster: RosterFile = None,
    format: Annotated[
        Format, typer.Option(help="A row for each student, each check, or as Canvas imports it.")
    ] = Format.wide,
) -> None:
    """Write the marks after the late policy, names joined: OUT/gradebook-FORMAT.csv.

    Exit code 1 when something is in doubt, such as a submission of nobody on the roster.
    """
    from autograder.course.tables import Book, write_table
    from autograder.store import STORE, Store

    terms, target = course_terms(course, roster), out / f"gradebook-{format.value}.csv"
    with console(stderr=True).status("reading the grades"), Store(out / STORE) as store:
        book = Book(store.graded(), *terms)
        rows = {"wide": book.wide(), "canvas": book.canvas(), "long": book.long(store.graded())}
        write_table(rows[format], target)
    for doubt in book.doubts:
        warn(doubt)
    say(f"wrote {target}")
    raise typer.Exit(int(bool(book.doubts)))


@marks_app.command("gradescope-zip")
def gradescope_zip(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="Its name, as in: labs list")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The zip to write.")],
    key_file: KeyFile = None,
    hidden: Hidden = None,
    allow_unsafe: Unsafe = False,
) -> None:
    """Write the zip to upload as the autograder of a programming assignment on Gradescope."""
    from autograder.course.gradescope import write_zip

    found, key = lab_named(lab), course_key(key_file)
    if key is None:
        raise LabError("the zip needs the course key: --key-file or AUTOGRADER_KEY")
    write_zip(with_hidden(found, hidden), file, key, allow_unsafe)
    say(f"wrote {file}; it holds the course key: give it to nobody but Gradescope")
