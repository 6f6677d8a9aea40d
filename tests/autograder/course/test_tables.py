"""What the gradebooks promise: everybody, every mark, nothing that a spreadsheet would run."""

import csv
import os
import random
import re
import sys
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import cli
from autograder.course.policy import DAY, Course, Late, Terms
from autograder.course.roster import Roster, Student
from autograder.course.tables import Book, write_table
from autograder.lab import LabError
from autograder.results import CheckResult, Graded, LabResult
from autograder.store import STORE, Store

ADA = Student("ada", "Ada Lovelace", "A", "ada@x.edu", "1815", "S-1", "al1")
BOB = Student("bob", "Bob Hopper", "B", "", "1906", "S-2", "bh2")
ROSTER = Roster([BOB, ADA])
COURSE = Course(
    {"sums": Terms(0.0, 30, "Sums", 12), "walks": Terms(9 * DAY, None, "", 13)},
    Late(grace_days=1, penalty=0.1, floor=0.5, accept_days=7),
)


def graded(source, lab="sums", scores=(40, 20), late=-1.0, course=COURSE, **changes):
    checks = tuple(
        CheckResult(f"check{k}", "task", f"title {k}", 50, score, None if score == 50 else "wrong")
        for k, score in enumerate(scores)
    )
    about = {"student": source, "lab": lab, "lab_title": lab, "lab_version": "sha256:v"}
    about |= {"submission": f"sha256:{source}", "tier": "T3", "key": "course", "checks": checks}
    due = course.labs[lab].due if lab in course.labs else 0.0
    return Graded(source, due + late, LabResult(**(about | changes)))


CLASS = [
    graded("ada"),
    graded("ada.zip", scores=(50, 40), late=2 * DAY),
    graded("bob", scores=(0, 0), problem="there is no sums.py\nin it"),
    graded("bob", "walks", late=DAY),
    graded("x_99_1_ada.zip", student="ada"),
]


def table(rows, tmp_path):
    write_table(rows, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_wide_book_has_a_row_for_everybody(tmp_path):
    ada, bob, stranger = table(Book(CLASS, COURSE, ROSTER).wide(), tmp_path)
    assert list(ada) == [
        "student", "name", "section", "sums", "walks", "total", "of", "late", "problem",
    ]  # fmt: skip
    assert (ada["student"], ada["name"], ada["section"]) == ("ada", "Ada Lovelace", "A")
    assert (ada["sums"], ada["walks"]) == ("81", "")  # 90 after a grace day and a day's penalty
    assert (ada["total"], ada["of"]) == ("24.3", "130")
    assert ada["late"] == "sums 48.0 h, grace days: 1"
    assert ada["problem"] == "walks: nothing handed in"
    assert (bob["walks"], bob["total"]) == ("60", "60")
    assert bob["problem"] == "sums: there is no sums.py␤in it"
    assert (stranger["student"], stranger["name"]) == ("x_99_1_ada.zip", "ada")
    assert stranger["problem"].startswith("not on the roster")


def test_the_long_book_has_a_row_for_each_check_of_each_attempt(tmp_path):
    rows = table(Book(CLASS, COURSE, ROSTER).long(CLASS), tmp_path)
    assert len(rows) == 2 * len(CLASS)
    first, _, late = rows[:3]
    assert (first["attempt"], first["counts"], first["late_hours"]) == ("ada", "no", "0")
    assert (late["attempt"], late["counts"], late["late_hours"]) == ("ada.zip", "yes", "48")
    assert (late["check"], late["points"], late["score"], late["reason"]) == (
        "check0", "50", "50", "",
    )  # fmt: skip
    assert (first["reason"], first["submission"], first["tier"]) == ("wrong", "sha256:ada", "T3")


def test_canvas_gets_its_own_columns_and_only_who_it_knows(tmp_path):
    write_table(Book(CLASS, COURSE, ROSTER).canvas(), tmp_path / "canvas.csv")
    with (tmp_path / "canvas.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Sums (12)", "walks (13)"],
            ["    Points Possible", "", "", "", "", "100", "100"],
            ["Bob Hopper", "1906", "S-2", "bh2", "B", "0", "60"],
            ["Ada Lovelace", "1815", "S-1", "al1", "A", "81", ""],
        ]


@given(st.lists(st.text(), min_size=2, max_size=2), st.text())
def test_canvas_reads_back_every_student_whatever_their_names(tmp_path_factory, names, section):
    """Read as Canvas's importer reads: titles, a row of points, students by number."""
    path = tmp_path_factory.mktemp("canvas") / "canvas.csv"
    students = [replace(BOB, name=names[0]), replace(ADA, name=names[1] + "Points Possible")]
    students = [replace(one, section=section) for one in students]
    write_table(Book(CLASS, COURSE, Roster(students)).canvas(), path)
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert "Student" in head[0] and "ID" in head[1] and "Section" in head[4]
    assert [re.fullmatch(r".*\((\d+)\)", title)[1] for title in head[5:]] == ["12", "13"]
    assert [row for row in rows if "Points Possible" in row[0]] == rows[:1]
    assert [(row[1], row[5]) for row in rows[1:]] == [("1906", "0"), ("1815", "81")]


@pytest.mark.parametrize(
    ("course", "roster"), [(Course(), ROSTER), (COURSE, Roster()), (Course(), Roster())]
)
def test_canvas_without_its_numbers_is_no_table(course, roster):
    with pytest.raises(LabError, match="canvas_id"):
        list(Book(CLASS, course, roster).canvas())


@given(st.permutations(range(len(CLASS))))
def test_the_order_of_the_results_does_not_matter(tmp_path_factory, order):
    paths = [tmp_path_factory.mktemp("order") / name for name in ("a.csv", "b.csv")]
    for path, results in zip(paths, (CLASS, [CLASS[k] for k in order]), strict=True):
        write_table(Book(results, COURSE, ROSTER).wide(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_any_text_is_one_visible_line_in_its_cell(tmp_path_factory, names, problem):
    path = tmp_path_factory.mktemp("text") / "wide.csv"
    results = [graded(f"{k}", student=name, problem=problem) for k, name in enumerate(names)]
    write_table(Book(results, Course(), Roster()).wide(), path)
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(set(names)) + 1
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for cell in cells for c in cell}
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_without_course_and_roster_the_total_is_the_sum_of_the_points(tmp_path):
    results = [graded("Ada", scores=(50, 25)), graded("Ada", "walks", scores=(10, 0))]
    (row,) = table(Book(results, Course(), Roster()).wide(), tmp_path)
    assert (row["student"], row["total"], row["of"], row["late"]) == ("Ada", "85", "200", "")


@pytest.mark.parametrize("most", ["Ada", "Bob"])
def test_the_points_of_a_lab_are_the_most_that_anybody_could_get(most, tmp_path):
    results = [
        graded(name, student=name, scores=(50,) * (3 if name == most else 2))
        for name in ("Ada", "Bob")
    ]
    assert {row["of"] for row in table(Book(results).wide(), tmp_path)} == {"150"}


def test_what_is_in_doubt_is_told():
    broken = graded("ada", "other")
    fault = replace(broken.result.checks[0], reason="internal")
    broken = replace(broken, result=replace(broken.result, checks=(fault,)))
    doubts = list(Book([*CLASS, broken], COURSE, ROSTER).doubts)
    assert len(doubts) == 3
    assert doubts[0] == "x_99_1_ada.zip: not on the roster"
    assert doubts[1].startswith("ada: a check failed for a fault of its own")
    assert doubts[2].startswith("other is not in course.toml")
    assert not Book(CLASS[:4], COURSE, ROSTER).doubts
    extended = replace(COURSE, extensions={("adda", "sums"): 5.0, ("bob", "sums"): 5.0})
    doubts = Book(CLASS[:4], extended, ROSTER).doubts
    assert doubts == ["adda has an extension, and is no student"]


def test_a_book_of_many_streams_its_results(tmp_path):
    """Each result is let go before the next is asked for."""
    alive = []

    class Watched(Graded):
        def __del__(self):
            alive.pop()

    def stream():
        rng = random.Random(1)
        for k in range(200):
            alive.append(k)
            assert len(alive) <= 2
            one = graded(f"s{k}", scores=(rng.randrange(50), 0))
            yield Watched(one.source, one.handed_in, one.result)
            del one

    book = Book(stream(), COURSE, Roster())
    assert len(table(book.long(stream()), tmp_path)) == 400


@pytest.fixture
def gradebook(tmp_path, monkeypatch, capsys):
    """Run ``autograder gradebook`` on a store with `CLASS`; returns exit code, stdout, stderr."""
    with Store(tmp_path / STORE, create=True) as store:
        for one in CLASS:
            store.keep(f"{one.source} {one.result.lab}", [one], grader="grader")
    (tmp_path / "roster.csv").write_text("id,name,canvas id\nada,Ada,1815\nbob,Bob,1906\n")
    (tmp_path / "course.toml").write_text(
        "[late]\npenalty = 0.1\n[labs.sums]\ndue = 1970-01-01T00:00:00Z\ncanvas_id = 12\n"
        "[labs.walks]\ndue = 1970-01-10T00:00:00Z\n"
    )

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autograder", "gradebook", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.autograder_main()
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return run


def test_the_command_writes_each_format(gradebook, tmp_path):
    options = ["--course", tmp_path / "course.toml", "--roster", tmp_path / "roster.csv"]
    for form, lines in (("wide", 4), ("long", 11), ("canvas", 4)):
        code, out, err = gradebook(tmp_path, *options, "--format", form)
        path = tmp_path / f"gradebook-{form}.csv"
        assert code == 1 and str(path) in out
        assert "x_99_1_ada.zip: not on the roster" in err
        assert len(path.read_text(encoding="utf-8").splitlines()) == lines
    assert gradebook(tmp_path)[0] == 0


def test_the_command_tells_what_is_missing_in_one_line(gradebook, tmp_path):
    for arguments in (
        [tmp_path / "nowhere"],
        [tmp_path, "--course", tmp_path / "no.toml"],
        [tmp_path, "--roster", tmp_path / "no.csv"],
        [tmp_path, "--format", "canvas"],
    ):
        code, _, err = gradebook(*arguments)
        assert code == 2 and err.startswith("error: ") and "Traceback" not in err
    assert not list(tmp_path.glob("gradebook*")) and not list(tmp_path.glob(".gradebook*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits a process of its own")
@pytest.mark.multiprocess
def test_a_full_disk_leaves_the_old_book_and_no_other(gradebook, tmp_path):
    import resource
    import signal

    old = tmp_path / "gradebook-wide.csv"
    old.write_text("old")
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            write_table(Book(CLASS, COURSE, ROSTER).wide(), old)
        except OSError:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert old.read_text() == "old"
    assert not list(tmp_path.glob(".gradebook*"))
