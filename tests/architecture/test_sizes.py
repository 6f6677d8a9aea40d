"""Code that is read line by line stays short: caps on files and functions, and a docstring each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from project import Module, Project, body_lines, require

FILE_CAP, FUNCTION_CAP = 400, 40
Tree = Callable[[dict[str, str]], Project]


def over_long(project: Project) -> list[str]:
    """Name the files and functions above their caps, those of labs and benchmarks too."""
    rows = []
    for module in [*project.modules.values(), *project.lab_files]:
        if module.lines > FILE_CAP:
            rows.append(
                f"{module.path} has {module.lines} lines, the cap is {FILE_CAP}: make it a folder "
                "of the same name with one idea in each file (a lab's checks: judges beside them)"
            )
        rows += [
            f"{module.path}:{node.lineno} {node.name} has {body_lines(node)} lines, the cap is "
            f"{FUNCTION_CAP}: name its steps and give each a function"
            for node in module.functions()
            if body_lines(node) > FUNCTION_CAP
        ]
    return rows


def undocumented(project: Project) -> list[str]:
    """Name the public modules, classes, functions and methods without a docstring."""
    rows = []
    for module in project.modules.values():
        if not ast.get_docstring(module.tree):
            rows.append(
                f"{module.path} has no docstring: say what it is, what it costs, one source"
            )
        rows += [
            f"{module.path}:{node.lineno} {node.name} has no docstring: give shapes, units, errors"
            for node in _public(module)
            if not ast.get_docstring(node)
        ]
    return rows


def _public(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    open_bodies = [module.tree.body]
    while open_bodies:
        for node in open_bodies.pop():
            if not isinstance(node, kinds) or node.name.startswith("_") or _is_echo(node):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                open_bodies.append(node.body)


def _is_echo(node: ast.stmt) -> bool:
    """Overloads and setters repeat a documented definition; a one-line property is its name."""
    names = [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]
    if "property" in names and len(getattr(node, "body", [])) == 1:
        return True
    return any(name.endswith(("overload", ".setter")) for name in names)


def test_every_file_and_function_is_under_its_cap(project: Project) -> None:
    require(over_long(project))


def test_everything_public_has_a_docstring(project: Project) -> None:
    require(undocumented(project))


def test_a_long_function_is_caught_and_its_docstring_is_not_counted(tree: Tree) -> None:
    body, words = "    x = 1\n" * 41, "    " + "word\n    " * 60
    project = tree(
        {
            "mlsys/long.py": f"def runs_on():\n{body}",
            "mlsys/wordy.py": f'def explained():\n    """Explain.\n\n{words}"""\n    return 1\n',
        }
    )
    [row] = over_long(project)
    assert "runs_on has 41 lines" in row


def test_a_long_file_is_caught(tree: Tree) -> None:
    paths = ["autograder/long.py", "benchmarks/engines/long.py", "labs/long/checks.py"]
    rows = over_long(tree(dict.fromkeys(paths, "x = 1\n" * 401)))
    for path, row in zip(paths, rows, strict=True):
        assert f"{path} has 401 lines, the cap is 400" in row


def test_a_public_method_without_a_docstring_is_caught(tree: Tree) -> None:
    text = '''\
    """A module."""
    class Ring:
        """A ring."""
        def turn(self): ...
        def _spin(self): ...
        @property
        def width(self):
            return 1
    class _Hidden:
        def turn(self): ...
    '''
    [row] = undocumented(tree({"mlsys/ring.py": text}))
    assert row.startswith("mlsys/ring.py:4 turn has no docstring")
