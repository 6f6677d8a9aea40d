"""``labs``: what a student types."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.request import lab_named, labs_here, say
from autograder.printable import printable
from autograder.show import console, show_result

labs_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Do the labs of the book.")

LabName = Annotated[str, typer.Argument(metavar="LAB", help="Its name, as in: labs list")]
Place = Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Default: work/LAB")]
Plain = Annotated[bool, typer.Option("--plain", help="ASCII signs, no colours, lines not wrapped.")]


@labs_app.command("list")
def listlabs_here() -> None:
    """Name all labs, in the order of their chapters."""
    for lab in labs_here().values():
        say(f"{lab.name:<20} {lab.title}")


@labs_app.command()
def start(
    lab: LabName,
    folder: Place = None,
    force: Annotated[bool, typer.Option(help="Start anew; old files are kept aside.")] = False,
) -> None:
    """Write your folder for LAB: the file to complete, and the handout."""
    from autograder import work

    found = lab_named(lab)
    place = folder or work.home(found) / work.WORK / found.name
    for path in work.start(found, place, force):
        say(f"wrote {work.shown(path)}")
    again = f"{lab} {work.shown(folder)}" if folder else lab
    say(f"Edit {work.shown(place / found.file)}, then: labs check {again}")


@labs_app.command()
def check(
    lab: LabName,
    folder: Place = None,
    task: Annotated[str, typer.Option(help="Only the checks of this task.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Again whenever you save.")] = False,
    plain: Plain = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Show marks and advice for your answer to LAB. Exit code 0 when nothing is missed."""
    from autograder.grade import practice_grader
    from autograder.work import find_work, versions

    found = lab_named(lab)
    place = find_work(found, folder)
    missed = False
    with contextlib.suppress(KeyboardInterrupt), practice_grader(found) as grader:
        if task:
            grader.keep_only(task)
        for submission in versions(found, place, watch):
            with console(stderr=True).status(f"checking {submission.student}"):
                result = grader.grade(submission)
            if as_json:
                typer.echo(json.dumps(result.to_gradescope(), indent=1))
            else:
                show_result(result, found, console(plain), plain, task)
            missed = result.score < result.points
            if watch:
                console(stderr=True).print("\nwaiting for you to save; Ctrl-C ends")
    raise typer.Exit(int(missed))


@labs_app.command()
def submit(
    lab: LabName,
    folder: Place = None,
    name: Annotated[str | None, typer.Option(help="Your name or number; asked once.")] = None,
) -> None:
    """Pack your answer to LAB as the archive to hand in."""
    from autograder import work

    found = lab_named(lab)
    place = work.find_work(found, folder)
    path = work.pack(found, place, work.student_name(place, name))
    for doubt in work.doubts(found, path):
        say(f"Warning: {printable(doubt, characters=500, lines=3)}")
    say(f"wrote {work.shown(path)}: hand in this file")
