"""Read the tree as the architecture rules see it: modules, chapters, listings and imports."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import yaml

PACKAGES = ("mlsys", "autograder")
_FENCE = re.compile(
    r"^(?P<ticks>`{3,}|:{3,})(?P<head>[^\n]*)\n(?P<body>.*?)^(?P=ticks)[ \t]*$", re.M | re.S
)
_PYTHON_HEAD = re.compile(r"(\{code-cell\}|\{code-block\}\s*python|python\b|py\b)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Listing:
    """One ``literalinclude`` of a chapter: which file, and what of it.

    A definition is included by ``name``; what has none, such as the rows of a table, between two
    ``marks``, texts that stand in the file. Numbers of lines are no name: they go stale unnoticed.
    """

    path: str
    name: str | None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Module:
    """One Python file of ours, parsed: ``name`` is dotted, ``path`` relative to the root."""

    name: str
    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the file."""
        return ast.parse(self.text)

    @property
    def is_package(self) -> bool:
        """Whether the file is the ``__init__.py`` of a folder."""
        return self.path.endswith("__init__.py")

    @property
    def lines(self) -> int:
        """Lines of the file, blank ones too."""
        return len(self.text.splitlines())

    def functions(self) -> list[Function]:
        """Every function and method, however deep."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    def definitions(self) -> dict[str, ast.stmt]:
        """The functions and classes at the top of the file, by name."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return {node.name: node for node in self.tree.body if isinstance(node, kinds)}


class Project:
    """A checkout (or a small imitation of one) read for the rules; nothing is imported or run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def modules(self) -> dict[str, Module]:
        """Every Python file of our packages, by dotted name."""
        found = (self._module(path) for package in PACKAGES for path in self._files(package))
        return {module.name: module for module in found}

    def package(self, name: str) -> list[Module]:
        """The modules below one top-level package."""
        return [module for module in self.modules.values() if module.name.split(".")[0] == name]

    @cached_property
    def lab_files(self) -> list[Module]:
        """The Python of each lab, but not its wrong and right answers; and the benchmarks."""
        found = [*self.root.glob("labs/*/*.py"), *self.root.glob("benchmarks/**/*.py")]
        return [self._module(path) for path in sorted(found)]

    @cached_property
    def reading_order(self) -> list[str]:
        """Documents in the order of ``_toc.yml``, without ending: ``book/foundations/autodiff``."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text(encoding="utf-8"))
        return list(_documents(toc))

    @cached_property
    def chapters(self) -> dict[str, str]:
        """The text of each chapter in reading order; the appendix introduces no module."""
        texts = {}
        for document in self.reading_order:
            path = self.root / f"{document}.md"
            if path.exists() and not document.startswith("book/appendix"):
                texts[document] = path.read_text(encoding="utf-8")
        return texts

    @cached_property
    def catalogue(self) -> dict[str, str]:
        """The lab that ``book/chapters.toml`` names for each chapter, planned ones too."""
        read = tomllib.loads((self.root / "book/chapters.toml").read_text(encoding="utf-8"))
        return {f"{row['part']}/{row['chapter']}": row["lab"] for row in read["chapters"]}

    @cached_property
    def homes(self) -> dict[str, int]:
        """For each listed module the place, in reading order, of the first chapter with it."""
        homes: dict[str, int] = {}
        for place, text in enumerate(self.chapters.values()):
            for listing in listings(text):
                homes.setdefault(_dotted(listing.path), place)
        return homes

    def chapter(self, place: int) -> str:
        """The name of the chapter at a place in reading order."""
        return list(self.chapters)[place]

    def imports(self, module: Module) -> set[str]:
        """Dotted names of the modules of ours that a module imports, wherever the import stands."""
        names = set(imported(module))
        return {name for name in map(self._longest_known, names) if name and name != module.name}

    def _longest_known(self, name: str) -> str | None:
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name or None

    def _files(self, package: str) -> list[Path]:
        return sorted((self.root / package).rglob("*.py"))

    def _module(self, path: Path) -> Module:
        relative = path.relative_to(self.root).as_posix()
        return Module(_dotted(relative), relative, path.read_text(encoding="utf-8"))


def require(rows: list[str]) -> None:
    """Fail with the rows alone when a rule has found any; they say what to do, a trace does not."""
    if rows:
        pytest.fail("\n".join(rows), pytrace=False)


def body_lines(function: Function) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def fences(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a chapter: what follows the ticks, and the body."""
    return [(match["head"].strip(), match["body"]) for match in _FENCE.finditer(text)]


def python_blocks(text: str) -> list[str]:
    """The Python that stands in a chapter itself: its cells and its ``python`` blocks."""
    return [_without_options(body) for head, body in fences(text) if _PYTHON_HEAD.match(head)]


def listings(text: str) -> list[Listing]:
    """The listings that a chapter includes from the packages."""
    found = []
    for head, body in fences(text):
        target = re.fullmatch(r"\{literalinclude\}\s*/?((?:mlsys|autograder)/\S+\.py)", head)
        if target:
            name = re.search(r"^:pyobject:\s*(\S+)", body, re.M)
            marks = re.findall(r"^:(?:start|end)-(?:at|after|before):[ \t]*(.+)$", body, re.M)
            texts = tuple(mark.strip("\"'") for mark in marks)
            found.append(Listing(target[1], name[1] if name else None, texts))
    return found


def imported(module: Module) -> Iterator[str]:
    """Absolute dotted names that a module's import statements ask for."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = module.name.split(".") + ([""] if module.is_package else [])
    return ".".join([*above[: -node.level], *([node.module] if node.module else [])])


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _documents(node: object) -> Iterator[str]:
    """Names of documents in a table of contents, depth first, as a reader turns the pages."""
    if isinstance(node, dict):
        for key in ("root", "file"):
            if key in node:
                yield str(node[key])
        for key in ("parts", "chapters", "sections", "entries", "subtrees"):
            yield from _documents(node.get(key))
    elif isinstance(node, list):
        for item in node:
            yield from _documents(item)


def _without_options(body: str) -> str:
    """Drop a cell's options: lines of ``:key: value`` or a block between two ``---``."""
    body = re.sub(r"\A---\n.*?^---\n", "", body, flags=re.M | re.S)
    return re.sub(r"\A(?::[\w-]+:.*\n)+", "", body)
