"""The data files behind the appendix, and the laws they must keep.

Plain Python without Sphinx: each file is read into frozen records, an unknown or missing field is
an error that names file and row, and ``problems`` lists what contradicts what.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

Record = TypeVar("Record")
VERDICTS = ("holds", "partly", "fails", "not run")


@dataclass(frozen=True)
class Part:
    """A part of the book and the question it answers."""

    id: str
    title: str
    question: str


@dataclass(frozen=True)
class Chapter:
    """A chapter, written or planned."""

    part: str
    chapter: str
    title: str
    question: str
    lab: str

    @property
    def id(self) -> str:
        return f"{self.part}/{self.chapter}"


@dataclass(frozen=True)
class Item:
    """A lecture, a week or a section of a course or book that we follow."""

    id: str
    title: str
    chapters: tuple[str, ...] = ()
    left_out: str = ""


@dataclass(frozen=True)
class Source:
    """A course or a book."""

    id: str
    title: str
    items: tuple[Item, ...]
    note: str
    url: str = ""


@dataclass(frozen=True)
class Row:
    """One section of ours that covers an item of a source."""

    source: str
    item: str
    section: str
    covers: str = ""


@dataclass(frozen=True)
class Claim:
    """What a paper claims and what this code shows."""

    id: str
    paper: str
    claim: str
    command: str
    shows: str
    verdict: str
    section: str
    test: str = ""
    limits: str = ""


@dataclass(frozen=True)
class System:
    """An entry of the reading list."""

    id: str
    title: str
    reported: str
    chapters: tuple[str, ...]
    run: str
    apart: str


def rows(path: Path, table: str, kind: type[Record]) -> tuple[Record, ...]:
    """The records of one ``[[table]]``; an error names the file and the row."""
    entries: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get(table, [])
    return tuple(
        record(kind, entry, f"{path.name}: {table} {number}")
        for number, entry in enumerate(entries, 1)
    )


def record(kind: type[Record], entry: dict[str, Any], place: str) -> Record:
    """One record; lists become tuples, nested items become ``Item``."""
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
    if kind is Source:
        items = values.get("items", ())
        values["items"] = tuple(record(Item, item, f"{place}, item") for item in items)
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{place} ({entry.get('id', '?')}): {error}") from error


@dataclass(frozen=True)
class Records:
    """All data files below one repository root, read when they are asked for."""

    root: Path
    book: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "book", self.root / "book")

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return rows(self.book / "chapters.toml", "parts", Part)

    @cached_property
    def chapters(self) -> dict[str, Chapter]:
        read = rows(self.book / "chapters.toml", "chapters", Chapter)
        return {chapter.id: chapter for chapter in read}

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        return rows(self.book / "appendix" / "sources.toml", "sources", Source)

    @cached_property
    def systems(self) -> tuple[System, ...]:
        return rows(self.book / "appendix" / "reading_list.toml", "systems", System)

    @cached_property
    def syllabus(self) -> tuple[Row, ...]:
        return tuple(
            row for path in self.of_parts("syllabus.toml") for row in rows(path, "rows", Row)
        )

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(
            claim for path in self.of_parts("claims.toml") for claim in rows(path, "claims", Claim)
        )

    def of_parts(self, name: str) -> Iterator[Path]:
        """The file of this name in each part's folder, in the order of the parts."""
        paths = (self.book / part.id / name for part in self.parts)
        return (path for path in paths if path.exists())

    def files(self) -> list[Path]:
        """Every data file, for build tools that watch them."""
        fixed = ["chapters.toml", "appendix/sources.toml", "appendix/reading_list.toml"]
        return [
            *(self.book / name for name in fixed),
            *self.of_parts("syllabus.toml"),
            *self.of_parts("claims.toml"),
        ]

    def covering(self, source: Source, item: Item) -> list[Row]:
        """Our sections that cover an item."""
        return [row for row in self.syllabus if (row.source, row.item) == (source.id, item.id)]


def problems(records: Records) -> list[str]:
    """Everything in the data files that cannot be true, one sentence each."""
    return [
        *_repeated(
            "a chapter", [c.id for c in rows(records.book / "chapters.toml", "chapters", Chapter)]
        ),
        *_repeated("a source", [source.id for source in records.sources]),
        *_repeated("a claim", [claim.id for claim in records.claims]),
        *_of_chapters(records),
        *_of_items(records),
        *_of_rows(records),
        *_of_claims(records),
    ]


def _repeated(what: str, ids: list[str]) -> Iterator[str]:
    return (f"{what} is listed twice: {id}" for id, n in Counter(ids).items() if n > 1)


def _of_chapters(records: Records) -> Iterator[str]:
    parts = {part.id for part in records.parts}
    for chapter in records.chapters.values():
        if chapter.part not in parts:
            yield f"chapter {chapter.id}: there is no part {chapter.part}"
    for system in records.systems:
        yield from _unknown(records, f"system {system.id}", system.chapters)


def _of_items(records: Records) -> Iterator[str]:
    for source in records.sources:
        yield from _repeated(f"an item of {source.id}", [item.id for item in source.items])
        for item in source.items:
            place = f"{source.id}, item {item.id}"
            yield from _unknown(records, place, item.chapters)
            if bool(item.chapters) == bool(item.left_out):
                yield f"{place}: give either chapters or left_out"


def _of_rows(records: Records) -> Iterator[str]:
    known = {(source.id, item.id) for source in records.sources for item in source.items}
    for row in records.syllabus:
        if (row.source, row.item) not in known:
            yield f"syllabus row {row.section}: {row.source} has no item {row.item}"
        yield from _unknown(records, f"syllabus row {row.source} {row.item}", (row.section,))


def _of_claims(records: Records) -> Iterator[str]:
    keys = set()
    for path in records.of_parts("references.bib"):
        keys |= set(re.findall(r"@\w+\{([^,\s]+),", path.read_text(encoding="utf-8")))
    for claim in records.claims:
        place = f"claim {claim.id}"
        yield from _unknown(records, place, (claim.section,))
        if claim.paper not in keys:
            yield f"{place}: no references.bib has the key {claim.paper}"
        if claim.verdict not in VERDICTS:
            yield f"{place}: the verdict is one of {', '.join(VERDICTS)}, not {claim.verdict}"
        if claim.verdict == "holds" and not claim.test:
            yield f"{place}: a claim that holds names the test that keeps it so"
        if claim.test and not _test_exists(records.root, claim.test):
            yield f"{place}: there is no test {claim.test}"


def _unknown(records: Records, place: str, targets: tuple[str, ...]) -> Iterator[str]:
    for target in targets:
        if target.partition("#")[0] not in records.chapters:
            yield f"{place}: chapters.toml has no chapter {target}"


def _test_exists(root: Path, test: str) -> bool:
    file, _, name = test.partition("::")
    path = root / file
    function = name.rpartition("::")[2].partition("[")[0]
    return path.is_file() and f"def {function}(" in path.read_text(encoding="utf-8")
