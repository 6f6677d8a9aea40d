"""What can be said about a student's file before it runs."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from threading import Lock

from autograder.lab import Lab, earlier_modules, modules

MAX_SOURCE = 2**16  # bytes; to parse them takes up to a thousand times as much memory

_one_at_a_time = Lock()  # the parser counts how deep it is in a place that threads share


class Rejected(Exception):
    """The file cannot be run; ``reason`` is a `CheckResult` reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def closed_modules(lab: Lab) -> set[str]:
    """The modules of mlsys that a file may not import: those of the lab's chapter and later."""
    everything = modules(lab.root).keys() if "mlsys" in lab.imports else set()
    return set(everything - earlier_modules(lab).keys()) if everything else set()


def vet(lab: Lab, source: bytes, closed: set[str] | None = None) -> None:
    """Raise `Rejected` when the file is no Python, or imports what the lab does not allow.

    This spares time and gives better messages; it is no wall, which a student's file meets later.
    closed: what `closed_modules` says, for who vets many files.
    """
    tree, lines = _parse(lab.file, source), source.decode("utf-8", "replace").splitlines()
    allowed = {*lab.imports, "__future__"}
    closed = closed_modules(lab) if closed is None else closed
    for line, module in _imports(tree):
        if module.partition(".")[0] not in allowed:
            why = f"this lab allows {', '.join(sorted(lab.imports)) or 'nothing'}"
        elif module in closed:
            why = "modules of this and later chapters are closed in this lab"
        else:
            continue
        quoted = "".join(lines[line - 1 : line]).strip()
        raise Rejected("error", f"{lab.file}, line {line} imports {module!r}; {why}\n    {quoted}")


def _parse(file: str, source: bytes) -> ast.Module:
    if len(source) > MAX_SOURCE:
        raise Rejected("syntax", f"{file} has {len(source):,} bytes; at most {MAX_SOURCE:,}")
    try:
        with _one_at_a_time:
            return ast.parse(_text(file, source))
    except SyntaxError as error:
        where = f"{file}, line {error.lineno}" if error.lineno else file
        quoted = f"\n    {error.text.strip()}" if error.text else ""
        message = f"{where} is not valid Python (a SyntaxError): {error.msg}{quoted}"
        raise Rejected("syntax", message) from None
    except (RecursionError, MemoryError):
        raise Rejected("syntax", f"{file} is nested too deeply for Python to read") from None
    except ValueError as error:
        raise Rejected("syntax", f"Python cannot read {file}: {error}") from None


def _text(file: str, source: bytes) -> str:
    """The source as text. It is UTF-8: there are encodings that take minutes to read."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    if encoding not in ("utf-8", "utf-8-sig"):
        raise Rejected("syntax", f"{file} says that it is in {encoding}; save it as UTF-8")
    return source.decode("utf-8-sig")


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, module) of each import, wherever in the file; of ``from a import b``, a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Name) and node.id == "__import__":
            yield node.lineno, "__import__"
