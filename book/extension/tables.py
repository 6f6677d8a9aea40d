"""The directives that show the data files: {chapters}, {syllabus-map}, {reading-list}, {claims}.

What is written and what is planned is looked up when a page is resolved: a chapter is written
when its page is part of this build, a section when the page has its anchor. The text of a link is
the title that stands there. A section that does not exist is a warning, an error under ``-W``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from extension.records import Claim, Item, Records, Source, System, problems

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

log = logging.getLogger(__name__)
VERDICT_SIGNS = {
    "holds": "✓ holds",
    "partly": "◐ in part",
    "fails": "✗ does not hold",
    "not run": "not run yet",
}


class place(nodes.General, nodes.Inline, nodes.Element):
    """A chapter or a section, ``target``; a link where it is written."""


class DataDirective(SphinxDirective):
    """What the four directives share: the records, and small pieces of markup."""

    def run(self) -> list[nodes.Node]:
        self.records = Records(Path(self.env.srcdir))
        for path in self.records.files():
            self.env.note_dependency(str(path))
        pages_with_data(self.env).add(self.env.docname)
        return self.content_nodes()

    def content_nodes(self) -> list[nodes.Node]:
        raise NotImplementedError

    def markdown(self, text: str) -> list[nodes.Node]:
        """Parse a field of a data file as Markdown."""
        box = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), self.env.docname), 0, box)
        return list(box.children)

    def section(self, title: str, name: str, body: Iterable[nodes.Node]) -> nodes.section:
        section = nodes.section("", nodes.title(title, title), *body, ids=[name], names=[name])
        self.state.document.note_implicit_target(section, section)
        return section


class Chapters(DataDirective):
    """A table of all parts and chapters, with what is written and what is planned."""

    def content_nodes(self) -> list[nodes.Node]:
        body = []
        for part in self.records.parts:
            places = [
                place(target=c.id, bare=True)
                for c in self.records.chapters.values()
                if c.part == part.id
            ]
            body.append(
                [
                    [
                        nodes.paragraph("", "", nodes.strong(text=part.title)),
                        nodes.paragraph(text=part.question),
                    ],
                    [joined(places)],
                ]
            )
        return [table(("Part", "Chapters"), (35, 65), body)]


class SyllabusMap(DataDirective):
    """For each course and book that we follow: which section covers which item."""

    def content_nodes(self) -> list[nodes.Node]:
        return [
            self.section(source.title, source.id, self.of_source(source))
            for source in self.records.sources
        ]

    def of_source(self, source: Source) -> list[nodes.Node]:
        about = self.markdown(
            source.note + (f" [{source.url}]({source.url})" if source.url else "")
        )
        body = [
            [[nodes.paragraph(text=f"{item.id} · {item.title}")], self.where(source, item)]
            for item in source.items
        ]
        return [*about, table(("There", "Here"), (45, 55), body)]

    def where(self, source: Source, item: Item) -> list[nodes.Node]:
        if item.left_out:
            return [nodes.paragraph("", "", planned(f"not covered: {item.left_out}"))]
        covering = self.records.covering(source, item)
        lines = []
        for row in covering:
            note = f": {row.covers}" if row.covers else ""
            lines.append(nodes.paragraph("", "", place(target=row.section), nodes.Text(note)))
        taken = {row.section.partition("#")[0] for row in covering}
        rest = [place(target=c, open=True) for c in item.chapters if c not in taken]
        return [*lines, joined(rest)] if rest else lines


class ReadingList(DataDirective):
    """The systems of the reading list, a section each."""

    def content_nodes(self) -> list[nodes.Node]:
        return [
            self.section(s.title, f"system-{s.id}", self.of_system(s)) for s in self.records.systems
        ]

    def of_system(self, system: System) -> list[nodes.Node]:
        places: list[nodes.Node] = [place(target=chapter) for chapter in system.chapters]
        whole = all(f"book/{chapter}" in self.env.found_docs for chapter in system.chapters)
        fields = (
            ("Reported", self.markdown(system.reported)),
            ("Where", [joined(places)]),
            ("To run" if whole else "To run, when all of it is written", self.markdown(system.run)),
            ("Apart", self.markdown(system.apart)),
        )
        entries = [
            nodes.definition_list_item("", nodes.term(text=name), nodes.definition("", *body))
            for name, body in fields
        ]
        return [nodes.definition_list("", *entries, classes=["reading-entry"])]


class Claims(DataDirective):
    """The claims of papers beside what this code shows."""

    def content_nodes(self) -> list[nodes.Node]:
        claims = self.records.claims
        if not claims:
            return [nodes.paragraph(text="No claim has been recorded yet.")]
        heads = ("What the paper says", "What this code shows", "")
        shown = table(heads, (42, 44, 14), [self.of_claim(claim) for claim in claims])
        shown["classes"].append("stacked")  # a phone shows the cells of a row below each other
        return [shown]

    def of_claim(self, claim: Claim) -> list[list[nodes.Node]]:
        says = self.markdown(f"{{cite:t}}`{claim.paper}`: {claim.claim}")
        shows = self.markdown(f"{claim.shows} {claim.limits}".strip())
        where = nodes.paragraph("", "", place(target=claim.section))
        run = nodes.paragraph("", "", nodes.literal(text=claim.command))
        sign = nodes.inline(
            text=VERDICT_SIGNS.get(claim.verdict, claim.verdict), classes=["verdict"]
        )
        return [says, [*shows, run, where], [nodes.paragraph("", "", sign)]]


def table(
    heads: Sequence[str], widths: Sequence[int], body: Iterable[Sequence[Sequence[nodes.Node]]]
) -> nodes.table:
    """A table of block nodes; its widths are shares of the page."""
    group = nodes.tgroup("", *[nodes.colspec(colwidth=w) for w in widths], cols=len(widths))
    titles = [[nodes.paragraph(text=head)] for head in heads]
    group += nodes.thead("", _row(titles))
    group += nodes.tbody("", *[_row(cells) for cells in body])
    return nodes.table("", group, classes=["data-table", "colwidths-given"])


def _row(cells: Iterable[Sequence[nodes.Node]]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", *cell) for cell in cells])


def joined(items: Sequence[nodes.Node]) -> nodes.paragraph:
    """Inline nodes with a middle dot between them."""
    paragraph = nodes.paragraph()
    for number, item in enumerate(items):
        paragraph += [nodes.Text(" · "), item] if number else [item]
    return paragraph


def planned(text: str) -> nodes.inline:
    return nodes.inline(text=text, classes=["planned"])


def pages_with_data(env: BuildEnvironment) -> set[str]:
    """Documents that hold one of the directives: they are read anew in each build."""
    if not hasattr(env, "book_pages_with_data"):
        env.book_pages_with_data = set()  # type: ignore[attr-defined]
    return env.book_pages_with_data  # type: ignore[attr-defined, no-any-return]


def anchors(env: BuildEnvironment, docname: str) -> dict[str, str]:
    """The ids on a page, each with the title of the section it names ("" for other things)."""
    found: dict[str, str] = {}
    for node in env.get_doctree(docname).findall(nodes.Element):
        title = node.next_node(nodes.title) if isinstance(node, nodes.section) else None
        for name in node.get("ids", ()):
            found[name] = title.astext() if title else found.get(name, "")
    return found


def resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn each place into a link, or into the word that it is planned."""
    if docname not in pages_with_data(app.env):
        return
    records = Records(Path(app.srcdir))
    known: dict[str, dict[str, str]] = {}
    for node in list(doctree.findall(place)):
        chapter, _, anchor = node["target"].partition("#")
        page = f"book/{chapter}"
        title = records.chapters[chapter].title if chapter in records.chapters else chapter
        if page not in app.env.found_docs:
            node.replace_self(planned(title if node.get("bare") else f"{title} (planned)"))
            continue
        if page not in known:
            known[page] = anchors(app.env, page)
        if anchor and anchor not in known[page]:
            log.warning("there is no section %s", node["target"], location=docname)
        if node.get("open"):
            node.replace_self(planned(f"{title} (no section yet)"))
            continue
        text = f"{title}: {known[page][anchor]}" if known[page].get(anchor) else title
        uri = app.builder.get_relative_uri(docname, page) + (f"#{anchor}" if anchor else "")
        node.replace_self(nodes.reference(text, text, refuri=uri, internal=True))


def outdated(app: Sphinx, env: BuildEnvironment, *sets: Any) -> list[str]:
    return sorted(pages_with_data(env) & env.found_docs)


def check_records(app: Sphinx) -> None:
    """Warn about each contradiction in the data files."""
    for problem in problems(Records(Path(app.srcdir))):
        log.warning("%s", problem)


def setup(app: Sphinx) -> None:
    app.add_node(place)
    app.add_directive("chapters", Chapters)
    app.add_directive("syllabus-map", SyllabusMap)
    app.add_directive("reading-list", ReadingList)
    app.add_directive("claims", Claims)
    app.connect("builder-inited", check_records)
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-resolved", resolve)
