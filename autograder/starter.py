"""The student's file, dug out of the reference: a hole has a function's name.

    header       solution.py up to its first extension function: docstring, imports
    given        definitions of the chapter's module that the lab shows whole
    rebuild      the functions to rebuild, cut from their modules by name
    rest         the rest of solution.py, with the extension functions

In the starter the bodies of both kinds of functions are blank, and definitions of solution.py whose
names begin with ``_solution`` are gone. In the full answer everything stands. A variant of the
answer is a file of definitions that replace those of the same name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from autograder.lab import Lab, LabError

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
HIDDEN = "_solution"


def starter_source(lab: Lab) -> str:
    """The file a student begins with. In a bundle it was generated when that was made."""
    ready = lab.folder / "starter" / lab.file
    if ready.exists():
        return ready.read_text(encoding="utf-8")
    return _assemble(lab, blank=True)


def answer_source(lab: Lab, replace: str | None = None) -> str:
    """The full answer; with ``replace``, the text of a variant's file, that variant of it."""
    answer = _assemble(lab, blank=False)
    return answer if replace is None else _replaced(answer, replace)


def _assemble(lab: Lab, blank: bool) -> str:
    solution = _Text.read(lab.folder / "solution.py")
    extensions = [solution.function(name) for task in lab.tasks for name in task.extend]
    first = min((solution.first_line(node) for node in extensions), default=len(solution.lines))
    given = [_from_module(lab, name, blank=False) for name in lab.given]
    rebuilt = [_from_module(lab, name, blank) for task in lab.tasks for name in task.rebuild]
    if blank:
        for node in extensions:
            solution.blank(node, lab.name)
        solution.remove_hidden()
    header, rest = solution.kept(0, first), solution.kept(first, len(solution.lines))
    text = "\n\n\n".join(
        part.strip("\n") for part in (header, *given, *rebuilt, rest) if part.strip()
    )
    text = re.sub(r"\n{4,}", "\n\n\n", text)  # where something was taken out
    ast.parse(text)
    return text + "\n"


def _from_module(lab: Lab, name: str, blank: bool) -> str:
    """The text of the definition that ``name`` ("package.module:name") says."""
    module, _, definition = name.partition(":")
    path = lab.root.joinpath(*module.split("."))
    text = _Text.read(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    node = text.definition(definition)
    if blank:
        text.blank(text.function(definition), lab.name)
    return text.kept(text.first_line(node), node.end_lineno or 0)


class _Text:
    """A source file whose lines can be replaced while their numbers keep their meaning."""

    def __init__(self, path: Path, source: str) -> None:
        self.path = path
        self.tree = ast.parse(source, str(path))
        self.lines: list[str | None] = list(source.splitlines())  # None: this line is gone

    @classmethod
    def read(cls, path: Path) -> _Text:
        try:
            return cls(path, path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError) as error:
            raise LabError(f"{path} cannot be read: {error}") from None

    def definition(self, name: str) -> ast.stmt:
        found = [node for node in self.tree.body if _name(node) == name]
        if len(found) != 1:
            raise LabError(f"{self.path}: {len(found)} definitions of {name}, wanted one")
        return found[0]

    def function(self, name: str) -> Function:
        found = self.definition(name)
        if not isinstance(found, Function):
            raise LabError(f"{self.path}: {name} is no function, and so cannot be left to write")
        return found

    def first_line(self, node: ast.stmt) -> int:
        """The index of its first line, decorators included."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        return min([node.lineno, *(part.lineno for part in decorators)]) - 1

    def kept(self, start: int, end: int) -> str:
        return "\n".join(line for line in self.lines[start:end] if line is not None)

    def blank(self, node: Function, lab: str) -> None:
        """Keep decorators, signature and docstring, put an error in the place of the body."""
        if ast.get_docstring(node) is None:
            raise LabError(f"{self.path}: {node.name} needs a docstring: it is the assignment")
        docstring = node.body[0]
        start = docstring.end_lineno or 0
        self._drop(start, self._end_with_comments(node))
        error = f'raise NotImplementedError("{lab}: write {node.name}")'
        self.lines[start - 1] = f"{self.lines[start - 1]}\n{' ' * docstring.col_offset}{error}"

    def remove_hidden(self) -> None:
        """Drop what only the answer needs, with the comments that stand right above it."""
        for node in self.tree.body:
            if (_name(node) or "").startswith(HIDDEN):
                start = self.first_line(node)
                while start and (self.lines[start - 1] or "").startswith("#"):
                    start -= 1
                self._drop(start, self._end_with_comments(node))

    def _drop(self, start: int, end: int) -> None:
        self.lines[start:end] = [None] * (end - start)

    def _end_with_comments(self, node: ast.stmt) -> int:
        """The index after a definition and the comments that trail its last statement."""
        end = inside = node.end_lineno or 0
        while inside < len(self.lines):
            line = self.lines[inside] or ""
            if line.strip() and not line.startswith((" ", "\t")):
                break
            inside += 1
            end = inside if line.strip() else end
        return end


def _name(node: ast.stmt) -> str | None:
    """The name that a top-level statement defines, if it is one name."""
    if isinstance(node, Definition):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None


def _replaced(answer: str, variant: str) -> str:
    """``answer`` with the definitions of ``variant``; its imports and _helpers are added."""
    text, new = _Text(Path("the answer"), answer), _Text(Path("the variant"), variant)
    names = [_name(node) for node in text.tree.body]
    added = []
    for node, source in _chunks(new):
        name = _name(node)
        if names.count(name) == 1 and name:
            _splice(text, text.tree.body[names.index(name)], source)
        elif isinstance(node, ast.Import | ast.ImportFrom) or (name or "").startswith("_"):
            added.append(source)
        else:
            raise LabError(f"{name} of the variant is {names.count(name)} times in the answer")
    last_import = max((n.end_lineno or 0 for n in text.tree.body if _is_import(n)), default=0)
    parts = [text.kept(0, last_import), *added, text.kept(last_import, len(text.lines))]
    return "\n".join(part for part in parts if part) + "\n"


def _chunks(variant: _Text) -> Iterator[tuple[ast.stmt, str]]:
    for node in variant.tree.body:
        is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not is_future and not isinstance(node, ast.Expr):
            yield node, variant.kept(variant.first_line(node), node.end_lineno or 0)


def _splice(text: _Text, old: ast.stmt, source: str) -> None:
    start, end = text.first_line(old), old.end_lineno or 0
    text.lines[start:end] = [source, *[None] * (end - start - 1)]


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def starter_files(lab: Lab) -> dict[str, bytes]:
    """All files of an untouched submission."""
    extra = {name: (lab.folder / "files" / name).read_bytes() for name in lab.extra}
    return {lab.file: starter_source(lab).encode(), **extra}


def answer_files(lab: Lab, variant: Path | None = None) -> dict[str, bytes]:
    """All files of the full answer, or of a variant of it.

    A variant that ends in .py replaces definitions of the main file; another one replaces the
    extra file of the same ending. Full answers of extra files are in the lab's folder ``answer``.
    """
    answer = {name: (lab.folder / "answer" / name).read_bytes() for name in lab.extra}
    if variant is None or variant.suffix == ".py":
        text = None if variant is None else variant.read_text(encoding="utf-8")
        return {lab.file: answer_source(lab, text).encode(), **answer}
    alike = [name for name in lab.extra if name.endswith(variant.suffix)]
    if len(alike) != 1:
        raise LabError(f"{variant} replaces none of {lab.extra}, or more than one")
    answer[alike[0]] = variant.read_bytes()
    return {lab.file: answer_source(lab).encode(), **answer}


def variants(lab: Lab, kind: str) -> dict[str, Path]:
    """The files in the lab's folder ``wrong`` or ``right``, by name."""
    files = [path for path in (lab.folder / kind).glob("*.*") if path.is_file()]
    return {path.stem: path for path in sorted(files)}


def first_comment(path: Path, key: str) -> list[str]:
    """The names after ``# key:`` at the top of a variant's file.

    For "# loses: a, b" and key "loses": ["a", "b"].
    """
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"# {key}:"):
            return [name.strip() for name in line.partition(":")[2].split(",") if name.strip()]
    return []
