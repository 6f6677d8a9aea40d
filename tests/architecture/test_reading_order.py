"""Reading order is import order: a module uses only what the reader has already met."""

from __future__ import annotations

from collections.abc import Callable

from project import Module, Project, imported, require

Tree = Callable[[dict[str, str]], Project]


def home(project: Project, module: Module) -> int | None:
    """Place of the chapter a module belongs to: the first that lists it, or its folder's last."""
    if module.name in project.homes or not module.is_package:
        return project.homes.get(module.name)
    inside = [place for name, place in project.homes.items() if name.startswith(module.name + ".")]
    return max(inside, default=None)


def read_ahead(project: Project) -> list[str]:
    """Name the imports that reach into a later chapter."""
    rows = []
    for module in project.package("mlsys"):
        own = home(project, module)
        for name in sorted(project.imports(module)):
            place = home(project, project.modules[name])
            if own is not None and place is not None and place > own:
                rows.append(
                    f"{module.path} belongs to {project.chapter(own)} but imports {name}, which "
                    f"is first listed later, in {project.chapter(place)}: move what is shared to "
                    "the earlier chapter, or the chapter in _toc.yml"
                )
    return rows


def unlisted(project: Project) -> list[str]:
    """Name the modules that define something and are shown in no chapter."""
    return [
        f"{module.path} is shown in no chapter: include one of its listings with literalinclude"
        " and :pyobject:, or strike the module"
        for module in project.package("mlsys")
        if module.definitions() and home(project, module) is None
    ]


def grader_imports(project: Project) -> list[str]:
    """Name the modules of the book that import the grader."""
    return [
        f"{module.path} imports {name}: autograder may import mlsys, never the reverse"
        for module in project.package("mlsys")
        for name in imported(module)
        if name.split(".")[0] == "autograder"
    ]


def test_a_module_imports_only_what_has_been_read(project: Project) -> None:
    require(read_ahead(project))


def test_every_module_is_shown_in_a_chapter(project: Project) -> None:
    require(unlisted(project))


def test_the_reference_never_imports_the_grader(project: Project) -> None:
    require(grader_imports(project))


def _two_chapters(tree: Tree, first: str, second: str) -> Project:
    listing = "```{{literalinclude}} /mlsys/foundations/{0}.py\n:pyobject: {0}\n```\n"
    return tree(
        {
            "_toc.yml": """\
            root: book/intro
            parts:
              - chapters:
                  - file: book/foundations/tensor
                  - file: book/foundations/graph
            """,
            "book/intro.md": "# Intro\n",
            "book/foundations/tensor.md": listing.format("tensor"),
            "book/foundations/graph.md": listing.format("graph") + listing.format("tensor"),
            "mlsys/foundations/tensor.py": first,
            "mlsys/foundations/graph.py": second,
        }
    )


def test_an_import_of_an_earlier_chapter_is_allowed(tree: Tree) -> None:
    project = _two_chapters(tree, "def tensor(): ...", "from .tensor import tensor")
    assert project.imports(project.modules["mlsys.foundations.graph"])
    assert not read_ahead(project)


def test_an_import_of_a_later_chapter_is_caught_in_each_form(tree: Tree) -> None:
    forms = (
        "import mlsys.foundations.graph",
        "from mlsys.foundations import graph",
        "from mlsys.foundations.graph import graph",
        "from . import graph",
        "def tensor():\n    from .graph import graph",
    )
    for form in forms:
        [row] = read_ahead(_two_chapters(tree, form, "def graph(): ..."))
        assert "tensor.py belongs to book/foundations/tensor but imports" in row, form


def test_a_module_that_no_chapter_shows_is_caught(tree: Tree) -> None:
    project = _two_chapters(tree, "def tensor(): ...", "def graph(): ...")
    (project.root / "mlsys/foundations/dark.py").write_text("def dark(): ...\n")
    [row] = unlisted(project)
    assert row.startswith("mlsys/foundations/dark.py is shown in no chapter")


def test_an_import_of_the_grader_is_caught(tree: Tree) -> None:
    [row] = grader_imports(tree({"mlsys/cheat.py": "def f():\n    from autograder import check\n"}))
    assert "never the reverse" in row
