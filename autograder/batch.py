"""Grade a class: every submission gets a row, whatever it is and whatever it does.

Submissions are read one after the other into a short queue before the graders of a `Place`: threads
here, whose work is done by their child processes, or a cluster. A result is in the store before the
next one is awaited. What the store knows is not graded again, and what is handed in twice is graded
once. Marks depend on neither the order nor the number of graders.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from autograder.atomic import write_atomically
from autograder.course.tables import Book, write_table
from autograder.grade import PRACTICE, Grader, require_walls
from autograder.lab import Lab, LabError, find_labs
from autograder.report import Site
from autograder.results import CheckResult, Graded, LabResult
from autograder.sandbox import Sandbox
from autograder.store import STORE, Store, cache_key, outdated, storable, terms_of, told
from autograder.submission import Submission, read_submission
from autograder.work import slug

Done = Callable[[LabResult], None]


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


class Place(NamedTuple):
    """Where submissions are graded: ``pool`` runs ``grade``, ``slots()`` of them at a time."""

    pool: Executor
    grade: Callable[[Submission], LabResult]
    tier: str
    slots: Callable[[], int]


@contextlib.contextmanager
def open_place(lab: Lab, key: bytes, workers: int = 0, cluster: str = "") -> Iterator[Place]:
    """Threads of this process, one a core unless told otherwise; or the cluster of this name."""
    if cluster:
        from autograder.cluster import dask_cluster

        with dask_cluster(cluster, lab, key) as place:
            yield place
        return
    slots = workers or os.cpu_count() or 1
    with Sandbox(lab) as sandbox:
        pool = ThreadPoolExecutor(slots)
        try:
            yield Place(pool, Grader(lab, sandbox, key).grade, sandbox.tier, lambda: slots)
        finally:  # without waiting: what still runs ends when the sandbox ends its children
            pool.shutdown(wait=False, cancel_futures=True)


def grade_all(
    lab: Lab,
    paths: Sequence[Path],
    out: Path,
    key: bytes,
    workers: int = 0,
    done: Done = lambda result: None,
    moments: Sequence[float] | None = None,
    cluster: str = "",
    afresh: bool = False,
    allow_unsafe: bool = False,
) -> list[LabResult]:
    """Grade the submissions at ``paths``; write store, results, gradebook and report below ``out``.

    done: called with each result as it comes; moments: when each was handed in, default: the time
    of its file; afresh: grade even what the store knows; allow_unsafe: with the course's key even
    where nothing walls submissions off, which is a `LabError` otherwise. Returns the results in the
    order of ``paths``. May be killed at any moment: the same call goes on.
    """
    with Store(out / STORE, create=True) as store:
        with open_place(lab, key, workers, cluster) as place:
            require_walls(place.tier, key, allow_unsafe)
            batch = _Batch(lab, key, store, place, done, afresh)
            for path, moment in zip(paths, moments or handed_in(paths, lab), strict=True):
                batch.add(path, moment)
                batch.collect(2 * place.slots() - 1)
            batch.collect()
        if store.to_publish(lab.name) or not (out / "gradebook.csv").exists():
            with told(out):
                publish(store, lab, out)
        graded = {one.source: one.result for one in store.graded(lab.name)}
    return [graded[_source(path)] for path in paths]


@dataclass
class _Job:
    """A submission that is being graded, and all who handed it in: (source, moment, submission)."""

    key: str
    owners: list[tuple[str, float, Submission]]
    tries: int = 0


@dataclass
class _Batch:
    """Grades submissions of one lab at one place into a store."""

    lab: Lab
    key: bytes
    store: Store
    place: Place
    done: Done
    afresh: bool

    def __post_init__(self) -> None:
        self._terms = terms_of(self.lab, self.place.tier)
        self._running: dict[Future[LabResult], _Job] = {}

    def add(self, path: Path, moment: float) -> None:
        """Keep the attempt at ``path``, now or when its grading ends."""
        submission = read_submission(path, self.lab)
        key = cache_key(submission, self.lab, self._terms, self.key)
        job = _Job(key, [(_source(path), moment, submission)])
        same = [running for running in self._running.values() if running.key == key]
        known = None if self.afresh else self.store.find(key)
        if same:
            same[0].owners += job.owners
        elif known:
            self._keep(job, known)
        else:
            self._start(job)

    def collect(self, most: int = 0) -> None:
        """Keep what has been graded, until at most so many are being graded.

        What failed for a fault of ours is tried once more.
        """
        while len(self._running) > most:
            for future in wait(self._running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                job = self._running.pop(future)
                result = self._outcome(future, job.owners[0][2])
                if result.broken and job.tries == 1:
                    self._start(job)
                else:
                    self._keep(job, result, self._terms["grader"])

    def _start(self, job: _Job) -> None:
        job.tries += 1
        self._running[self.place.pool.submit(self.place.grade, job.owners[0][2])] = job

    def _outcome(self, future: Future[LabResult], submission: Submission) -> LabResult:
        """A result, even when it is our own program that fails on this submission."""
        try:
            return future.result()
        except LabError:
            raise  # nothing can be graded there
        except Exception as error:
            why = f"grading failed, no fault of the student's: {type(error).__name__}: {error}"
            lab, kind = self.lab, "practice" if self.key == PRACTICE else "course"
            failed = CheckResult("grading", lab.tasks[0].name, "grading", 100, 0.0, "internal", why)
            about = (lab.name, lab.title, lab.version, submission.hash, self.place.tier, kind)
            return LabResult(submission.student, *about, (failed,), problem=why)

    def _keep(self, job: _Job, result: LabResult, grader: str | None = None) -> None:
        graded = [
            Graded(source, moment, replace(result, student=s.student, note=s.note(self.lab)))
            for source, moment, s in job.owners
        ]
        self.store.keep(job.key, graded, grader)
        for one in graded:
            self.done(one.result)


def publish(store: Store, lab: Lab, out: Path) -> None:
    """Write what is to be read: the results of a lab, gradebook and report of the course."""
    names = _file_names([one.source for one in store.graded(lab.name)], lab)
    for name, one in zip(names, store.graded(lab.name), strict=True):
        text = json.dumps(one.result.to_gradescope()) + "\n"
        write_atomically(out / "results" / f"{name}.json", text)
    book = Book(store.graded())
    write_table(book.wide(), out / "gradebook.csv")
    Site({**find_labs(lab.root), lab.name: lab}, book).write(store.graded(), out / "report")
    store.published(lab.name)


def regradable(
    out: Path, labs: dict[str, Lab], where: str = ""
) -> tuple[dict[str, list[Graded]], list[str]]:
    """The attempts to grade again, by lab; and why some that should be cannot, whose results stay.

    where: an SQL condition on `Store.select`'s view; default: the `outdated` ones.
    """
    groups, doubts = dict[str, list[Graded]](), []
    with Store(out / STORE) as store:
        chosen = store.select(where or outdated(labs.values()))
        for one in store.graded():
            if (one.result.lab, one.source) in chosen:
                if doubt := _doubt(one, labs.get(one.result.lab)):
                    doubts.append(f"{one.source} {doubt}; its old result stays")
                else:
                    groups.setdefault(one.result.lab, []).append(one)
    return groups, doubts


def _doubt(old: Graded, lab: Lab | None) -> str:
    """Why it cannot be graded again as it was handed in; empty when it can be."""
    if lab is None:
        return f"answers {old.result.lab}, which is no lab of this course"
    if any(check.hidden for check in old.result.checks) and not lab.hidden:
        return "was graded with hidden checks, which --hidden names"
    if not Path(old.source).exists():
        return "is gone"
    same = read_submission(Path(old.source), lab).hash == old.result.submission
    return "" if same else "has changed since (autograder grade takes it as it is now)"


def handed_in(paths: Sequence[Path], lab: Lab, times: Path | None = None) -> list[float]:
    """When each was handed in, in seconds since 1970: the time of its file, or what ``times`` says.

    times: a CSV file of names and times, for platforms that give every file the time of export.
    """
    if times is None:
        return [_modified(path, lab) for path in paths]
    try:
        with times.open(encoding="utf-8-sig", newline="") as lines:
            known = {row["source"]: row["time"] for row in csv.DictReader(lines)}
        when = [known.get(path.name, f"no row for {path.name}") for path in paths]
        return [datetime.fromisoformat(text).timestamp() for text in when]
    except (KeyError, TypeError, ValueError) as error:
        wanted = "columns source,time and rows such as ada.zip,2026-10-01T23:59:00+02:00"
        raise LabError(f"{times}: {error}; expected {wanted}") from None


def _modified(path: Path, lab: Lab) -> float:
    for place in (path / lab.file, path):  # a folder's own time is that of its last copy
        with contextlib.suppress(OSError):
            return place.lstat().st_mtime
    return time.time()  # gone meanwhile; its row will say so


def _source(path: Path) -> str:
    return storable(os.path.abspath(path))


def _file_names(sources: Sequence[str], lab: Lab) -> list[str]:
    """A safe name for each, no two of them alike even where case does not count."""
    taken: dict[str, int] = {}
    unique = []
    for source in sources:
        name = f"{lab.name}-{slug(Path(source).stem.removeprefix(f'{lab.name}-'))}"
        count = taken[name.lower()] = taken.get(name.lower(), 0) + 1
        unique.append(name if count == 1 else f"{name}-{count}")
    return unique
