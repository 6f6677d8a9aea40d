"""Grade a class: every submission gets a row, whatever it is and whatever it does.

Submissions are graded by a pool of threads (the work is done by their child processes), each
result is written as soon as it is there, and the marks depend on neither order nor number of
threads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from autograder.atomic import write_atomically
from autograder.grade import Grader
from autograder.gradebook import write_csv
from autograder.lab import Lab, LabError
from autograder.report import write_html
from autograder.results import LabResult
from autograder.sandbox import Sandbox
from autograder.submission import Submission, read_submission
from autograder.work import slug


def find_submissions(paths: Sequence[Path], lab: Lab) -> list[Path]:
    """The submissions that ``paths`` name: archives, files, folders with the lab's file, or
    folders full of those. Everything in such a folder counts, but names that begin with a dot."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise LabError(f"{path} does not exist")
        if path.is_dir() and not (path / lab.file).exists():
            found += sorted(p for p in path.iterdir() if not p.name.startswith("."))
        else:
            found.append(path)
    if not found:
        raise LabError(f"no submissions in {', '.join(map(str, paths))}")
    return found


def grade_all(
    lab: Lab,
    paths: Sequence[Path],
    out: Path,
    key: bytes,
    workers: int = 0,
    done: Callable[[LabResult], None] = lambda result: None,
) -> list[LabResult]:
    """Grade the submissions at ``paths`` and write results, gradebook and report below ``out``.

    done: called with each result as it comes. Returns the results in the order of ``paths``.
    """
    names = _file_names([path.stem for path in paths])
    with Sandbox(lab) as sandbox, ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        grader = Grader(lab, sandbox, key)
        futures = [pool.submit(_grade, grader, path) for path in paths]
        places = dict(zip(futures, names, strict=True))
        for future in _as_they_come(pool, futures):
            _write(future.result(), out / "results" / f"{places[future]}.json")
            done(future.result())
    results = [future.result() for future in futures]
    write_csv(results, out / "gradebook.csv")
    write_html(results, lab, out / "report.html")
    return results


def _as_they_come(pool: Executor, futures: list[Future[LabResult]]) -> Iterator[Future[LabResult]]:
    """Finished futures; when we are interrupted, those that have not begun are dropped."""
    try:
        yield from as_completed(futures)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _grade(grader: Grader, path: Path) -> LabResult:
    """A result, even when it is our own program that fails on this submission."""
    submission = Submission(path.name, {}, problem="it could not be read")
    try:
        submission = read_submission(path, grader.lab)
        return grader.grade(submission)
    except Exception as error:
        return grader.not_gradable(submission, "internal", f"{type(error).__name__}: {error}")


def _write(result: LabResult, path: Path) -> None:
    write_atomically(path, json.dumps(result.to_gradescope(), indent=1) + "\n")


def _file_names(names: list[str]) -> list[str]:
    """A safe name for each, no two of them alike even where case does not count."""
    taken: dict[str, int] = {}
    unique = []
    for name in map(slug, names):
        count = taken[name.lower()] = taken.get(name.lower(), 0) + 1
        unique.append(name if count == 1 else f"{name}-{count}")
    return unique
