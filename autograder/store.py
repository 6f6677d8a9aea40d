"""The store: every attempt and every result of a course, in one SQLite file.

    with Store(out / STORE, create=True) as store:
        store.keep(key, [Graded(source, handed_in, result)])
        store.find(key)                     # the result, without a student's name
        for graded in store.graded("autodiff"): ...

A result is kept once under its `cache_key`, which hashes all that decides about marks and nothing
else: what was graded once is never graded again, whoever hands it in. An attempt says who handed in
what and when, and names the key. Both are written in one transaction of SQLite's write-ahead log, so
that a grader may be killed at any moment: what was kept stays, and nothing else is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import platform
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib import metadata
from pathlib import Path

from autograder.lab import Lab, LabError, modules, third_party
from autograder.results import CheckResult, Graded, LabResult
from autograder.submission import Submission

STORE = "grades.sqlite"
VERSION = 1  # of the tables and of what `results.py` puts into them
PATIENCE = 60.0  # seconds that a second grader of the same folder waits for its turn

# What of the autograder decides about no mark: it may change without grading anew.
PRESENTS = {"__main__", "atomic", "attack", "batch", "cli", "cluster", "course", "damage"}
PRESENTS |= {"gradebook", "printable", "release", "report", "sample", "show", "similar", "store"}

TABLES = f"""
BEGIN;
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, score REAL, points INTEGER, problem TEXT, broken INTEGER, result TEXT);
CREATE TABLE IF NOT EXISTS attempts (
    lab TEXT, source TEXT, student TEXT, handed_in REAL, note TEXT, key TEXT REFERENCES results,
    PRIMARY KEY (lab, source));
CREATE VIEW IF NOT EXISTS verdicts AS
    SELECT student, lab, source, score, points, problem, broken, handed_in,
        json_extract(result, '$.lab_version') AS lab_version,
        json_extract(value, '$.name') AS check_name,
        json_extract(value, '$.reason') AS reason,
        json_extract(value, '$.score') AS check_score
    FROM attempts JOIN results USING (key), json_each(result, '$.checks');
PRAGMA user_version = {VERSION};
COMMIT;
"""


class Store:
    """The file at ``path``; a context manager. Several may read while one grades.

    Whatever goes wrong on disk is an `OSError` that names the file; what was kept before stays.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        if not create and not path.exists():
            raise LabError(f"there is no {path}; name a folder that autograder grade has written")
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._open()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self._db.close()

    def _open(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(TABLES)
        elif version != VERSION:
            raise LabError(
                f"{self.path} was written by another version of the autograder; grade into "
                "another folder, or install that version again"
            )
        self._db.execute("PRAGMA synchronous = NORMAL")

    def find(self, key: str) -> LabResult | None:
        """What was graded under ``key``, unless a check failed for a fault of its own."""
        query = "SELECT result FROM results WHERE key = ? AND NOT broken"
        with self._told():
            row = self._db.execute(query, (key,)).fetchone()
        return _result_from(row[0]) if row else None

    def keep(self, key: str, graded: Sequence[Graded]) -> None:
        """Keep attempts that share the result of ``key``; one of the same source is replaced."""
        result = replace(graded[0].result, student="", note="")
        text = json.dumps(asdict(result))
        row = (key, result.score, result.points, result.problem, result.broken, text)
        attempts = [
            (one.result.lab, one.source, one.result.student, one.handed_in, one.result.note, key)
            for one in graded
        ]
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("REPLACE INTO results VALUES (?,?,?,?,?,?)", _encodable(row))
                for attempt in attempts:
                    self._db.execute(
                        "REPLACE INTO attempts VALUES (?,?,?,?,?,?)", _encodable(attempt)
                    )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back by itself
                    self._db.execute("ROLLBACK")
                raise

    def graded(self, lab: str | None = None) -> Iterator[Graded]:
        """All attempts, or those at one lab, one at a time: by lab, then by source."""
        query = (
            "SELECT source, handed_in, student, note, result FROM attempts JOIN results USING (key)"
            " WHERE ?1 IS NULL OR lab = ?1 ORDER BY lab, source"
        )
        with self._told():
            for source, handed_in, student, note, text in self._db.execute(query, (lab,)):
                result = replace(_result_from(text), student=student, note=note)
                yield Graded(source, handed_in, result)

    def select(self, where: str) -> set[tuple[str, str]]:
        """(lab, source) of the attempts with a check for which the SQL condition ``where`` holds.

        It sees the view ``verdicts`` and can change nothing.
        """
        columns = self._db.execute("SELECT name FROM pragma_table_info('verdicts')")
        names = ", ".join(name for (name,) in columns)
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as reader:
            reader.set_authorizer(_only_verdicts)
            try:
                query = f"SELECT DISTINCT lab, source FROM verdicts WHERE ({where}\n)"
                return set(reader.execute(query))
            except (sqlite3.Error, sqlite3.Warning) as error:
                raise LabError(f"--where {where!r}: {error}; its columns are {names}") from None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OSError(
                f"{self.path}: {error}. Everything graded before is kept; see that there is space "
                "and that you may write there, then run the same command again"
            ) from error


def cache_key(submission: Submission, lab: Lab, terms: dict[str, str], key: bytes) -> str:
    """A hash of all that decides about marks; it gives the course key away to nobody.

    terms: what `terms_of` says about the lab and the grader.
    """
    answers = submission.manifest.get("lab", lab.name)
    facts = [submission.hash, submission.problem, answers, sorted(terms.items())]
    return hmac.digest(key, json.dumps(facts).encode(), "sha256").hex()


def terms_of(lab: Lab, tier: str) -> dict[str, str]:
    """On which terms submissions are graded: the versions of everything that has a say."""
    return {
        "lab": f"{lab.name} {lab.version}",
        "autograder and mlsys": _sources(lab.root),
        "tier": tier,
        "Python": platform.python_version(),
        **{name: _installed(name) for name in {"numpy", *third_party(lab)}},
    }


@cache
def _sources(root: Path) -> str:
    """A hash of the code that decides about marks; the same on every platform."""
    ours, digest = Path(__file__).parent, hashlib.sha256()
    own = {".".join(p.relative_to(ours).with_suffix("").parts): p for p in ours.rglob("*.py")}
    deciding = {name: p for name, p in own.items() if name.partition(".")[0] not in PRESENTS}
    for name, path in sorted({**deciding, **modules(root)}.items()):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()


def _installed(package: str) -> str:
    """The version of the distribution that ``package`` is imported from."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    sources = metadata.packages_distributions().get(package, [])  # slow: it reads all of them
    return " ".join(f"{source} {metadata.version(source)}" for source in sorted(set(sources)))


def _result_from(text: str) -> LabResult:
    data = json.loads(text)
    return LabResult(**{**data, "checks": tuple(CheckResult(**each) for each in data["checks"])})


def _encodable(row: Sequence[object]) -> list[object]:
    """Names may hold what is no UTF-8: a lone surrogate from an archive, an odd byte in a path."""
    return [
        cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell
        for cell in row
    ]


def _only_verdicts(action: int, table: str | None, _: object, __: object, view: str | None) -> int:
    """Allow a condition to read the view and nothing else."""
    reads = action == sqlite3.SQLITE_READ and "verdicts" in (table, view)
    harmless = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION)
    return sqlite3.SQLITE_OK if reads or harmless else sqlite3.SQLITE_DENY
