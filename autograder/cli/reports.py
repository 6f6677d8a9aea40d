"""``autograder report`` and ``autograder similar``: what is to be read before and after marks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from autograder.atomic import write_atomically
from autograder.cli.request import (
    CourseFile,
    LabOption,
    RosterFile,
    course_terms,
    lab_named,
    labs_here,
    say,
    warn,
)
from autograder.lab import LabError
from autograder.show import console

reports_app = typer.Typer(add_completion=False)
Reveal = StrEnum("Reveal", ["points", "title", "full"])


@reports_app.command()
def report(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What autograder grade wrote.")],
    book: Annotated[str, typer.Option(help="Web address of the book, to link its sections.")] = "",
    reveal: Annotated[Reveal, typer.Option(help="Of hidden checks, to students.")] = Reveal.title,
    course: CourseFile = None,
    roster: RosterFile = None,
    similar: Annotated[
        list[Path] | None, typer.Option(help="What autograder similar wrote, for each lab.")
    ] = None,
) -> None:
    """Write OUT/report anew: pages for the staff, and a page for each student to hand out."""
    from rich.progress import track

    from autograder.course.tables import Book
    from autograder.report import Site
    from autograder.similar import load
    from autograder.store import STORE, Store

    if urlsplit(book).scheme not in ("http", "https") and book:
        raise LabError(f"--book should be an address such as https://example.org, not {book!r}")
    terms = course_terms(course, roster)
    pairs, to = dict(map(load, similar or ())), console(stderr=True)
    with Store(out / STORE) as store:
        marks = Book(track(store.graded(), "reading", console=to), *terms)
        site = Site(labs_here(), marks, reveal.value, book, pairs)
        site.write(track(store.graded(), "writing", console=to), out / "report")
    say(f"wrote {out / 'report' / 'index.html'}; to hand out: {out / 'report' / 'students'}")


@reports_app.command()
def similar(
    submissions: Annotated[list[Path], typer.Argument(help="Archives, folders, files.")],
    lab: LabOption,
    out: Annotated[Path, typer.Option(help="FILE.html to read, FILE.json for the report.")],
    least: Annotated[int, typer.Option(min=1, help="Fingerprints in common.")] = 8,
) -> None:
    """Find works that share more than the starter and what many wrote.

    A pair is a reason to read two files, not a proof; answers to short labs are alike by chance.
    """
    from rich.progress import track

    from autograder.batch import find_submissions
    from autograder.report.pairs import similar_page
    from autograder.similar import read_work, save
    from autograder.similar import similar as find_pairs
    from autograder.starter import starter_source

    found, works, to = lab_named(lab), [], console(stderr=True)
    for path in track(find_submissions(submissions, found), "reading", console=to):
        try:
            works.append(read_work(path, found))
        except LabError as why:
            warn(str(why), to)
    with to.status("comparing"):
        pairs = find_pairs(works, starter_source(found), least)
    page, data = out.with_suffix(".html"), out.with_suffix(".json")
    write_atomically(data, save(found, pairs))
    write_atomically(page, similar_page(found.title, pairs))
    say(f"{len(works)} files, pairs: {len(pairs)}; wrote {page}, and {data} for autograder report")
