"""Each listing says which file and lines it shows, and links to that place in the source.

The source pages are made here from the working tree, one for each Python file of ``mlsys/`` and
each other file that a chapter lists. They are part of the book: the link works offline, and it
cannot point at another version than the one the reader sees.
"""

from __future__ import annotations

import ast
import html
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.directives.code import LiteralInclude

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator


class source_link(nodes.General, nodes.Element):
    """The line above a listing: file, object, lines, link."""


class Listing(LiteralInclude):
    """``literalinclude`` with a line above it that links to the whole file."""

    def run(self) -> list[nodes.Node]:
        result = super().run()
        blocks = [b for node in result for b in node.findall(nodes.literal_block)]
        if not blocks or "source" not in blocks[0]:
            return result
        path = Path(blocks[0]["source"])
        relative = path.relative_to(self.env.srcdir).as_posix()
        blocks[0].setdefault("language", language_of(path))
        first, last = lines_of(path.read_text(encoding="utf-8"), blocks[0].astext())
        name = self.options.get("pyobject", "")
        listed_files(self.env).setdefault(self.env.docname, set()).add(relative)
        bar = source_link(path=relative, object=name, first=first, last=last)
        return [nodes.container("", bar, *result, classes=["listing"])]


def lines_of(source: str, excerpt: str) -> tuple[int, int]:
    """First and last line of an excerpt within its file; ``(0, 0)`` when it is not verbatim.

    >>> lines_of("a\\nb\\nc\\n", "b\\nc\\n")
    (2, 3)
    """
    at = source.find(excerpt.rstrip("\n"))
    if at < 0:
        return 0, 0
    first = source.count("\n", 0, at) + 1
    return first, first + excerpt.rstrip("\n").count("\n")


def language_of(path: Path) -> str:
    """The name of the highlighter for a file, ``text`` when there is none."""
    try:
        return str(get_lexer_for_filename(path.name).aliases[0])
    except ClassNotFound:
        return "text"


def listed_files(env: BuildEnvironment) -> dict[str, set[str]]:
    """Which files each document lists: ``{docname: {path from the root}}``."""
    if not hasattr(env, "book_listed_files"):
        env.book_listed_files = {}  # type: ignore[attr-defined]
    return env.book_listed_files  # type: ignore[attr-defined, no-any-return]


def page_name(relative: str) -> str:
    """``mlsys/a/b.py`` is shown on the page ``_modules/mlsys/a/b.py``."""
    return f"_modules/{relative}"


def visit_source_link(self: HTML5Translator, node: source_link) -> None:
    page = self.builder.get_relative_uri(self.builder.current_docname, page_name(node["path"]))
    anchor = node["object"] or f"line-{node['first'] or 1}"
    lines = f"lines {node['first']}–{node['last']}" if node["first"] else ""
    label = html.escape(f"view source of {node['object'] or node['path']}", quote=True)
    self.body.append(
        f'<div class="listing-source"><span class="listing-path">{html.escape(node["path"])}'
        f'</span><span class="listing-lines">{lines}</span>'
        f'<a href="{page}#{anchor}" aria-label="{label}">view source</a></div>'
    )
    raise nodes.SkipNode


def skip(self: Any, node: nodes.Node) -> None:
    raise nodes.SkipNode


def definitions(source: str) -> Iterator[tuple[int, str]]:
    """The first line and the dotted name of each function, class and method.

    >>> list(definitions("class A:\\n    def f(self): ...\\n"))
    [(1, 'A'), (2, 'A.f')]
    """

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[tuple[int, str]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                yield first, prefix + node.name
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{prefix}{node.name}.")

    yield from walk(ast.parse(source).body, "")


def source_html(path: Path) -> str:
    """A file as highlighted HTML with an anchor for each line and each definition."""
    text = path.read_text(encoding="utf-8")
    formatter = HtmlFormatter(linenos="inline", linespans="line", nowrap=False)
    body = highlight(text, get_lexer_for_filename(path.name, stripnl=False), formatter)
    for line, name in definitions(text) if path.suffix == ".py" else ():
        mark = f'<span id="line-{line}">'
        body = body.replace(mark, f'{mark}<span class="definition" id="{name}"></span>', 1)
    return body


def collect_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each source file; Sphinx gives it the book's frame."""
    root = Path(app.srcdir)
    wanted = {p.relative_to(root).as_posix() for p in root.glob("mlsys/**/*.py")}
    wanted |= {p for paths in listed_files(app.env).values() for p in paths}
    for relative in sorted(wanted):
        if not (root / relative).read_text(encoding="utf-8").strip():
            continue
        title = html.escape(relative)
        code = source_html(root / relative)
        body = f'<h1 class="source-title">{title}</h1>\n<div class="source-page">{code}</div>'
        yield page_name(relative), {"title": relative, "body": body, "toc": ""}, "page.html"


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    listed_files(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: Any) -> None:
    listed_files(env).update(listed_files(other))


def setup(app: Sphinx) -> None:
    app.add_directive("literalinclude", Listing, override=True)
    app.add_node(
        source_link,
        html=(visit_source_link, None),
        latex=(skip, None),
        text=(skip, None),
        man=(skip, None),
        texinfo=(skip, None),
    )
    app.connect("html-collect-pages", collect_pages)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
