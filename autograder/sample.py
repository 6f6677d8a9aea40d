"""A class that never was: archives as students hand them in, for trying the grader out.

    right      the full answer and each of the lab's right/ variants; as other editors save them
    wrong      each of the lab's wrong/ variants
    partial    the first tasks answered, the others left as they were handed out
    empty      the untouched starter; an empty file
    broken     files that do not parse or may not be imported; archives that are damaged or odd
    hostile    attacks that every tier stops, in the place of the starter's functions

All of it is made from the lab, so there is a class for every lab. The names are invented, and who
hands in what depends on the lab's name alone.
"""

from __future__ import annotations

import ast
import random
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.damage import DAMAGES
from autograder.lab import PACKAGE_ROOT, Lab, LabError, Task
from autograder.starter import (
    answer_files,
    answer_source,
    starter_files,
    starter_source,
    variants,
)
from autograder.work import pack, slug

ATTACKS = PACKAGE_ROOT / "tests" / "autograder" / "attacks"


@dataclass(frozen=True)
class Attack:
    """A file that does harm where nothing stops it; its first lines say what it tries."""

    name: str
    text: str

    def says(self, key: str) -> str:
        """What stands behind ``# key:``; "" when nothing does."""
        found = re.search(rf"^# {key}: (.*)$", self.text, re.MULTILINE)
        return found[1] if found else ""

    def answer(self, lab: Lab, mark: str = "") -> str:
        """The attack as an answer to every function of ``lab``, or to the last one if it is slow.

        mark: what it leaves behind is to be called so.
        """
        names = [name for task in lab.tasks for name in _functions(task)]
        names = names[-1:] if self.says("touches") else names
        names = names if "def attack(" in self.text else []
        grown, _, count = self.says("grows").rpartition(" ")
        text = self.text.replace("GROWN", grown * int(count)) if count else self.text
        bound = "".join(f"{name} = attack\n" for name in names)
        return f"{text.replace('@mark@', mark or 'mark')}\n\n{bound}"


def find_attacks() -> list[Attack]:
    """All attacks, by name; only the full repository has them."""
    if not ATTACKS.is_dir():
        raise LabError(f"there is no {ATTACKS}: the attacks come with the full repository")
    return [Attack(path.stem, path.read_text("utf-8")) for path in sorted(ATTACKS.glob("*.py"))]


@dataclass(frozen=True)
class Work:
    """One thing to hand in; ``damage`` names what happens to its archive on the way."""

    kind: str
    name: str
    files: dict[str, bytes]
    damage: str | None = None


@dataclass(frozen=True)
class HandedIn:
    """Who handed in what, and where it lies."""

    student: str
    work: Work
    archive: Path


def write_class(lab: Lab, folder: Path) -> list[HandedIn]:
    """Write one archive a student into ``folder``; returns who handed in what, sorted by name.

    Raises `LabError` when the folder holds anything but an earlier sample class.
    """
    names = sample_folder(lab).joinpath("names.txt").read_text(encoding="utf-8").splitlines()
    works = list(all_works(lab))
    if len(works) > len(names):
        raise LabError(f"{len(works)} works for {len(names)} names; add to sample_class/names.txt")
    _make_room(folder, names)
    random.Random(lab.name).shuffle(names)
    pairs = sorted(zip(names, works, strict=False), key=lambda pair: pair[0])
    return [_hand_in(lab, name, work, folder) for name, work in pairs]


def all_works(lab: Lab) -> Iterator[Work]:
    """Everything that the class hands in for ``lab``, kind by kind."""
    yield from _right(lab)
    for name, path in variants(lab, "wrong").items():
        yield Work("wrong", name, answer_files(lab, path))
    for done in range(1, len(lab.tasks)):
        yield Work("partial", f"{done}_of_{len(lab.tasks)}_tasks", _first_tasks(lab, done))
    yield Work("empty", "starter", starter_files(lab))
    yield Work("empty", "empty_file", {**starter_files(lab), lab.file: b""})
    yield from _broken(lab)
    yield from _hostile(lab)


def sample_folder(lab: Lab) -> Path:
    """Where the names are; a student bundle has none."""
    folder = lab.folder.parent / "sample_class"
    if not folder.is_dir():
        raise LabError(f"there is no {folder}: the sample class comes with the full repository")
    return folder


def _right(lab: Lab) -> Iterator[Work]:
    answer = answer_files(lab)
    other = {name: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") for name, data in answer.items()}
    yield Work("right", "answer", answer)
    yield Work("right", "windows_editor", other)
    yield Work("right", "in_a_folder", answer, "in_a_folder")
    for name, path in variants(lab, "right").items():
        yield Work("right", name, answer_files(lab, path))


def _broken(lab: Lab) -> Iterator[Work]:
    answer = answer_files(lab)
    pdf = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0\0\0 obj\n"
    yield Work("broken", "exported_as_pdf", {**answer, lab.file: pdf})
    for name, line in (("unclosed_bracket", b"sum((1, 2)"), ("forbidden_import", b"import socket")):
        yield Work("broken", name, {**answer, lab.file: answer[lab.file] + b"\n" + line + b"\n"})
    for damage in DAMAGES:
        if damage not in ("in_a_folder", "shadowing"):
            yield Work("broken", damage, answer, damage)


def _hostile(lab: Lab) -> Iterator[Work]:
    starter = starter_files(lab)
    yield Work("hostile", "shadowing", starter, "shadowing")
    for attack in find_attacks():
        if attack.says("stopped from") == "T0" and not attack.says("class"):
            source = f"{starter_source(lab)}\n\n{attack.answer(lab)}"
            yield Work("hostile", attack.name, {**starter, lab.file: source.encode()})


def _first_tasks(lab: Lab, done: int) -> dict[str, bytes]:
    """The answer with the functions of all tasks after the first ``done`` blanked again."""
    starter = starter_source(lab)
    blank = {name for task in lab.tasks[done:] for name in _functions(task)}
    pieces = []
    for node in ast.parse(starter).body:
        if isinstance(node, ast.FunctionDef) and node.name in blank:
            start = min([node.lineno, *(part.lineno for part in node.decorator_list)])
            pieces.append("\n".join(starter.splitlines()[start - 1 : node.end_lineno]))
    source = answer_source(lab, "\n\n\n".join(pieces))
    return {**starter_files(lab), lab.file: source.encode()}


def _functions(task: Task) -> list[str]:
    """The names of the functions that a student writes for a task."""
    return [*(name.partition(":")[2] for name in task.rebuild), *task.extend]


def _hand_in(lab: Lab, student: str, work: Work, folder: Path) -> HandedIn:
    """Do as ``labs submit`` does, and then what happens on the way."""
    with tempfile.TemporaryDirectory() as place:
        for name, content in work.files.items():
            Path(place, name).write_bytes(content)
        packed = pack(lab, Path(place), student)
        archive = packed.read_bytes()
    if work.damage is not None:
        archive = DAMAGES[work.damage](archive, lab.file)
    path = folder / packed.name
    path.write_bytes(archive)
    return HandedIn(student, work, path)


def _make_room(folder: Path, names: list[str]) -> None:
    """Remove an earlier class, whatever its lab; refuse a folder with anything else in it."""
    folder.mkdir(parents=True, exist_ok=True)
    ours = tuple(f"-{slug(name)}.zip" for name in names)
    present = list(folder.iterdir())
    for path in present:
        if not path.name.endswith(ours):
            raise LabError(f"{folder} holds {path.name}; choose an empty folder for the class")
    for path in present:
        path.unlink()
