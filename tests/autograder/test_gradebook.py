"""Cells of a gradebook: nothing that a spreadsheet would run, marks that read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.atomic import write_atomically
from autograder.gradebook import mark, text_cell
from autograder.printable import printable


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "＝1", "|x"]
)
def test_no_cell_begins_as_a_formula(start):
    assert text_cell(start).startswith("'")


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
