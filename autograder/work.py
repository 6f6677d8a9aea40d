"""A student's folder: started from the starter, read for checking, packed for handing in."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.atomic import write_atomically
from autograder.lab import Lab, LabError
from autograder.starter import starter_source
from autograder.submission import read_submission, write_archive

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
            f"{present[0]} is there already and was left as it is; "
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


def find_work(lab: Lab, place: Path | None = None) -> Path:
    """The folder or file with the student's answer: ``place``, here, or below work/."""
    if place is not None:
        if not place.exists():
            raise LabError(f"there is no {place}")
        return place
    here = Path.cwd()
    for folder in (here, here / WORK / lab.name, lab.root / WORK / lab.name):
        if (folder / lab.file).is_file():
            return folder
    raise LabError(
        f"no {lab.file} in {here} or {WORK}/{lab.name}; begin with: labs start {lab.name}"
    )


def pack(lab: Lab, folder: Path, student: str) -> Path:
    """Write the archive to hand in beside the folder it is made from."""
    submission = read_submission(folder, lab)
    missing = [name for name in lab.files if name not in submission.files]
    if submission.problem or missing:
        raise LabError(submission.problem or f"there is no {missing[0]} in {folder}")
    target = (folder if folder.is_dir() else folder.parent) / f"{lab.name}-{slug(student)}.zip"
    scratch = target.with_suffix(".part")
    scratch.write_bytes(write_archive(lab, submission.files, student))
    os.replace(scratch, target)
    return target


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
