"""The zip in Gradescope's layout, run as Gradescope runs it; results.json as it is documented."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile

import pytest

from autograder import cli, tiers
from autograder.atomic import write_atomically
from autograder.course import gradescope
from autograder.course.gradescope import write_zip
from autograder.grade import grade_files
from autograder.lab import load_lab, with_hidden
from autograder.results import LabResult
from autograder.starter import answer_source
from autograder.submission import write_archive

pytestmark = [
    pytest.mark.multiprocess,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Gradescope is Linux"),
]

KEY = b"0123456789abcdef"
HIDDEN = """
from autograder import check, close


@check(task="total", points=50, title="sums ten")
def sums_ten(student, rng):
    close(student.call("total", [1, 2, 3, 4]), 10, what="a secret")
"""
ENDLESS = "def product(numbers):\n    while True:\n        pass\n"
METADATA = {
    "id": 123456,
    "created_at": "2018-08-01T05:00:00.365935-07:00",
    "assignment": {
        "due_date": "2018-07-31T23:00:00.000000-07:00",
        "group_size": 4,
        "group_submission": True,
        "id": 25828,
        "course_id": 1234,
        "late_due_date": None,
        "release_date": "2018-07-02T00:00:00.000000-07:00",
        "title": "Programming Assignment 1",
        "total_points": "20.0",
    },
    "submission_method": "upload",
    "users": [{"email": "ada@example.com", "id": 1234, "name": "Ada"}],
    "previous_submissions": [{"submission_time": "2017-04-06T14:24:48-07:00", "score": 0.0}],
}


@pytest.fixture
def unpack(lab, tmp_path):
    """Unpack the zip of a lab as the platform does; returns /autograder."""

    def unpack(lab=lab):
        root = tmp_path / "autograder"
        write_zip(lab, tmp_path / "sums.zip", KEY)
        (root / "submission").mkdir(parents=True)
        with zipfile.ZipFile(tmp_path / "sums.zip") as archive:
            archive.extractall(root / "source")
        shutil.copy(root / "source" / "run_autograder", root)
        (root / "run_autograder").chmod(0o755)
        (root / "submission_metadata.json").write_text(json.dumps(METADATA))
        return root

    return unpack


@pytest.fixture
def hidden_lab(lab, tmp_path):
    folder = tmp_path / "own" / "sums"
    folder.mkdir(parents=True)
    (folder / "checks.py").write_text(HIDDEN)
    return with_hidden(lab, tmp_path / "own")


@contextlib.contextmanager
def running(root):
    """`run_autograder` in a session of its own, which ends with the block, or after 50 s."""
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    process = subprocess.Popen(
        ["timeout", "--foreground", "-s", "KILL", "50", str(root / "run_autograder")],
        cwd=root,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def read_results(root):
    """results.json, held against what Gradescope documents of its keys and their values."""
    data = json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))
    assert data.keys() <= {
        "score", "execution_time", "output", "output_format", "test_output_format",
        "test_name_format", "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard",
    }  # fmt: skip
    shown = {"hidden", "after_due_date", "after_published", "visible"}
    assert type(data["score"]) in (int, float) and type(data["output"]) is str
    assert {data.get("visibility", "visible"), data["stdout_visibility"]} <= shown
    assert data.get("output_format", "text") in ("text", "html", "simple_format", "md", "ansi")
    for test in data["tests"]:
        assert test.keys() <= {
            "score", "max_score", "status", "name", "name_format", "number", "output",
            "output_format", "tags", "visibility", "extra_data",
        }  # fmt: skip
        assert test["status"] in ("passed", "failed") and test["visibility"] in shown
        assert 0 <= test["score"] <= test["max_score"]
    assert data["score"] == sum(test["score"] for test in data["tests"])
    return data


def grade(root, files):
    """What the platform runs, in this process."""
    for name, content in files.items():
        (root / "submission" / name).parent.mkdir(exist_ok=True)
        (root / "submission" / name).write_bytes(content)
    gradescope.main("sums", root)
    return read_results(root)


def test_a_right_answer_gets_its_marks_where_nobody_else_can_read(unpack, hidden_lab):
    root = unpack(hidden_lab)
    (root / "submission" / "sums.py").write_text(answer_source(hidden_lab))
    with running(root) as process:
        said, _ = process.communicate(timeout=50)
        assert process.returncode == 0, said
    data = read_results(root)
    assert data["score"] == 150 and "ada@example.com: 150 of 150" in said
    assert data["output"] == "3 of 3 checks passed; 1 hidden"
    assert [test["visibility"] for test in data["tests"]] == ["visible"] * 3 + ["after_published"]
    result = LabResult.from_gradescope(data)
    assert (result.student, result.key) == ("ada@example.com", "course")
    for name in ("source", "submission", "results", "source/course.key", "source/hidden"):
        assert stat.S_IMODE((root / name).stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE((root / "submission_metadata.json").stat().st_mode) & 0o077 == 0


def test_a_run_that_is_cut_short_leaves_valid_results(unpack, lab):
    settings = lab.folder / "lab.toml"
    settings.write_text(settings.read_text().replace("wall = 1.0", "wall = 40.0"))
    root = unpack(load_lab(lab.folder))
    (root / "submission" / "sums.py").write_text(answer_source(lab, ENDLESS))
    with running(root) as process:
        end = time.monotonic() + 40
        while not (root / "results" / "results.json").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
    assert read_results(root)["output"] == gradescope.FAILED


def test_the_marks_are_those_of_the_same_key_at_home(unpack, lab):
    root, source = unpack(), answer_source(lab, "def product(numbers):\n    return 7\n").encode()
    data = grade(root, {"sums.py": source})
    at_home = grade_files(lab, {"sums.py": source}, KEY)
    assert [(t["name"], t["score"], t["output"]) for t in data["tests"]] == [
        (t["name"], t["score"], t["output"]) for t in at_home.to_gradescope()["tests"]
    ]
    assert data["score"] == 40


def test_an_archive_or_a_folder_is_found_and_the_platform_says_whose_it_is(unpack, lab):
    root, files = unpack(), {"sums.py": answer_source(lab).encode()}
    (root / "submission" / "sums-bob.zip").write_bytes(write_archive(lab, files, "bob"))
    data = grade(root, {})
    assert (data["score"], data["extra_data"]["student"]) == (100, "ada@example.com")
    (root / "submission" / "sums-bob.zip").unlink()
    assert grade(root, {"mine/sums.py": files["sums.py"]})["score"] == 100


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "there is no sums.py in the submission"),
        ({"sums.py": b"def total(:\n"}, "not valid Python"),
        ({"sums.zip": b"no zip"}, "cannot be read"),
        ({"other.py": b"x = 1\n"}, "there is no sums.py in the submission"),
    ],
)
def test_what_cannot_be_graded_says_why(unpack, files, told):
    data = grade(unpack(), files)
    assert data["score"] == 0 and told in data["output"]


@pytest.mark.parametrize("text", ["", '{"users": [{"name": "Ada"}]}'])
def test_metadata_that_say_little_cost_no_marks(unpack, lab, text):
    root = unpack()
    (root / "submission_metadata.json").write_text(text)
    assert grade(root, {"sums.py": answer_source(lab).encode()})["score"] == 100


def test_a_fault_of_ours_is_told_without_its_details(unpack):
    root = unpack()
    (root / "source" / "course.key").unlink()
    with pytest.raises(SystemExit) as stop:
        grade(root, {})
    assert "course.key" in str(stop.value)
    data = read_results(root)
    assert data["output"] == gradescope.FAILED and not data["tests"]


def test_the_zip_holds_what_grading_needs_and_no_answer(hidden_lab, tmp_path, monkeypatch):
    monkeypatch.setattr(gradescope.metadata, "version", lambda name: "1.2.3+cpu")
    paths = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in paths:
        write_zip(hidden_lab, path, KEY)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with zipfile.ZipFile(paths[0]) as archive:
        modes = {m.filename: (m.external_attr >> 16) & 0o777 for m in archive.infolist()}
        assert [n for n in modes if KEY in archive.read(n)] == ["course.key"]
        wanted = archive.read("requirements.txt").decode().split()
        assert archive.read("setup.sh").startswith(b"#!/usr/bin/env bash\n")
    assert modes["setup.sh"] == modes["run_autograder"] == 0o700
    assert {mode for name, mode in modes.items() if "/" in name} == {0o600}
    assert {"labs/sums/checks.py", "hidden/sums/checks.py", "mlsys/first/summing.py"} <= {*modes}
    assert not [name for name in modes if "solution" in name or "wrong" in name]
    assert wanted == ["numpy==1.2.3", "rich==1.2.3", "typer==1.2.3"]


def test_the_zip_of_the_repository_runs_without_the_repository(root, tmp_path):
    write_zip(load_lab(root / "labs" / "autodiff"), tmp_path / "a.zip", KEY)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "source")
    packages = os.path.dirname(os.path.dirname(sys.modules["numpy"].__file__))
    program = "import autograder.course.gradescope as g, mlsys; print(g.__file__, mlsys.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path / "source",
        env={"PYTHONPATH": packages},  # without the links that an editable install leaves there
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert all(name.startswith(str(tmp_path / "source")) for name in done.stdout.split())


@pytest.mark.parametrize("script", ["setup.sh", "run_autograder"])
def test_the_scripts_are_valid_bash(unpack, script):
    subprocess.run(["bash", "-n", unpack() / "source" / script], timeout=20, check=True)


def test_the_command_writes_it_and_wants_a_key(course, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(course)
    monkeypatch.delenv("AUTOGRADER_KEY", raising=False)
    target = tmp_path / "new" / "sums.zip"

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["autograder", "gradescope-zip", "sums", *options])
        with pytest.raises(SystemExit) as stop:
            cli.autograder_main()
        return stop.value.code, "".join(capsys.readouterr())

    assert run(str(target)) == (
        2,
        "error: the zip needs the course key: --key-file or AUTOGRADER_KEY\n",
    )
    monkeypatch.setenv("AUTOGRADER_KEY", "secret")
    code, said = run(str(target), "--hidden", str(tmp_path))
    assert code == 2 and "hidden checks of sums" in said and not target.exists()
    code, said = run(str(target))
    assert code == 0 and str(target) in said and zipfile.is_zipfile(target)


def test_a_zip_that_cannot_be_written_whole_is_not_there(lab, tmp_path, monkeypatch):
    target = tmp_path / "sums.zip"
    write_atomically(target, "old")
    monkeypatch.setattr(gradescope, "release", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_zip(lab, target, KEY)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if "zip" in path.name] == ["sums.zip"]


def test_without_walls_there_are_no_marks_unless_the_zip_allows_it(unpack, lab, monkeypatch):
    monkeypatch.setattr(tiers, "TIERS", ("T0",))
    root, answer = unpack(), {"sums.py": answer_source(lab).encode()}
    with pytest.raises(SystemExit, match="tier T0"):
        grade(root, answer)
    assert read_results(root)["score"] == 0
    (root / "source" / gradescope.ALLOWED).touch()
    assert grade(root, answer)["score"] == 100


def test_the_zip_allows_it_when_it_was_told_to(lab, tmp_path):
    for allowed in (False, True):
        write_zip(lab, tmp_path / "sums.zip", KEY, allowed)
        with zipfile.ZipFile(tmp_path / "sums.zip") as archive:
            assert (gradescope.ALLOWED in archive.namelist()) is allowed
