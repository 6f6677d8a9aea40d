"""A student's day: where work lies, what is said about it, and how the words fit on a screen."""

import dataclasses
import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autograder import cli, lab, work
from autograder.checks import Wrong, typed
from autograder.grade import Grader, grade_files, grade_source
from autograder.results import CheckResult, LabResult
from autograder.sandbox import Sandbox
from autograder.show import show_result
from autograder.starter import answer_files, answer_source, starter_source
from autograder.submission import Submission

ENDLESS = "def total(numbers):\n    while True:\n        pass\n"


@pytest.fixture
def run(course, monkeypatch, capsys):
    """Type a ``labs`` command in a folder; the course is the installed one and this one."""
    monkeypatch.setattr(lab, "PACKAGE_ROOT", course)
    monkeypatch.setenv("COLUMNS", "80")

    def run(folder, *arguments):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["labs", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.labs_main()
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return run


@pytest.mark.parametrize("below", [".", "mlsys/first", "work", "work/sums"])
def test_in_a_course_work_has_one_place_wherever_one_stands(run, course, below):
    code, out, _ = run(course / below, "start", "sums")
    written = out.splitlines()[0].removeprefix("wrote ")
    assert code == 0 and (course / below / written).resolve() == course / "work/sums/sums.py"
    assert os.path.isabs(written) == (below == "mlsys/first")
    assert run(course / below, "check", "sums")[0] == 1
    assert run(course / below, "submit", "sums", "--name", "Ada")[0] == 0
    assert not (course / below / "work").exists() or below == "."


def test_outside_of_any_course_work_lies_where_it_was_begun(run, course, tmp_path):
    there = tmp_path / "elsewhere"
    code, _, err = run(there, "start", "sums")
    assert code == 0 and "belongs to no course" in err and str(course) in "".join(err.split("\n"))
    for folder in (there, there / "work" / "sums", there / "other"):
        assert run(folder, "check", "sums")[0] == 1
        assert run(folder, "start", "sums")[0] == 2  # it is there already
        assert run(folder, "submit", "sums", "--name", "Ada")[0] == 0
        assert run(folder, "list")[:2] == run(course, "list")[:2]
    assert [path.parent.name for path in tmp_path.rglob("sums.py") if "work" in path.parts] == [
        "sums"
    ]


def test_where_a_file_was_looked_for_is_said(run, course, tmp_path):
    code, out, err = run(course, "check", "sums", course / "book")
    assert code == 2 and not out and f"no sums.py in {course / 'book'}" in err
    code, _, err = run(course / "mlsys", "check", "sums")
    assert code == 2 and str(course / "mlsys") in err and str(course / "work" / "sums") in err


def test_a_misspelt_lab_is_guessed(run, course):
    assert "did you mean sums?" in run(course, "start", "sumz")[2]
    assert "did you mean" not in run(course, "start", "attention")[2]


def test_what_is_handed_in_by_mistake_is_said(run, course, lab):
    file = course / "work" / "sums" / "sums.py"
    run(course, "start", "sums")
    code, out, _ = run(course, "submit", "sums", "--name", "Ada")
    assert code == 0 and "still the starter" in out
    file.write_text("x = 1\ndef total(:\n", encoding="utf-8")
    code, out, _ = run(course, "submit", "sums")
    assert code == 0 and "sums.py, line 2" in out and "def total(:" in out
    file.write_text(answer_source(lab), encoding="utf-8")
    assert "Warning" not in run(course, "submit", "sums")[1]
    assert "sums-Ada.zip, made earlier" in run(course, "submit", "sums", "--name", "Bo")[1]


@pytest.fixture
def with_notes(lab):
    """The lab with a file of notes, which the second check reads."""
    (lab.folder / "files").mkdir()
    (lab.folder / "files" / "notes.txt").write_text("notes")
    toml, checks = lab.folder / "lab.toml", lab.folder / "checks.py"
    toml.write_text(toml.read_text().replace("imports", 'extra = ["notes.txt"]\nimports'))
    checks.write_text(checks.read_text().replace('student.call("total", [])', "_notes(student)"))
    checks.write_text(
        checks.read_text()
        + "\n\ndef _notes(student):\n    student.text('notes.txt')\n    return 0\n"
    )
    return dataclasses.replace(lab, extra=("notes.txt",))


def test_a_missing_extra_file_costs_only_the_checks_that_read_it(with_notes):
    files = {"sums.py": answer_source(with_notes).encode()}
    result = grade_files(with_notes, files)
    assert [check.reason for check in result.checks] == [None, "missing", None]
    assert "no notes.txt" in result.checks[1].message and "no notes.txt" in result.note
    assert grade_files(with_notes, files | {"notes.txt": b"x"}).score == 100


def test_without_an_extra_file_one_may_hand_in_and_is_warned(with_notes, tmp_path):
    with pytest.raises(lab.LabError, match=r"no sums\.py"):
        work.pack(with_notes, tmp_path, "Ada")
    (tmp_path / "sums.py").write_text(answer_source(with_notes), encoding="utf-8")
    archive = work.pack(with_notes, tmp_path, "Ada")
    assert [doubt for doubt in work.doubts(with_notes, archive) if "no notes.txt" in doubt]


def test_what_is_printed_is_kept_apart_by_when_it_is_printed(lab):
    source = answer_source(lab, "def product(numbers):\n    print('later')\n    return 0\n")
    result = grade_source(lab, f"{source}\nprint('at first')\n")
    assert result.printed == "at first\n"
    assert [check.printed for check in result.checks] == ["", "", "later\n"]


def test_what_is_printed_is_shown_for_passed_checks_and_when_nothing_could_run(lab):
    loud = "def total(numbers):\n    for k in range(9): print('row', k)\n    return sum(numbers)\n"
    out = screen(lab, grade_source(lab, answer_source(lab, loud)))
    assert "row 2" in out and "row 3" not in out and "more lines cut" in out
    out = screen(lab, grade_source(lab, "print('begun')\nraise ValueError('boom')\n"))
    assert "begun" in out and "boom" in out and "(at line 2 of your file)" in out


def test_too_much_printing_is_told_plainly_and_without_a_hint(lab):
    loud = "def product(numbers):\n    while True: print('x' * 10_000)\n"
    *_, last = grade_source(lab, answer_source(lab, loud)).checks
    assert last.message == "your code printed more than 1 MiB; remove the print"
    assert last.hint == "" and last.section


@pytest.mark.parametrize(
    "source, line, quoted",
    [
        ("x = 1\ndef total(:\n", "line 2", "def total(:"),
        ("x = 1\nimport socket, math\n", "line 2", "import socket, math"),
        ("x = 1\n\ny = 1 / 0  # oh\n", "line 3", "y = 1 / 0  # oh"),
    ],
)
def test_when_nothing_can_be_checked_one_line_is_shown(lab, source, line, quoted):
    out = screen(lab, grade_source(lab, source))
    assert line in out and f"      {quoted}" in out
    assert "0/" not in out and "0 of 100 points" in out and len(out.splitlines()) < 10


@pytest.mark.skipif(sys.platform == "win32", reason="no signal to ask a child with")
def test_an_endless_loop_is_told_with_function_and_line(lab):
    source = answer_source(lab, ENDLESS)
    at = source[: source.index("while True")].count("\n") + 1
    message = grade_source(lab, source).checks[0].message
    assert message.startswith("total: no answer within 1 s (it was stopped at line ")
    assert f"line {at}," in message or f"line {at + 1}," in message
    assert "in total of your file" in message


def test_an_impatient_grader_waits_twice_for_a_function_and_a_course_always(lab):
    lab = dataclasses.replace(lab, limits=dataclasses.replace(lab.limits, wall=0.3))
    with Sandbox(lab) as sandbox:
        submission = Submission("Ada", {"sums.py": answer_source(lab, ENDLESS).encode()})
        for key, impatient in ((b"practice", True), (b"key", False)):
            grader = Grader(lab, sandbox, key, impatient=impatient)
            grader.checks = [grader.checks[0]] * 3 + [grader.checks[2]]
            result = grader.grade(submission)
            skipped = [check.message.startswith("not run") for check in result.checks]
            assert skipped == [False, False, impatient, False]
            assert [check.reason for check in result.checks] == ["timeout"] * 3 + [None]


@pytest.mark.parametrize("name", ["input", "breakpoint"])
def test_what_needs_a_person_says_so(lab, name):
    source = answer_source(lab, f"def product(numbers):\n    {name}()\n    return 1\n")
    last = grade_source(lab, source).checks[-1]
    assert last.reason == "error" and last.message.startswith(f"{name}() is not available when")
    assert "in product" in last.message


@pytest.mark.parametrize("call", ["exit()", "quit()", "raise SystemExit"])
def test_a_program_that_ends_itself_is_told_where(lab, call):
    source = answer_source(lab, f"def product(numbers):\n    {call}\n")
    last = grade_source(lab, source).checks[-1]
    assert last.reason == "exited" and "ended the program with exit()" in last.message
    assert last.message.endswith(call)


def test_a_number_too_long_to_print_is_described():
    with pytest.raises(Wrong, match="too long to print"):
        typed([10**5000], list[str])


def test_arrays_in_messages_are_printed_narrowly(lab):
    path = lab.folder / "checks.py"
    text = path.read_text(encoding="utf-8")
    end = 'import numpy as np\n    assert False, f"got {np.arange(50) / 3}"\n'
    path.write_text(text.replace('close(student.call("total", []), 0)', end), "utf-8")
    message = grade_files(lab, answer_files(lab)).checks[1].message
    assert max(map(len, message.splitlines())) <= 74


@given(
    st.text(st.sampled_from("ab, .-12"), min_size=1, max_size=400),
    st.integers(50, 120),
)
def test_no_row_is_wider_than_the_screen_and_none_begins_at_its_edge(shared_lab, words, width):
    check = CheckResult("c", "total", words, 100, 0.0, "wrong", words, words, "a/b#c", 0.0, words)
    about = ("Ada", "sums", "Sums", "sha256:0", "sha256:0", "T0", "practice")
    result = LabResult(*about, (check,))
    rows = screen(shared_lab, result, width=width).splitlines()
    assert max(map(len, rows)) <= width
    headings = [row for row in rows if row and not row.startswith("  ")]
    assert len(headings) <= 4 + (width < 80)  # the lab, its two tasks, the sum


def test_plain_lines_are_not_wrapped(shared_lab):
    words = "word " * 50
    check = CheckResult("c", "total", "title", 100, 0.0, "wrong", words)
    result = LabResult("Ada", "sums", "Sums", "v", "s", "T0", "practice", (check,))
    assert words.strip() in screen(shared_lab, result, plain=True)


def screen(lab, result, width=80, plain=False):
    to = Console(file=io.StringIO(), width=width, soft_wrap=plain, color_system=None)
    show_result(result, lab, to, plain)
    return to.file.getvalue()


def test_the_starter_is_the_only_file_called_untouched(lab, tmp_path):
    for text, untouched in ((starter_source(lab), True), (answer_source(lab), False)):
        (tmp_path / "sums.py").write_text(text, encoding="utf-8", newline="\r\n")
        doubts = list(work.doubts(lab, work.pack(lab, tmp_path, "Ada")))
        assert any("starter" in doubt for doubt in doubts) == untouched
