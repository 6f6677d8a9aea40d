"""The commands, as they are typed: what they print, where they write, how they exit."""

import contextlib
import dataclasses
import json
import signal
import subprocess
import sys
import threading

import pytest

from autograder import cli
from autograder.starter import answer_source, starter_source
from autograder.store import STORE, Store
from autograder.submission import read_submission, write_archive


@pytest.fixture
def run(course, monkeypatch, capsys):
    """Run a command in the course's folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(course)
    monkeypatch.delenv("AUTOGRADER_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(command, *arguments):
        monkeypatch.setattr(sys, "argv", [command, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.labs_main() if command == "labs" else cli.autograder_main()
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return run


def answer(course, lab, text):
    (course / "work" / "sums" / "sums.py").write_text(text, encoding="utf-8")


def test_list_names_the_labs(run):
    code, out, _ = run("labs", "list")
    assert code == 0 and "sums" in out and "Sums and products" in out


def test_start_writes_the_students_folder(run, course, lab):
    code, out, _ = run("labs", "start", "sums")
    assert code == 0 and "labs check sums" in out
    folder = course / "work" / "sums"
    assert {path.name for path in folder.iterdir()} == {"sums.py", "handout.md"}
    assert (folder / "sums.py").read_text(encoding="utf-8") == starter_source(lab)


def test_start_never_overwrites_work(run, course, lab):
    run("labs", "start", "sums")
    answer(course, lab, "mine = 1\n")
    code, _, err = run("labs", "start", "sums")
    assert code == 2 and "--force" in err
    assert (course / "work/sums/sums.py").read_text() == "mine = 1\n"
    for number in (1, 2):
        assert run("labs", "start", "sums", "--force")[0] == 0
        assert (course / f"work/sums/sums.old-{number}.py").exists()
    assert (course / "work/sums/sums.old-1.py").read_text() == "mine = 1\n"


def test_check_exits_0_with_all_marks_and_1_without(run, course, lab):
    run("labs", "start", "sums")
    code, out, _ = run("labs", "check", "sums", "--plain")
    assert code == 1 and "0 of 100 points" in out and "write product" in out
    assert "Read: first/summing#c" in out and "Hint" not in out  # nothing is wrong with it yet
    answer(course, lab, answer_source(lab, "def product(numbers):\n    return 0\n"))
    assert "Hint: Multiply." in run("labs", "check", "sums", "--plain")[1]
    answer(course, lab, answer_source(lab))
    code, out, _ = run("labs", "check", "sums")
    assert code == 0 and "100 of 100 points" in out and "Hint" not in out


def test_plain_output_is_ascii_without_colour(run, course, lab):
    run("labs", "start", "sums")
    out = run("labs", "check", "sums", "--plain")[1]
    assert out.isascii() and "\x1b" not in out and "missed" in out


def test_check_in_json_is_gradescopes_format(run):
    run("labs", "start", "sums")
    code, out, _ = run("labs", "check", "sums", "--json")
    assert code == 1 and json.loads(out)["extra_data"]["key"] == "practice"


def test_check_finds_the_file_here_or_where_it_is_told(run, course, lab, monkeypatch):
    (course / "mine").mkdir()
    (course / "mine" / "sums.py").write_text(answer_source(lab), encoding="utf-8")
    assert run("labs", "check", "sums", "mine")[0] == 0
    assert run("labs", "check", "sums", "mine/sums.py")[0] == 0
    monkeypatch.chdir(course / "mine")
    assert run("labs", "check", "sums")[0] == 0


def test_what_students_print_and_raise_cannot_style_the_terminal(run, course, lab):
    run("labs", "start", "sums")
    attack = """
def product(numbers):
    print("\x1b[31m[bold]x")
    raise ValueError("\x1b[2J[red]")
"""
    answer(course, lab, answer_source(lab, attack))
    _, out, _ = run("labs", "check", "sums", "--plain")
    assert "\x1b" not in out and "[bold]x" in out and "[red]" in out


def test_submit_remembers_the_name_it_was_told_once(run, course, lab):
    run("labs", "start", "sums")
    code, _, err = run("labs", "submit", "sums")
    assert code == 2 and "--name" in err
    for arguments in (["--name", "Ada Lovelace"], []):
        code, out, _ = run("labs", "submit", "sums", *arguments)
        archive = course / "work/sums/sums-Ada_Lovelace.zip"
        assert code == 0 and archive.name in out
    submission = read_submission(archive, lab)
    assert submission.student == "Ada Lovelace" and submission.problem is None


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["check", "nosuch"], "there is no lab 'nosuch'; there are sums"),
        (["check", "sums"], "labs start sums"),
        (["submit", "sums", "--name", "Ada"], "labs start sums"),
        (["start", "sums", "book/chapters.toml"], "error:"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, arguments, complaint):
    code, _, err = run("labs", *arguments)
    assert code == 2 and complaint in err and "Traceback" not in err


def test_release_and_grade_work_together(run, course, lab, tmp_path):
    code, out, _ = run("autograder", "release", tmp_path / "bundle")
    assert code == 0 and "14 files" in out
    (tmp_path / "ada.py").write_text(answer_source(lab), encoding="utf-8")
    arguments = ["grade", tmp_path / "ada.py", "--lab", "sums", "--out", tmp_path / "out"]
    code, out, err = run("autograder", *arguments)
    assert code == 0 and "gradebook.csv" in out and "practice marks" in err
    stored = json.loads((tmp_path / "out/results/sums-ada.json").read_text())
    assert stored["score"] == 100 and stored["extra_data"]["key"] == "practice"


def test_the_course_key_is_read_from_a_file_or_the_environment(run, lab, tmp_path, monkeypatch):
    (tmp_path / "ada.py").write_text(answer_source(lab), encoding="utf-8")
    arguments = ["grade", tmp_path / "ada.py", "--lab", "sums", "--out", tmp_path / "out"]
    (tmp_path / "key").write_text("secret\n", encoding="utf-8")
    assert "practice" not in run("autograder", *arguments, "--key-file", tmp_path / "key")[2]
    monkeypatch.setenv("AUTOGRADER_KEY", "secret")
    assert "practice" not in run("autograder", *arguments)[2]
    assert "secret" not in (tmp_path / "out/results/sums-ada.json").read_text()
    (tmp_path / "key").write_text(" \n", encoding="utf-8")
    code, _, err = run("autograder", *arguments, "--key-file", tmp_path / "key")
    assert code == 2 and "empty" in err


def test_a_broken_check_makes_grading_exit_with_1(run, course, lab, tmp_path):
    path = course / "labs/sums/checks.py"
    path.write_text(path.read_text().replace("2 * math.prod", "2 * math.product"))
    (tmp_path / "ada.py").write_text(answer_source(lab), encoding="utf-8")
    arguments = ["grade", tmp_path / "ada.py", "--lab", "sums", "--out", tmp_path / "out"]
    assert run("autograder", *arguments)[0] == 1


def test_what_deserves_a_second_look_is_said(run, lab, tmp_path):
    other = dataclasses.replace(lab, version="sha256:0")
    files = {"sums.py": answer_source(lab).encode()}
    (tmp_path / "in").mkdir()
    for name, each in (("a", lab), ("b", other)):
        (tmp_path / "in" / f"{name}.zip").write_bytes(write_archive(each, files, "Ada"))
    arguments = ["grade", tmp_path / "in", "--lab", "sums", "--out", tmp_path / "out"]
    code, _, err = run("autograder", *arguments)
    assert code == 0 and "another version" in err and "Ada: 2 submissions" in err


def test_help_names_every_command(run):
    for command, names in (("labs", "list start check submit"), ("autograder", "release grade")):
        code, out, _ = run(command, "--help")
        assert code == 0 and all(name in out for name in names.split())


def test_check_can_be_of_one_task(run, course, lab):
    run("labs", "start", "sums")
    answer(course, lab, answer_source(lab, "def product(numbers):\n    return 0\n"))
    code, out, _ = run("labs", "check", "sums", "--task", "total", "--plain")
    assert code == 0 and "40 of 40 points" in out and "Multiply" not in out
    assert run("labs", "check", "sums", "--task", "product")[0] == 1
    code, _, err = run("labs", "check", "sums", "--task", "sum")
    assert code == 2 and "'sum'" in err and "total, product" in err


@pytest.mark.multiprocess
def test_check_watches_and_checks_again_at_each_save(course, lab, monkeypatch):
    monkeypatch.chdir(course)
    folder = course / "work" / "sums"
    folder.mkdir(parents=True)
    file = folder / "sums.py"
    file.write_text(starter_source(lab), encoding="utf-8")
    command = [sys.executable, "-m", "autograder", "labs", "check", "sums", "--watch", "--plain"]
    watching = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    with watching, end_after(watching, 40.0):
        for text, points in ((answer_source(lab), 100), ("def product(:\n", 0)):
            assert marks_in(watching.stdout) is not None
            scratch = folder / "scratch"
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(file)  # as careful editors save
            assert marks_in(watching.stdout) == points
            file.write_text(starter_source(lab), encoding="utf-8")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 1  # marks were missed in the last round


def marks_in(lines) -> int | None:
    """The marks of the next result that is printed."""
    for line in lines:
        if " of 100 points" in line:
            return int(line.split()[0])
    return None


@contextlib.contextmanager
def end_after(process, seconds):
    """Kill ``process`` when it takes longer, or when the test fails."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()


def scores(out):
    with Store(out / STORE) as store:
        return {one.result.student: one.result.score for one in store.graded()}


def test_regrade_takes_what_a_new_version_of_the_lab_would_mark_otherwise(
    run, course, lab, tmp_path
):
    zero = answer_source(lab, "def product(numbers):\n    return 0\n")
    for name, text in (("ada", answer_source(lab)), ("bob", zero)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    out, files = tmp_path / "out", [tmp_path / "ada.py", tmp_path / "bob.py"]
    assert run("autograder", "grade", *files, "--lab", "sums", "--out", out)[0] == 0
    assert run("autograder", "regrade", out)[:2] == (0, "0 attempts to grade again\n")
    path = course / "labs/sums/checks.py"
    path.write_text(path.read_text().replace("got == want", "got == 0"))
    code, said, _ = run("autograder", "regrade", out, "--dry-run")
    assert code == 0 and "sums: " in said and "2 attempts" in said
    assert scores(out) == {"ada": 100, "bob": 40}
    assert run("autograder", "regrade", out)[0] == 0
    assert scores(out) == {"ada": 40, "bob": 100}
    assert "bob" in (out / "gradebook.csv").read_text()


def test_regrade_says_what_it_cannot_do_and_keeps_the_old_marks(run, lab, tmp_path):
    (tmp_path / "ada.py").write_text(answer_source(lab), encoding="utf-8")
    (tmp_path / "key").write_text("secret")
    out, key = tmp_path / "out", ["--key-file", tmp_path / "key"]
    run("autograder", "grade", tmp_path / "ada.py", "--lab", "sums", "--out", out, *key)
    code, _, err = run("autograder", "regrade", out, "--where", "mark = 3", *key)
    assert code == 2 and "no such column: mark" in err and "check_score" in err
    code, _, err = run("autograder", "regrade", out, "--where", "lab = 'sums'")
    assert code == 2 and "--key-file" in err
    (tmp_path / "ada.py").unlink()
    code, _, err = run("autograder", "regrade", out, "--where", "lab = 'sums'", *key)
    assert code == 1 and "ada.py is gone; its old result stays" in err
    assert scores(out) == {"ada": 100}
    code, _, err = run("autograder", "regrade", tmp_path / "nowhere")
    assert code == 2 and "name a folder that autograder grade has written" in err


def test_times_and_clusters_that_make_no_sense_are_told_before_anything_runs(run, lab, tmp_path):
    (tmp_path / "ada.py").write_text(answer_source(lab), encoding="utf-8")
    (tmp_path / "times.csv").write_text("source,time\nbob.py,2026-10-01T12:00:00Z\n")
    arguments = ["grade", tmp_path / "ada.py", "--lab", "sums", "--out", tmp_path / "out"]
    code, _, err = run("autograder", *arguments, "--times", tmp_path / "times.csv")
    assert code == 2 and "no row for ada.py" in err
    code, _, err = run("autograder", *arguments, "--cluster", "local:x")
    assert code == 2 and "local:NUMBER" in err
