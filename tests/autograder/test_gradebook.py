"""What the gradebook promises: every mark, one row a student, nothing a spreadsheet would run."""

import csv
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.atomic import write_atomically
from autograder.gradebook import mark, text_cell, write_csv
from autograder.printable import printable
from autograder.results import CheckResult, LabResult


def result(student, scores=(4, 2.5, 0), **changes):
    names = ("visits_once", "skips_dead", "counts_steps")
    checks = tuple(
        CheckResult(name, task, f"title of {name}", 5, score, None if score == 5 else "wrong")
        for name, task, score in zip(names, ("walk", "walk", "revolve"), scores, strict=True)
    )
    about = {"student": student, "lab": "toy", "lab_title": "Toy", "lab_version": "sha256:v"}
    about |= {"submission": f"sha256:{student}", "tier": "T0", "key": "course", "checks": checks}
    return LabResult(**(about | changes))


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_holds_the_marks_by_check_by_task_and_in_all(tmp_path):
    write_csv([result("Ada")], tmp_path / "gradebook.csv")
    (row,) = read(tmp_path / "gradebook.csv")
    assert list(row)[:4] == ["student", "lab", "score", "points"]
    assert (row["score"], row["points"]) == ("6.5", "15")
    assert (row["task:walk"], row["task:revolve"]) == ("6.5", "0")
    assert (row["check:visits_once"], row["check:counts_steps"]) == ("4", "0")
    assert (row["submission"], row["lab_version"]) == ("sha256:Ada", "sha256:v")
    assert (row["tier"], row["key"], row["problem"]) == ("T0", "course", "")


def test_rows_and_columns_do_not_depend_on_the_order_of_the_results(tmp_path):
    class_ = [result(name) for name in ("Zoë", "ada", "Bao", "Élodie")]
    write_csv(class_, tmp_path / "a.csv")
    random.Random(1).shuffle(class_)
    write_csv(class_, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    students = [row["student"] for row in read(tmp_path / "a.csv")]
    assert students == ["ada", "Bao", "Élodie", "Zoë"]


def test_the_problem_of_a_submission_stands_in_its_row(tmp_path):
    write_csv([result("Ada", (0, 0, 0), problem="no toy.py\nin it")], tmp_path / "gradebook.csv")
    assert read(tmp_path / "gradebook.csv")[0]["problem"] == "no toy.py␤in it"


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "＝1", "|x"]
)
def test_no_cell_begins_as_a_formula(start):
    assert text_cell(start).startswith("'")


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_name_gives_one_row_of_visible_text(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.csv"
    write_csv([result(name) for name in names], path)
    rows = read(path)
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(names) + 1
    for row in rows:
        assert row["score"] == "6.5"
        assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, row["student"]))
        assert not row["student"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("control", [*map(chr, range(32)), "\x7f", "\x9b", "\u202e", "\ud800"])
def test_no_control_reaches_a_single_line(control):
    shown = printable(f"a{control}b", characters=10)
    assert control not in shown
    shown.encode()


@given(st.floats(0, 1000))
def test_a_mark_reads_back_to_a_hundredth(points):
    assert float(mark(points)) == pytest.approx(points, abs=0.005001)


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "gradebook.csv"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
