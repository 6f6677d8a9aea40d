"""The store keeps what it was given, whatever happens to its process, its disk or its names."""

import contextlib
import dataclasses
import os
import platform
import signal
import sqlite3
from concurrent.futures import Future
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import store as module
from autograder.batch import Place, grade_all
from autograder.grade import PRACTICE
from autograder.lab import LabError
from autograder.results import CheckResult, Graded, LabResult
from autograder.store import STORE, Store, cache_key, grader_version, outdated, storable, terms_of
from autograder.submission import Submission

KEY = b"secret"
texts = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates and all


def result(student="Ada", note="", reason="timeout", lab="sums", points=0.0):
    checks = (
        CheckResult("adds", "total", "Adds", 10, 10.0),
        CheckResult("loops", "total", "Loops", 10, points, reason, "slow", printed="\ud800"),
    )
    return LabResult(
        student, lab, "Sums", "sha256:1", "sha256:2", "T0", "course", checks, note=note
    )


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / STORE, create=True) as store:
        yield store


@given(st.lists(st.tuples(texts, texts, texts, st.floats(0, 4e9)), min_size=1))
def test_what_is_kept_comes_back_under_names_that_sqlite_takes(tmp_path_factory, rows):
    with Store(tmp_path_factory.mktemp("out") / STORE, create=True) as store:
        given = [Graded(source, time, result(who, lab=lab)) for source, who, lab, time in rows]
        for one in given:
            store.keep(f"key of {one.result.lab!r}", [one], "g")
        last = {(storable(one.result.lab), storable(one.source)): one for one in given}
        want = [
            (storable(one.result.student), one.handed_in, one.result.checks)
            for _, one in sorted(last.items())
        ]
        back = [(one.result.student, one.handed_in, one.result.checks) for one in store.graded()]
        assert sorted(map(str, back)) == sorted(map(str, want))


def test_equal_work_shares_a_result_that_names_nobody(store):
    store.keep("k", [Graded("a", 1.0, result("Ada")), Graded("b", 2.0, result("Bob", "late"))], "g")
    assert store.find("k") == result("")
    assert list(store.graded()) == [
        Graded("a", 1.0, result("Ada")),
        Graded("b", 2.0, result("Bob", "late")),
    ]
    assert list(store.graded("sums")) and not list(store.graded("other"))


def test_a_fault_of_ours_is_kept_but_never_found(store):
    store.keep("k", [Graded("a", 1.0, result(reason="internal"))], "g")
    assert store.find("k") is None
    assert next(store.graded()).result.broken
    store.keep("k", [Graded("a", 1.0, result())], "g")
    assert store.find("k") and not next(store.graded()).result.broken


WHERE = {
    "reason = 'timeout'": {"a", "b"},
    "check_name = 'adds' AND check_score = 10": {"a", "b"},
    "student LIKE 'A%'": {"a"},
    "score = 10 AND points = 20 AND lab = 'sums' AND NOT broken AND problem IS NULL": {"a", "b"},
    "handed_in > 1.5 AND source = 'b'": {"b"},
    "lab_version = 'sha256:1' AND grader = 'old' -- and a comment": {"a"},
    "reason = 'wrong'": set(),
}
REFUSED = [
    "nonsense = 1",
    "1; DROP TABLE results",
    "1) UNION SELECT key, result FROM results --",
    "EXISTS (SELECT 1 FROM attempts)",
    "(SELECT count(*) FROM sqlite_master)",
    "load_extension('x')",
    "lab IN (WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT x FROM t)",
    "",
    "\0",
    "lab = '",
]


@pytest.fixture
def two(store):
    store.keep("k1", [Graded("a", 1.0, result("Ada"))], "old")
    store.keep("k2", [Graded("b", 2.0, result("Bob"))], "new")
    return store


@pytest.mark.parametrize("where", WHERE)
def test_a_condition_selects_attempts_by_what_happened_to_their_checks(two, where):
    assert two.select(where) == {("sums", source) for source in WHERE[where]}


@pytest.mark.parametrize("where", REFUSED)
def test_a_condition_that_is_no_condition_is_refused_and_changes_nothing(two, where):
    before = list(two.graded())
    with pytest.raises(LabError, match="columns: student, lab, source"):
        two.select(where)
    assert list(two.graded()) == before


def test_what_another_lab_or_grader_has_graded_is_outdated(store, lab):
    today = dataclasses.replace(result(), lab_version=lab.version)
    grader = grader_version(lab.root)
    store.keep("1", [Graded("now", 0.0, today)], grader)
    store.keep("2", [Graded("older lab", 0.0, result())], grader)
    store.keep("3", [Graded("older grader", 0.0, today)], "sha256:0")
    sources = {source for _, source in store.select(outdated([lab]))}
    assert sources == {"older lab", "older grader"}


def test_a_key_changes_with_all_that_decides_about_marks_and_nothing_else(lab):
    terms = terms_of(lab, "T2")
    assert terms["Python"] == platform.python_version() and terms["numpy"]
    ada = Submission("Ada", {"sums.py": b"x = 1"}, {"student": "Ada", "lab_version": "old"})
    keys = [
        cache_key(ada, lab, terms, KEY),
        cache_key(dataclasses.replace(ada, files={"sums.py": b"x = 2"}), lab, terms, KEY),
        cache_key(dataclasses.replace(ada, manifest={"lab": "other"}), lab, terms, KEY),
        cache_key(dataclasses.replace(ada, problem="unreadable"), lab, terms, KEY),
        cache_key(ada, lab, terms, b"another"),
        *(cache_key(ada, lab, {**terms, name: "?"}, KEY) for name in terms),
    ]
    assert len(set(keys)) == len(keys)
    bob = Submission("Bob", ada.files, {"student": "Bob", "lab": lab.name})
    assert cache_key(bob, lab, dict(reversed(terms.items())), KEY) == keys[0]


def test_the_grader_is_known_by_its_sources_and_mlsys_not_by_what_it_shows(lab, monkeypatch):
    fresh = grader_version.__wrapped__
    before = fresh(lab.root)
    file = lab.root / "mlsys/first/adding.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert fresh(lab.root) == before
    file.write_text("def add(a, b):\n    return b + a\n")
    assert fresh(lab.root) != before
    monkeypatch.setattr(module, "PRESENTS", module.PRESENTS - {"batch"})
    assert fresh(lab.root) != before


def test_a_file_that_is_no_store_is_said_to_be_none(tmp_path):
    with pytest.raises(LabError, match="name a folder that autograder grade has written"):
        Store(tmp_path / "nowhere" / STORE)
    (tmp_path / STORE).write_text("no database at all, " * 100)
    with pytest.raises(OSError, match="not a database"):
        Store(tmp_path / STORE)
    with sqlite3.connect(tmp_path / "newer.sqlite") as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(LabError, match="another version"):
        Store(tmp_path / "newer.sqlite")


# What follows grades a class without running any of it: marks are made from the file's bytes.


class Inline:
    """An executor that works when it is asked."""

    def submit(self, work, submission):
        future = Future()
        future.set_result(work(submission))
        return future


@pytest.fixture
def grade(lab, tmp_path, monkeypatch):
    """Grade seven submissions, two of them alike, into a folder; gradings are counted in a file."""
    from autograder import batch

    folder, log = tmp_path / "in", tmp_path / "log"
    folder.mkdir()
    for number in range(6):
        (folder / f"s{number}.py").write_text(f"x = {number}")
    (folder / "again.py").write_text("x = 3")

    def judge(submission):
        with log.open("a") as file:
            file.write(f"{submission.hash}\n")
        score = float(submission.files["sums.py"][-1] % 10)
        checks = result(submission.student, points=score).checks
        made = dataclasses.replace(result(submission.student), checks=checks)
        return dataclasses.replace(made, submission=submission.hash, printed="\x00x" * 1000)

    @contextlib.contextmanager
    def open_place(*_):
        yield Place(Inline(), judge, "T0", lambda: 1)

    monkeypatch.setattr(batch, "open_place", open_place)
    monkeypatch.setattr(batch, "Site", Mock())  # the report has tests of its own

    def grade(out):
        return grade_all(lab, sorted(folder.iterdir()), out, PRACTICE)

    grade.log = log
    return grade


def written(out):
    files = [out / "gradebook.csv", *sorted(out.glob("results/*"))]
    with Store(out / STORE) as store:
        return list(store.graded()), {path.name: path.read_bytes() for path in files}


def kept(out):
    """The hashes of the submissions whose result the store holds."""
    if not (out / STORE).exists():
        return set()
    try:
        with Store(out / STORE) as store:
            return {one.result.submission for one in store.graded()}
    except sqlite3.OperationalError:
        return set()


def in_a_child(work):
    """Run ``work`` in a process that ends within 20 s; its exit code, 0 when it came to the end."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os.close(1), os.close(2)
        try:
            work()
            os._exit(0)
        except OSError:
            os._exit(3)
        finally:
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def connecting(monkeypatch, prepare):
    """Let every new connection be prepared by ``prepare``."""
    connect = sqlite3.connect

    def connect_and_prepare(*arguments, **keywords):
        connection = connect(*arguments, **keywords)
        prepare(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_prepare)


def goes_on_as_if_nothing_had_happened(grade, out, undisturbed):
    """Grade to the end; what was kept is not graded again, and all is as if never disturbed."""
    before = kept(out)
    grade.log.write_text("")
    grade(out)
    graded = grade.log.read_text().split()
    assert len(graded) == len(set(graded)) and not before & set(graded)
    assert written(out) == undisturbed
    return len(before)


@pytest.fixture
def undisturbed(grade, tmp_path):
    grade(tmp_path / "undisturbed")
    assert len(grade.log.read_text().split()) == 6  # seven, two of them alike
    return written(tmp_path / "undisturbed")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a child of its own")


@needs_fork
@pytest.mark.multiprocess
def test_a_grader_that_dies_at_any_statement_loses_nothing_and_repeats_nothing(
    grade, tmp_path, undisturbed, monkeypatch
):
    left = 0

    def count_down(statement):
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)

    progress = set()
    for number in range(1000):
        out, left = tmp_path / f"out{number}", number
        with monkeypatch.context() as patch:
            connecting(patch, lambda connection: connection.set_trace_callback(count_down))
            code = in_a_child(lambda out=out: grade(out))
        assert code in (0, 9)
        progress.add(goes_on_as_if_nothing_had_happened(grade, out, undisturbed))
        if code == 0:
            break
    assert number > 20 and progress == {0, 1, 2, 3, 4, 5, 6}


@needs_fork
@pytest.mark.multiprocess
@pytest.mark.parametrize("steps", range(100, 1100, 200))
def test_a_grader_that_dies_within_a_statement_loses_nothing_and_repeats_nothing(
    grade, tmp_path, undisturbed, monkeypatch, steps
):
    left = iter(range(steps))

    def die_after(connection):
        connection.set_progress_handler(lambda: next(left, None) is None and os._exit(9), 1)

    with monkeypatch.context() as patch:
        connecting(patch, die_after)
        assert in_a_child(lambda: grade(tmp_path / "out")) == 9
    goes_on_as_if_nothing_had_happened(grade, tmp_path / "out", undisturbed)


@pytest.mark.parametrize("pages", [1, 4, 8, 9, 10, 12, 14, 16])
def test_a_full_database_is_said_and_what_was_kept_stays(
    grade, tmp_path, undisturbed, monkeypatch, pages
):
    with monkeypatch.context() as patch:
        connecting(patch, lambda db: db.execute(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(OSError, match=r"grades\.sqlite: database or disk is full"):
            grade(tmp_path / "out")
    kept = goes_on_as_if_nothing_had_happened(grade, tmp_path / "out", undisturbed)
    assert (kept > 0) == (pages > 7)


@needs_fork
@pytest.mark.multiprocess
@pytest.mark.parametrize("kilobytes", [0, 8, 40, 60, 100])
def test_a_file_that_may_not_grow_ends_grading_and_what_was_kept_stays(
    grade, tmp_path, undisturbed, kilobytes
):
    def grade_within():
        import resource  # where there is no fork, there is none of this either

        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))
        grade(tmp_path / "out")

    assert in_a_child(grade_within) == 3  # an `OSError`, not a signal
    goes_on_as_if_nothing_had_happened(grade, tmp_path / "out", undisturbed)
