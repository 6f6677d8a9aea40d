"""The store: every attempt and every result of a course, in one SQLite file.

    with Store(out / STORE, create=True) as store:
        store.keep(key, [Graded(source, handed_in, result)], grader)
        store.find(key)                     # the result, without a student's name
        for graded in store.graded("autodiff"): ...

A result is kept once under its `cache_key`, which hashes all that decides about marks and nothing
else: what was graded once is never graded again, whoever hands it in. An attempt says who handed in
what and when, and names the key. Both are written in one transaction of SQLite's write-ahead log:
a grader may be killed at any moment, and what was kept is there, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import platform
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

from autograder.lab import Lab, LabError, modules, third_party
from autograder.results import CheckResult, Graded, LabResult
from autograder.submission import Submission

STORE = "grades.sqlite"
VERSION = 1  # of the tables, and of what `results` puts into them
PATIENCE = 60.0  # seconds that a second grader of the same folder waits for its turn

# What of the autograder decides about no mark: it may change without grading anew.
PRESENTS = {"__main__", "atomic", "attack", "batch", "cli", "cluster", "course", "damage"}
PRESENTS |= {"doctor", "gradebook", "printable", "release", "report", "sample", "show"}
PRESENTS |= {"similar", "store"}

COLUMNS = """student, lab, source, handed_in, score, points, problem, broken, lab_version, grader,
    check_name, reason, check_score"""

TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, grader TEXT, broken INTEGER, result TEXT);
CREATE TABLE IF NOT EXISTS attempts (
    lab TEXT, source TEXT, student TEXT, handed_in REAL, note TEXT, key TEXT REFERENCES results,
    published INTEGER, PRIMARY KEY (lab, source));
CREATE VIEW IF NOT EXISTS verdicts ({COLUMNS}) AS
    SELECT student, lab, source, handed_in,
        (SELECT total(json_extract(value, '$.score')) FROM json_each(result, '$.checks')),
        (SELECT total(json_extract(value, '$.points')) FROM json_each(result, '$.checks')),
        json_extract(result, '$.problem'), broken, json_extract(result, '$.lab_version'), grader,
        json_extract(value, '$.name'), json_extract(value, '$.reason'),
        json_extract(value, '$.score')
    FROM attempts JOIN results USING (key), json_each(result, '$.checks');
PRAGMA user_version = {VERSION};
COMMIT;
"""


class Store:
    """The file at ``path``; a context manager. Others may read while one grades."""

    def __init__(self, path: Path, create: bool = False) -> None:
        if not create and not path.exists():
            raise LabError(f"there is no {path}; name a folder that autograder grade has written")
        self.path = path
        with contextlib.ExitStack() as opened, told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level="IMMEDIATE")
            opened.callback(self._db.close)
            self._open()
            opened.pop_all()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self._db.close()

    def _open(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            another = "was written by another version of the autograder; grade into another folder"
            raise LabError(f"{self.path} {another}")
        if version == 0:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.executescript(TABLES)
        self._db.execute("PRAGMA synchronous = NORMAL")

    def find(self, key: str) -> LabResult | None:
        """What was graded under ``key``, unless a check failed for a fault of its own."""
        query = "SELECT result FROM results WHERE key = ? AND NOT broken"
        with told(self.path):
            row = self._db.execute(query, (key,)).fetchone()
        return _result_from(row[0]) if row else None

    def keep(self, key: str, graded: Sequence[Graded], grader: str | None = None) -> None:
        """Keep attempts that share the result of ``key``; one of the same source is replaced.

        grader: the version of the code that has graded them now; None when `find` knows the result.
        """
        with told(self.path), self._db:
            if grader is not None:
                result = replace(graded[0].result, student="", note="")
                text = json.dumps(
                    {**vars(result), "checks": [vars(each) for each in result.checks]}
                )
                row = (key, grader, result.broken, text)
                self._db.execute("REPLACE INTO results VALUES (?, ?, ?, ?)", row)
                self._db.execute("UPDATE attempts SET published = 0 WHERE key = ?", (key,))
            for one in graded:
                self._keep_attempt(one, key)

    def _keep_attempt(self, one: Graded, key: str) -> None:
        """Unless it is there already: then what was published still holds."""
        lab, source, student = map(storable, (one.result.lab, one.source, one.result.student))
        row = (lab, source, student, one.handed_in, one.result.note, key)
        known = "SELECT * FROM attempts WHERE lab = ? AND source = ?"
        if self._db.execute(known, row[:2]).fetchone() not in ((*row, 0), (*row, 1)):
            self._db.execute("REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, 0)", row)

    def to_publish(self, lab: str) -> bool:
        """Whether anything of this lab was kept since `published`."""
        query = "SELECT EXISTS (SELECT 1 FROM attempts WHERE lab = ? AND NOT published)"
        with told(self.path):
            return bool(self._db.execute(query, (lab,)).fetchone()[0])

    def published(self, lab: str) -> None:
        """Gradebook and report show all that was kept of this lab."""
        with told(self.path), self._db:
            self._db.execute("UPDATE attempts SET published = 1 WHERE lab = ?", (lab,))

    def graded(self, lab: str | None = None) -> Iterator[Graded]:
        """All attempts, or those at one lab, one at a time: by lab, then by source."""
        query = (
            "SELECT source, handed_in, student, note, result FROM attempts JOIN results USING (key)"
            " WHERE ?1 IS NULL OR lab = ?1 ORDER BY lab, source"
        )
        with told(self.path):
            for source, handed_in, student, note, text in self._db.execute(query, (lab,)):
                result = replace(_result_from(text), student=student, note=note)
                yield Graded(source, handed_in, result)

    def select(self, where: str) -> set[tuple[str, str]]:
        """(lab, source) of the attempts with a check for which the SQL condition ``where`` holds.

        It sees the view ``verdicts``, one row a check, and can change nothing.
        """
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as reader:
            reader.set_authorizer(_only_verdicts)
            query = f"SELECT DISTINCT lab, source FROM verdicts WHERE ({where}\n)"
            try:
                return set(reader.execute(query))
            except (sqlite3.Error, sqlite3.Warning) as error:
                columns = " ".join(COLUMNS.split())
                raise LabError(f"the condition {where!r}: {error}; columns: {columns}") from None


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Whatever goes wrong on disk is an `OSError` that names ``path`` and says how to go on."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        advice = "see that there is space and that you may write there, and run the same again"
        raise OSError(f"{path}: {error}; all marks that were kept are there: {advice}") from error


def storable(text: str) -> str:
    """``text`` as SQLite takes it: a name may hold a lone surrogate, a path an odd byte."""
    return text.encode("utf-8", "backslashreplace").decode()


def cache_key(submission: Submission, lab: Lab, terms: dict[str, str], key: bytes) -> str:
    """A hash of all that decides about marks; it gives the course key away to nobody.

    terms: what `terms_of` says about the lab and the grader.
    """
    answers = submission.manifest.get("lab", lab.name)
    facts = [submission.hash, submission.problem, answers, sorted(terms.items())]
    return hmac.digest(key, json.dumps(facts).encode(), "sha256").hex()


def terms_of(lab: Lab, tier: str) -> dict[str, str]:
    """On which terms submissions are graded: the versions of everything that has a say."""
    terms = {"lab": f"{lab.name} {lab.version}", "grader": grader_version(lab.root), "tier": tier}
    packages = {name: _installed(name) for name in {"numpy", *third_party(lab)}}
    return {**terms, "Python": platform.python_version(), **packages}


@cache
def grader_version(root: Path) -> str:
    """A hash of the code that decides about marks: autograder and mlsys; of no line ends."""
    ours, digest = Path(__file__).parent, hashlib.sha256()
    own = {".".join(p.relative_to(ours).with_suffix("").parts): p for p in ours.rglob("*.py")}
    deciding = {name: p for name, p in own.items() if name.partition(".")[0] not in PRESENTS}
    for name, path in sorted({**deciding, **modules(root)}.items()):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return f"sha256:{digest.hexdigest()}"


def outdated(labs: Iterable[Lab]) -> str:
    """The condition for `Store.select` that a lab or the grader has changed since."""
    return " OR ".join(
        f"lab = '{lab.name}' AND lab_version || grader <> '{lab.version}{grader_version(lab.root)}'"
        for lab in labs
    )


def _installed(package: str) -> str:
    """The version of the distribution that ``package`` is imported from."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    sources = metadata.packages_distributions().get(package, [])  # slow: it reads all of them
    return " ".join(f"{source} {metadata.version(source)}" for source in sorted(set(sources)))


def _result_from(text: str) -> LabResult:
    data = json.loads(text)
    return LabResult(**{**data, "checks": tuple(CheckResult(**each) for each in data["checks"])})


def _only_verdicts(action: int, table: str | None, _: object, __: object, view: str | None) -> int:
    """Allow a condition to read the view and nothing else."""
    reads = action == sqlite3.SQLITE_READ and {"verdicts", "json_each"} & {table, view}
    harmless = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION)
    return sqlite3.SQLITE_OK if reads or harmless else sqlite3.SQLITE_DENY
