"""``autograder``: what an instructor types for a course."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.machine import machine_app
from autograder.cli.marks import marks_app
from autograder.cli.reports import reports_app
from autograder.cli.request import (
    Hidden,
    KeyFile,
    LabOption,
    Unsafe,
    course_key,
    lab_named,
    labs_here,
    say,
    warn,
)
from autograder.lab import LabError, find_root, with_hidden
from autograder.printable import printable
from autograder.results import LabResult
from autograder.show import console

autograder_app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Give out the labs and grade them."
)
autograder_app.add_typer(marks_app)
autograder_app.add_typer(machine_app)
autograder_app.add_typer(reports_app)

Workers = Annotated[int, typer.Option(help="Submissions at a time; 0: one a core.")]
Cluster = Annotated[str, typer.Option(help="A Dask cluster: tcp://HOST:PORT, or local:NUMBER.")]


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
    key_file: KeyFile = None,
    workers: Workers = 0,
    cluster: Cluster = "",
    hidden: Hidden = None,
    times: Annotated[Path | None, typer.Option(help="When they came, as CSV: source,time.")] = None,
    allow_unsafe: Unsafe = False,
) -> None:
    """Grade SUBMISSIONS: gradebook.csv, report/ and results/ in the folder OUT.

    What OUT knows is not graded again; after an interruption, the same command goes on.
    """
    from autograder.batch import find_submissions, grade_all, handed_in

    found, key = with_hidden(lab_named(lab), hidden), course_key(key_file)
    paths = find_submissions(submissions, found)
    moments = handed_in(paths, found, times)
    if key is None:
        warn("No course key (--key-file or AUTOGRADER_KEY): these are practice marks.")
    with _progress(len(paths)) as done:
        terms = (key or b"practice", workers, done, moments, cluster)
        results = grade_all(found, paths, out, *terms, allow_unsafe=allow_unsafe)
    for line in _remarks(results):
        warn(line)
    say(f"wrote {out / 'gradebook.csv'} and {out / 'report' / 'index.html'}")
    raise typer.Exit(int(any(result.broken for result in results)))


@autograder_app.command()
def regrade(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that grade wrote.")],
    where: Annotated[str, typer.Option(help="Which, in SQL, as in: \"reason = 'timeout'\".")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    key_file: KeyFile = None,
    workers: Workers = 0,
    cluster: Cluster = "",
    hidden: Hidden = None,
    allow_unsafe: Unsafe = False,
) -> None:
    """Grade attempts anew from their files: those of another version of their lab or the grader.

    With --where: those with a check for which it holds; a wrong name is answered with the columns.
    """
    from autograder.batch import grade_all, regradable

    labs, key = labs_here(), course_key(key_file)
    if hidden:
        own = {path.parent.name for path in hidden.glob("*/checks.py")}
        labs |= {name: with_hidden(lab, hidden) for name, lab in labs.items() if name in own}
    groups, doubts = regradable(out, labs, where)
    old = [one for group in groups.values() for one in group]
    for doubt in doubts:
        warn(doubt)
    say(f"{len(old)} attempts to grade again")
    for one in old:
        say(f"{one.result.lab}: {printable(one.source, characters=300)}")
    if key is None and any(one.result.key == "course" for one in old):
        raise LabError("these were graded with a course key; name it with --key-file")
    if dry_run:
        raise typer.Exit(int(bool(doubts)))
    results: list[LabResult] = []
    with _progress(len(old)) as done:
        for name, group in groups.items():
            paths, moments = [Path(one.source) for one in group], [one.handed_in for one in group]
            again = (labs[name], paths, out, key or b"practice", workers, done, moments, cluster)
            results += grade_all(*again, afresh=True, allow_unsafe=allow_unsafe)
    raise typer.Exit(int(bool(doubts) or any(result.broken for result in results)))


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[LabResult], None]]:
    """A bar on stderr, and what to call with each result; an interruption says how to go on."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console(stderr=True)) as bar:
            row = bar.add_task("grading", total=total)
            yield lambda result: bar.advance(row)
    except KeyboardInterrupt:
        warn("interrupted; what was graded is kept, and the same command goes on from there")
        raise typer.Exit(130) from None


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
    if unsafe := sum(result.tier == "T0" for result in results):
        yield f"{unsafe} submissions ran with your rights (tier T0): see autograder doctor"
    for result in results:
        if result.problem or result.note:
            yield f"{result.student}: {result.problem or result.note}"
        if result.broken:
            yield f"{result.student}: a check failed for a fault of its own; grade again"
    for student, count in Counter(result.student for result in results).items():
        if count > 1:
            yield f"{student}: {count} submissions; in the gradebook, the best counts"
