"""A student's folder: started from the starter, read for checking, packed for handing in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from autograder.atomic import replacing, write_atomically
from autograder.lab import Lab, LabError
from autograder.source import Rejected, vet
from autograder.starter import starter_source
from autograder.submission import Submission, read_submission, write_archive

WORK = "work"  # where folders are made unless a place is named
NAME_FILE = "student.txt"  # beside the labs' folders: who hands in


def start(lab: Lab, folder: Path, force: bool = False) -> list[Path]:
    """Write the student's files of ``lab`` to ``folder``; return where they are.

    Work that is there already is never overwritten: without ``force`` that is an error, with it
    the old files are kept under another name.
    """
    given = {name: lab.folder / "files" / name for name in lab.extra}
    given["handout.md"] = lab.folder / "handout.md"
    texts = {lab.file: starter_source(lab)}
    texts |= {name: path.read_text(encoding="utf-8") for name, path in given.items()}
    present = [folder / name for name in lab.files if (folder / name).exists()]
    if present and not force:
        raise LabError(
            f"{shown(present[0])} is there already and was left as it is; "
            f"use --force to start anew (your file is then kept as {_free_name(present[0]).name})"
        )
    for path in present:
        path.rename(_free_name(path))
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]


def _free_name(path: Path) -> Path:
    """autodiff.py -> autodiff.old-1.py, or the first number that is free."""
    number = 1
    while (free := path.with_name(f"{path.stem}.old-{number}{path.suffix}")).exists():
        number += 1
    return free


def home(lab: Lab) -> Path:
    """The folder that holds ``work/``: the root of the course, wherever in it we are.

    Outside of any course: the nearest folder above in which a lab was started, else this one.
    """
    here = Path.cwd().resolve()
    if here.is_relative_to(lab.root):
        return lab.root
    above = (here, *here.parents)
    return next((f for f in above if any((f / WORK).glob("*/handout.md"))), here)


def shown(path: Path) -> Path:
    """``path`` as one may type it here: relative when it is below this folder, else absolute."""
    path, here = path.absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def find_work(lab: Lab, place: Path | None = None) -> Path:
    """The folder or file with the student's answer: ``place``, or here, or below `home`'s work/."""
    if place is not None and not place.is_dir():
        if not place.exists():
            raise LabError(f"there is no {place}")
        return place
    usual = [Path.cwd(), home(lab) / WORK / lab.name]
    looked = [place.resolve()] if place else list(dict.fromkeys(usual))
    for folder in looked:
        if (folder / lab.file).is_file():
            return folder
    where, start = " or ".join(map(str, looked)), f"labs start {lab.name}"
    then = f"name the folder that {start!r} wrote" if place else f"begin with: {start}"
    raise LabError(f"no {lab.file} in {where}; {then}")


def versions(lab: Lab, place: Path, watch: bool) -> Iterator[Submission]:
    """What is at ``place`` now; with ``watch``, again whenever one of its files was saved."""
    files = [place / name for name in lab.files] if place.is_dir() else [place]
    while True:
        before = [_saved(file) for file in files]
        yield read_submission(place, lab)
        if not watch:
            return
        while [_saved(file) for file in files] == before:
            time.sleep(0.2)
        time.sleep(0.05)  # an editor that writes in two steps


def _saved(file: Path) -> tuple[int, int]:
    """When ``file`` was last saved, and its size; nothing for a moment while some editors save."""
    with contextlib.suppress(OSError):
        about = file.stat()
        return about.st_mtime_ns, about.st_size
    return 0, 0


def pack(lab: Lab, folder: Path, student: str) -> Path:
    """Write the archive to hand in beside the folder's files."""
    submission = read_submission(folder, lab)
    if submission.problem or lab.file not in submission.files:
        raise LabError(submission.problem or f"there is no {lab.file} in {folder}")
    target = (folder if folder.is_dir() else folder.parent) / f"{lab.name}-{slug(student)}.zip"
    with replacing(target) as scratch:
        scratch.write_bytes(write_archive(lab, submission.files, student))
    return target


def doubts(lab: Lab, archive: Path) -> Iterator[str]:
    """Why its author may not want to hand in what `pack` wrote."""
    submission = read_submission(archive, lab)
    for name in submission.missing(lab):
        yield f"there is no {name} in the archive; the checks that read it will give no points"
    source = submission.files[lab.file]
    if source.replace(b"\r\n", b"\n") == starter_source(lab).encode():
        yield f"{lab.file} is still the starter, as it was given to you; it earns no points"
    try:
        vet(lab, source)
    except Rejected as rejected:
        yield f"handed in like this, your file cannot be graded: {rejected}"
    for path in sorted(archive.parent.glob(f"{lab.name}-*.zip")):
        if path != archive:
            yield f"{path.name}, made earlier under another name, lies beside it"


def student_name(folder: Path, given: str | None) -> str:
    """Who hands in: the name given now, which is remembered, or the one given before."""
    memory = (folder if folder.is_dir() else folder.parent).parent / NAME_FILE
    if given and given.strip():
        write_atomically(memory, given.strip() + "\n")
        return given.strip()
    if memory.is_file() and (name := memory.read_text(encoding="utf-8").strip()):
        return name
    raise LabError("who hands this in? Say it once: labs submit LAB --name 'your name or number'")


def slug(name: str) -> str:
    """A file name that is safe everywhere.

    >>> slug("Ada Lovelace / 1815"), slug("../..")
    ('Ada_Lovelace_1815', '_')
    """
    safe = "".join(sign if sign.isalnum() or sign in "-_." else " " for sign in name)
    return "_".join(safe.replace(".", " ").split())[:80] or "_"
