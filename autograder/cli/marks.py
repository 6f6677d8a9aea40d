"""``autograder gradebook`` and ``autograder gradescope-zip``: what becomes of marks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.request import say
from autograder.printable import printable
from autograder.show import console

marks_app = typer.Typer(add_completion=False)


Format = StrEnum("Format", ["wide", "long", "canvas"])


@marks_app.command()
def gradebook(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What autograder grade wrote.")],
    course: Annotated[Path | None, typer.Option(help="course.toml: due dates, weights.")] = None,
    roster: Annotated[Path | None, typer.Option(help="CSV: id, name, section, e-mail.")] = None,
    format: Annotated[
        Format, typer.Option(help="A row for each student, each check, or as Canvas imports it.")
    ] = Format.wide,
) -> None:
    """Write the marks after the late policy, names joined: OUT/gradebook-FORMAT.csv.

    Exit code 1 when something is in doubt, such as a submission of nobody on the roster.
    """
    from autograder.course.policy import Course
    from autograder.course.roster import Roster, read_roster
    from autograder.course.settings import read_course
    from autograder.course.tables import Book, write_table
    from autograder.store import STORE, Store

    rules = read_course(course) if course else Course()
    students = read_roster(roster) if roster else Roster()
    to, target = console(stderr=True), out / f"gradebook-{format.value}.csv"
    with to.status("reading the grades"), Store(out / STORE) as store:
        book = Book(store.graded(), rules, students)
        rows = {"wide": book.wide(), "canvas": book.canvas(), "long": book.long(store.graded())}
        write_table(rows[format], target)
    for doubt in book.doubts:
        to.print(printable(doubt, characters=300), markup=False, soft_wrap=True)
    say(f"wrote {target}")
    raise typer.Exit(int(bool(book.doubts)))
