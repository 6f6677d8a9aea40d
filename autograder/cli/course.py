"""``autograder``: what an instructor types for a course."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.request import LabOption, course_key, lab_named, say
from autograder.lab import find_root
from autograder.printable import printable
from autograder.results import LabResult
from autograder.show import console

autograder_app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Give out the labs and grade them."
)

UNSAFE = (
    "Tier T0: submissions run as plain processes with your rights. Grade in a container or under "
    "an account that holds nothing else."
)


@autograder_app.command()
def release(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")
    ],
) -> None:
    """Write the student bundle to DIR."""
    from autograder.release import release as write_bundle

    files = write_bundle(find_root(), folder)
    say(f"wrote {len(files)} files to {folder}")


@autograder_app.command()
def grade(
    submissions: Annotated[list[Path], typer.Argument(help="Archives, folders, files.")],
    lab: LabOption,
    out: Annotated[Path, typer.Option(help="Where results, gradebook and report go.")],
    key_file: Annotated[
        Path | None, typer.Option(help="The course key; or set AUTOGRADER_KEY.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Submissions at a time; 0: one a core.")] = 0,
) -> None:
    """Grade SUBMISSIONS: gradebook.csv, report.html and results/ in the folder OUT."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from autograder.batch import find_submissions, grade_all

    found, to = lab_named(lab), console(stderr=True)
    paths, key = find_submissions(submissions, found), course_key(key_file)
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
    say(f"wrote {out / 'gradebook.csv'} and {out / 'report.html'}")
    raise typer.Exit(int(any(result.broken for result in results)))


@autograder_app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the archives go.")],
    lab: LabOption = "autodiff",
) -> None:
    """Write a class of right, wrong, broken and hostile archives to DIR, to try grading out."""
    from autograder.sample import write_class

    class_ = write_class(lab_named(lab), folder)
    for one in class_:
        say(f"{one.archive.name:<44} {one.work.kind:<8} {one.work.name}")
    say(f"wrote {len(class_)} archives; next: autograder grade {folder} --lab {lab} --out OUT")


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
