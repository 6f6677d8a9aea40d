"""The two commands: ``labs`` for students, ``autograder`` for instructors.

Exit codes of both: 0, all is well; 1, some marks were missed (``labs check``) or some submission
could not be graded for a fault of ours (``autograder grade``); 2, the request makes no sense.
"""

from __future__ import annotations

import difflib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from autograder.lab import Lab, LabError, find_labs, find_root
from autograder.printable import printable
from autograder.results import LabResult
from autograder.show import console, show_result

labs_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Do the labs of the book.")
autograder_app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Give out the labs and grade them."
)

UNSAFE = (
    "Tier T0: submissions run as plain processes with your rights. Grade in a container or under "
    "an account that holds nothing else."
)

LabName = Annotated[str, typer.Argument(metavar="LAB", help="Its name, as in: labs list")]
Place = Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Default: work/LAB")]
Plain = Annotated[bool, typer.Option("--plain", help="ASCII signs, no colours, lines not wrapped.")]


def labs_main() -> None:
    """Entry point of ``labs``."""
    _run(labs_app, "labs")


def autograder_main() -> None:
    """Entry point of ``autograder``."""
    _run(autograder_app, "autograder")


def _run(app: typer.Typer, name: str) -> None:
    """A mistake of the user is one line on stderr, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a sign shows another one
            stream.reconfigure(errors="replace")
    try:
        app(prog_name=name)
    except (LabError, OSError) as error:
        console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
        raise SystemExit(2) from None


@labs_app.command("list")
def list_labs() -> None:
    """Name all labs, in the order of their chapters."""
    for lab in _labs().values():
        _say(f"{lab.name:<20} {lab.title}")


@labs_app.command()
def start(
    lab: LabName,
    folder: Place = None,
    force: Annotated[bool, typer.Option(help="Start anew; old files are kept aside.")] = False,
) -> None:
    """Write your folder for LAB: the file to complete, and the handout."""
    from autograder import work

    found = _lab(lab)
    place = folder or work.home(found) / work.WORK / found.name
    for path in work.start(found, place, force):
        _say(f"wrote {work.shown(path)}")
    again = f"{lab} {work.shown(folder)}" if folder else lab
    _say(f"Edit {work.shown(place / found.file)}, then: labs check {again}")


@labs_app.command()
def check(
    lab: LabName,
    folder: Place = None,
    plain: Plain = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Show marks and advice for your answer to LAB. Exit code 0 when nothing is missed."""
    from autograder.grade import grade_submission
    from autograder.submission import read_submission
    from autograder.work import find_work

    found = _lab(lab)
    submission = read_submission(find_work(found, folder), found)
    with console(stderr=True).status(f"checking {submission.student}"):
        result = grade_submission(found, submission)
    if as_json:
        typer.echo(json.dumps(result.to_gradescope(), indent=1))
    else:
        show_result(result, found, console(plain), plain)
    raise typer.Exit(int(result.score < result.points))


@labs_app.command()
def submit(
    lab: LabName,
    folder: Place = None,
    name: Annotated[str | None, typer.Option(help="Your name or number; asked once.")] = None,
) -> None:
    """Pack your answer to LAB as the archive to hand in."""
    from autograder import work

    found = _lab(lab)
    place = work.find_work(found, folder)
    path = work.pack(found, place, work.student_name(place, name))
    for doubt in work.doubts(found, path):
        _say(f"Warning: {printable(doubt, characters=500, lines=3)}")
    _say(f"wrote {work.shown(path)}: hand in this file")


@autograder_app.command()
def release(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")
    ],
) -> None:
    """Write the student bundle to DIR."""
    from autograder.release import release as write_bundle

    files = write_bundle(find_root(), folder)
    _say(f"wrote {len(files)} files to {folder}")


@autograder_app.command()
def grade(
    submissions: Annotated[list[Path], typer.Argument(help="Archives, folders, files.")],
    lab: Annotated[str, typer.Option(help="The lab they answer.")],
    out: Annotated[Path, typer.Option(help="Where results, gradebook and report go.")],
    key_file: Annotated[
        Path | None, typer.Option(help="The course key; or set AUTOGRADER_KEY.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Submissions at a time; 0: one a core.")] = 0,
) -> None:
    """Grade SUBMISSIONS: gradebook.csv, report.html and results/ in the folder OUT."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from autograder.batch import find_submissions, grade_all

    found, to = _lab(lab), console(stderr=True)
    paths, key = find_submissions(submissions, found), _key(key_file)
    if key is None:
        to.print("No course key (--key-file or AUTOGRADER_KEY): these are practice marks.")
    to.print(UNSAFE)
    bar = Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=to)
    with bar:
        row = bar.add_task("grading", total=len(paths))
        results = grade_all(
            found, paths, out, key or b"practice", workers, lambda result: bar.advance(row)
        )
    for line in _remarks(results):
        to.print(printable(line, characters=300), markup=False, soft_wrap=True)
    _say(f"wrote {out / 'gradebook.csv'} and {out / 'report.html'}")
    raise typer.Exit(int(any(result.broken for result in results)))


@autograder_app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the archives go.")],
    lab: Annotated[str, typer.Option(help="The lab they answer.")] = "autodiff",
) -> None:
    """Write a class of right, wrong, broken and hostile archives to DIR, to try grading out."""
    from autograder.sample import write_class

    class_ = write_class(_lab(lab), folder)
    for one in class_:
        _say(f"{one.archive.name:<44} {one.work.kind:<8} {one.work.name}")
    _say(f"wrote {len(class_)} archives; next: autograder grade {folder} --lab {lab} --out OUT")


def _remarks(results: list[LabResult]) -> Iterator[str]:
    """What an instructor should look at before the marks are given out."""
    for result in results:
        if result.problem or result.note:
            yield f"{result.student}: {result.problem or result.note}"
        if result.broken:
            yield f"{result.student}: a check failed for a fault of its own; grade again"
    for student, count in Counter(result.student for result in results).items():
        if count > 1:
            yield f"{student}: {count} submissions, each with a row of its own"


def _say(line: str) -> None:
    console().print(line, markup=False, soft_wrap=True)


def _lab(name: str) -> Lab:
    labs = _labs()
    if name not in labs:
        meant = "".join(
            f"; did you mean {one}?" for one in difflib.get_close_matches(name, labs, 1)
        )
        raise LabError(f"there is no lab {name!r}; there are {', '.join(labs) or 'none'}{meant}")
    return labs[name]


def _labs() -> dict[str, Lab]:
    """All labs; it is said when they come from somewhere else than the course we are in."""
    root = find_root()
    if not Path.cwd().resolve().is_relative_to(root):
        line = f"This folder belongs to no course; using the labs of {root}"
        console(stderr=True).print(line, markup=False, soft_wrap=True)
    return find_labs(root)


def _key(file: Path | None) -> bytes | None:
    """The course key, or None; an empty one is an error."""
    text = file.read_text(encoding="utf-8") if file else os.environ.get("AUTOGRADER_KEY")
    if text is None:
        return None
    if not text.strip():
        raise LabError("the course key is empty")
    return text.strip().encode()
