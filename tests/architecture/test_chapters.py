"""The book cannot drift from the code: listings come by name, and no chapter lacks a part."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from project import Listing, Module, Project, imported, listings, python_blocks, require

Tree = Callable[[dict[str, str]], Project]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
INSTRUMENTS = ("simulation", "datasets")  # short chapters that others stand on, without a lab


def broken_listings(project: Project) -> list[str]:
    """Name the listings that give no name, or a name that their file does not define."""
    rows = []
    for chapter, text in project.chapters.items():
        for listing in listings(text):
            path = project.root / listing.path
            if listing.name is None and not listing.marks:
                rows.append(f"{chapter}.md includes {listing.path} by no name: give a :pyobject:")
            elif not path.exists() or not _holds(path, listing):
                wanted = listing.name or " and ".join(listing.marks)
                rows.append(f"{chapter}.md includes {wanted}, which {listing.path} lacks")
    return rows


def _holds(path: Path, listing: Listing) -> bool:
    text = path.read_text(encoding="utf-8")
    if listing.name is None:
        return all(mark in text for mark in listing.marks)
    body: list[ast.stmt] = ast.parse(text).body
    for part in listing.name.split("."):
        found = [node for node in body if getattr(node, "name", None) == part]
        if not found:
            return False
        body = getattr(found[-1], "body", [])
    return True


def retyped(project: Project) -> list[str]:
    """Name the definitions in a chapter's cells whose lines mostly stand in the reference too."""
    reference = [
        (f"{module.path}: {name}", _lines(node))
        for module in project.package("mlsys")
        for name, node in module.definitions().items()
    ]
    return [
        f"{chapter}.md types {node.name} again, which is {origin}: include the listing instead"
        for chapter, text in project.chapters.items()
        for node in _defined_in_blocks(text)
        for typed in (_lines(node),)
        for origin, lines in reference
        if _is_copy(typed, lines)
    ]


def _is_copy(typed: list[str], lines: list[str]) -> bool:
    """Whether most lines of ``typed`` are among ``lines``; one line alone is a coincidence."""
    common = sum(line in lines for line in typed)
    return common >= 2 and common > len(typed) / 2


def _lines(node: ast.stmt) -> list[str]:
    """The lines below a definition's head as Python itself would write them, without docstrings."""
    bare = ast.parse(ast.unparse(node))
    for inner in ast.walk(bare):
        if isinstance(inner, Definition) and ast.get_docstring(inner):
            inner.body = inner.body[1:]
    return [line.strip() for line in ast.unparse(bare).splitlines()[1:]]


def _defined_in_blocks(text: str) -> list[Definition]:
    found = []
    for block in python_blocks(text):
        try:
            tree = ast.parse(block)
        except SyntaxError:  # a cell magic, or a fragment shown with an ellipsis
            continue
        found += [node for node in tree.body if isinstance(node, Definition)]
    return found


def incomplete(project: Project) -> list[str]:
    """Name what the chapters in ``_toc.yml`` lack; those in chapters.toml alone are planned."""
    rows = []
    for document in project.chapters:
        book, _, chapter = document.partition("/")
        if book != "book" or "/" not in chapter:  # the first page
            continue
        if chapter not in project.catalogue:
            rows.append(f"{document} stands in _toc.yml but not in book/chapters.toml: add its row")
        rows += [f"{document} lacks {part}" for part in _missing(project, chapter)]
    return rows


def _missing(project: Project, chapter: str) -> list[str]:
    part, _, stem = chapter.rpartition("/")
    lab = project.catalogue.get(chapter)
    either = {
        f"its module mlsys/{chapter}": (f"mlsys/{chapter}.py", f"mlsys/{chapter}/__init__.py"),
        f"its test tests/{chapter}": (f"tests/{part}/test_{stem}.py", f"tests/{chapter}"),
    }
    if lab or stem not in INSTRUMENTS:
        lab = lab or stem
        either[f"its lab: write labs/{lab} or name the lab that covers it in chapters.toml"] = (
            f"labs/{lab}/lab.toml",
        )
    return [
        what
        for what, paths in either.items()
        if not any((project.root / path).exists() for path in paths)
    ]


def untested(project: Project) -> list[str]:
    """Name the modules of the reference that no test at the mirrored path imports."""
    return [
        f"{module.path} has no test: write {_test_path(module)}"
        for module in project.package("mlsys")
        if module.definitions() and not _is_tested(project, module)
    ]


def _test_path(module: Module) -> str:
    folder, _, name = (
        module.path.removesuffix("/__init__.py").removeprefix("mlsys/").rpartition("/")
    )
    return f"tests/{folder}/test_{name.removesuffix('.py')}.py"


def _is_tested(project: Project, module: Module) -> bool:
    """A test of the module's own name, or one of its folder's name that imports it."""
    if (project.root / _test_path(module)).exists():
        return True
    part, *stems = module.name.split(".")[1:]
    candidates = [
        path
        for path in sorted((project.root / "tests" / part).rglob("test_*.py"))
        if any(stem in path.relative_to(project.root).as_posix() for stem in stems)
    ]
    return any(_imports(path, module.name) for path in candidates)


def _imports(path: Path, name: str) -> bool:
    test = Module("tests." + path.stem, path.name, path.read_text(encoding="utf-8"))
    return any(found == name or found.startswith(name + ".") for found in imported(test))


def test_every_listing_names_something_that_exists(project: Project) -> None:
    require(broken_listings(project))


def test_no_chapter_retypes_the_reference(project: Project) -> None:
    require(retyped(project))


def test_every_written_chapter_has_its_module_test_and_lab(project: Project) -> None:
    require(incomplete(project))


def test_every_module_has_a_test(project: Project) -> None:
    require(untested(project))


CHAPTER = """\
# Ring

```{{literalinclude}} /mlsys/distributed/ring.py
{option}
```

```{{code-cell}} python3
---
tags: [hide-input]
---
{cell}
```
"""
TOC = "root: book/intro\nchapters:\n  - file: book/distributed/ring\n"


def _chapter(tree: Tree, option: str = ":pyobject: turn", cell: str = "turn(3)") -> Project:
    return tree(
        {
            "_toc.yml": TOC,
            "book/distributed/ring.md": CHAPTER.format(option=option, cell=cell),
            "mlsys/distributed/ring.py": "def turn(n): ...\nclass Ring:\n    def send(self): ...\n",
        }
    )


def test_a_sound_chapter_passes(tree: Tree) -> None:
    for name in ("turn", "Ring", "Ring.send"):
        project = _chapter(tree, f":pyobject: {name}")
        assert not broken_listings(project) + retyped(project)
    assert not broken_listings(_chapter(tree, ':start-at: "def turn"\n:end-before: "class Ring"'))


def test_a_listing_without_a_name_or_with_a_wrong_one_is_caught(tree: Tree) -> None:
    options = (":language: python", ":lines: 3-9", ":pyobject: spin", ":pyobject: Ring.recv")
    for option in (*options, ':start-at: "def gone"'):
        assert len(broken_listings(_chapter(tree, option))) == 1, option


def test_a_retyped_definition_is_caught_under_any_name(tree: Tree) -> None:
    cell = "def spin(n):\n    # once round\n    m = n+1\n    return  m % 8\n"
    project = _chapter(tree, cell=cell)
    assert not retyped(project)
    body = '    """Turn."""\n    m = n + 1\n    return m % 8\n'
    [row] = retyped(tree({"mlsys/distributed/ring.py": "def turn(n):\n" + body}))
    assert "types spin again, which is mlsys/distributed/ring.py: turn" in row


def test_another_function_of_the_same_name_is_no_copy(tree: Tree) -> None:
    assert not retyped(_chapter(tree, cell="def turn(n):\n    print(n)\n    return n"))


def test_a_module_without_a_test_is_caught(tree: Tree) -> None:
    project = _chapter(tree)
    [row] = untested(project)
    assert "write tests/distributed/test_ring.py" in row
    tree({"tests/distributed/test_ring.py": "from mlsys.distributed.ring import turn\n"})
    assert not untested(project)


CATALOGUE = '[[chapters]]\npart = "distributed"\nchapter = "{}"\nlab = "{}"\n'


def test_a_chapter_without_its_parts_is_caught(tree: Tree) -> None:
    _chapter(tree)
    rows = incomplete(tree({"book/chapters.toml": CATALOGUE.format("ring", "circle")}))
    assert rows == [
        "book/distributed/ring lacks its test tests/distributed/ring",
        "book/distributed/ring lacks its lab: write labs/circle or name the lab that covers it in"
        " chapters.toml",
    ]
    tree({"labs/circle/lab.toml": "", "tests/distributed/test_ring.py": ""})
    assert not incomplete(tree({}))


def test_a_chapter_that_the_catalogue_does_not_know_is_caught(tree: Tree) -> None:
    _chapter(tree)
    tree({"labs/ring/lab.toml": "", "tests/distributed/test_ring.py": ""})
    [row] = incomplete(tree({"book/chapters.toml": CATALOGUE.format("star", "star")}))
    assert "add its row" in row


def test_an_instrument_needs_no_lab(tree: Tree) -> None:
    assert "its lab" not in str(
        _missing(tree({"book/chapters.toml": CATALOGUE.format("", "")}), "foundations/simulation")
    )
