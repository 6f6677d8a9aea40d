"""What ``labs/<lab>/lab.toml`` says, checked with errors that say how to mend it.

The same code serves the repository and the student bundle: both have ``labs/``, ``mlsys/`` and
``book/chapters.toml`` under one root. A bundle has no ``solution.py``; it carries the generated
starter in ``labs/<lab>/starter/`` instead.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from autograder.process import Limits

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
GRADED = ("lab.toml", "checks.py", "probes.py", "yardstick.py")


class LabError(ValueError):
    """A lab, or the place where labs are looked for, is not as it should be."""


@dataclass(frozen=True)
class Task:
    """One thing to write: functions of the module to rebuild, or new ones to add."""

    name: str
    title: str
    rebuild: tuple[str, ...] = ()  # "package.module:function"
    extend: tuple[str, ...] = ()  # functions of solution.py


@dataclass(frozen=True)
class Lab:
    """A lab's description. ``name`` is its folder's name, ``root`` holds labs/ and mlsys/."""

    folder: Path
    title: str
    chapter: str
    file: str
    imports: tuple[str, ...]
    tasks: tuple[Task, ...]
    extra: tuple[str, ...] = ()
    given: tuple[str, ...] = ()  # "package.module:name", shown whole above the functions to write
    judges: tuple[str, ...] = ()  # files beside checks.py that it imports: from .disk import Disk
    limits: Limits = field(default_factory=Limits)
    hidden: Path | None = None  # a folder with the instructor's own checks.py, never given out
    version: str = ""  # a hash of all that decides about marks

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def root(self) -> Path:
        return self.folder.parent.parent

    @property
    def files(self) -> tuple[str, ...]:
        """Everything a submission of this lab contains."""
        return (self.file, *self.extra)

    @property
    def graded(self) -> list[Path]:
        """What decides about marks, beside the autograder and files/; all of it is given out."""
        names = (*GRADED, *self.judges)
        return [path for name in names if (path := self.folder / name).exists()]


def load_lab(path: Path | str) -> Lab:
    """Read the lab in folder ``path``; raises `LabError` when something is missing or wrong."""
    folder = Path(path).resolve()
    try:
        data = tomllib.loads((folder / "lab.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"{folder} is no lab: it has no lab.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{folder / 'lab.toml'} is not valid TOML: {error}") from None
    try:
        lab = _lab_from(folder, data)
        return replace(lab, version=_version(lab))
    except (OSError, ValueError) as error:
        raise LabError(f"{folder / 'lab.toml'}: {error}") from None


def with_hidden(lab: Lab, folder: Path | None) -> Lab:
    """``lab`` with the checks of ``folder``/LAB/checks.py too, which are never given out."""
    if folder is None:
        return lab
    hidden = folder.resolve() / lab.name
    if not (hidden / "checks.py").is_file():
        raise LabError(f"{hidden / 'checks.py'} does not exist: the hidden checks of {lab.name}")
    lab = replace(lab, hidden=hidden)
    return replace(lab, version=_version(lab))


def _lab_from(folder: Path, data: dict[str, Any]) -> Lab:
    known = {"title", "chapter", "file", "imports", "extra", "given", "judges", "limits", "tasks"}
    _no_other_keys("the top level", data, known)
    lab = Lab(
        folder=folder,
        title=_text(data, "title"),
        chapter=_text(data, "chapter"),
        file=_text(data, "file"),
        imports=_texts(data, "imports"),
        extra=_texts(data, "extra"),
        given=_texts(data, "given"),
        judges=_texts(data, "judges"),
        limits=_limits(data.get("limits", {})),
        tasks=tuple(_task(task) for task in data.get("tasks", [])),
    )
    _check(lab)
    return lab


def _version(lab: Lab) -> str:
    """The same on every platform, whatever its line ends."""
    digest = hashlib.sha256()
    hidden = sorted(lab.hidden.glob("*.py")) if lab.hidden else []
    for path in [*hidden, *lab.graded, *(lab.folder / "files" / name for name in lab.extra)]:
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.name}\0{len(text)}\0".encode() + text)
    return f"sha256:{digest.hexdigest()}"


def _limits(data: dict[str, float]) -> Limits:
    _no_other_keys("[limits]", data, {key.name for key in fields(Limits)})
    for name, value in data.items():
        if not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"[limits] {name} should be a number above 0, not {value!r}")
    wall = data.get("wall", Limits.wall)
    return Limits(**{"total": 4 * wall, **data})  # type: ignore[arg-type]


def _task(data: dict[str, Any]) -> Task:
    _no_other_keys("[[tasks]]", data, {key.name for key in fields(Task)})
    rebuild, extend = _texts(data, "rebuild"), _texts(data, "extend")
    return Task(_text(data, "name"), _text(data, "title"), rebuild, extend)


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} should be a text in quotes, not {value!r}")
    return value


def _texts(data: dict[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} should be a list of texts, not {value!r}")
    return tuple(value)


def _no_other_keys(where: str, data: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(data) - known):
        raise ValueError(f"{where} has {unknown[0]!r}; it may have {', '.join(sorted(known))}")


def _check(lab: Lab) -> None:
    """The rules that no single key can break."""
    for name in lab.files:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
            raise ValueError(f"{name!r} should be a plain file name, without folders")
    if not lab.file.endswith(".py"):
        raise ValueError(f"file should end in .py, not {lab.file!r}")
    if not re.fullmatch(r"\w+/\w+", lab.chapter):
        raise ValueError(f'chapter should read "part/chapter", not {lab.chapter!r}')
    for name in lab.judges:
        if not re.fullmatch(r"[a-z_]\w*\.py", name) or not (lab.folder / name).is_file():
            raise ValueError(f"judges: {name!r} should be a Python file beside checks.py")
    if not lab.tasks:
        raise ValueError("there should be at least one [[tasks]]")
    for where, names in [("given", lab.given), *((task.name, task.rebuild) for task in lab.tasks)]:
        if any(name.count(":") != 1 for name in names):
            raise ValueError(f'{where}: names of the module should read "package.module:name"')


def find_root(start: Path | None = None) -> Path:
    """The nearest folder at or above ``start`` (default: here) with labs, or our own package's."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, PACKAGE_ROOT):
        if (folder / "mlsys").is_dir() and any(folder.glob("labs/*/lab.toml")):
            return folder
    raise LabError(f"no labs/ found in {here} or above; change to the folder of the course")


def find_labs(start: Path | None = None) -> dict[str, Lab]:
    """All labs by name, in the order of their chapters."""
    root = find_root(start)
    labs = [load_lab(path.parent) for path in root.glob("labs/*/lab.toml")]
    order = {chapter: place for place, chapter in enumerate(chapter_order(root))}
    labs.sort(key=lambda lab: (order.get(lab.chapter, len(order)), lab.name))
    return {lab.name: lab for lab in labs}


def chapter_order(root: Path) -> list[str]:
    """All chapters as "part/stem", in reading order."""
    try:
        data = tomllib.loads((root / "book" / "chapters.toml").read_text(encoding="utf-8"))
        return [f"{row['part']}/{row['chapter']}" for row in data["chapters"]]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise LabError(
            f"book/chapters.toml, the order of chapters, is unusable: {error!r}"
        ) from None


def modules(root: Path) -> dict[str, Path]:
    """All of mlsys: dotted names, packages included, and their files."""
    found = {}
    for path in sorted((root / "mlsys").rglob("*.py")):
        name = path.relative_to(root).with_suffix("").parts
        found[".".join(name[:-1] if name[-1] == "__init__" else name)] = path
    return found


def earlier_modules(lab: Lab) -> dict[str, Path]:
    """The modules that a graded file may import: packages, and chapters before the lab's.

    A module belongs to the chapter of its path.
    """
    order = chapter_order(lab.root)
    if lab.chapter not in order:
        raise LabError(f"{lab.name}: {lab.chapter} is not in book/chapters.toml")
    earlier = set(order[: order.index(lab.chapter)])
    return {
        name: path
        for name, path in modules(lab.root).items()
        if name.count(".") < 2 or "/".join(name.split(".")[1:3]) in earlier
    }


def third_party(lab: Lab) -> list[str]:
    """What is needed that is neither in the standard library nor ours; mlsys needs NumPy."""
    needed = {*lab.imports, *(["numpy"] if "mlsys" in lab.imports else [])}
    return sorted(needed - sys.stdlib_module_names - {"mlsys"})
