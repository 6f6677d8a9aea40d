"""The race of graders before any clock: all give the same answers the same marks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from bench_autograder import RACE
from command import options
from engines.assignments import ASSIGNMENTS, MARKS, Class
from engines.graders import Anew, Ours, PlainPython
from engines.notebooks import Otter
from race import agreement

pytestmark = pytest.mark.multiprocess

# What Otter does, as far as the race calls it: notebooks, test files, a result of two numbers.
STAND_IN = {
    "test_files.py": "def test_case():\n    return lambda test: test\n",
    "api.py": """
import json, zipfile
from types import SimpleNamespace


def grade_submission(submission, archive, quiet):
    print("noise that is no reply")
    [cell] = json.loads(open(submission).read())["cells"]
    world = {}
    exec(cell["source"], world)
    [function] = [name for name in world if not name.startswith("__")]
    right = 0
    with zipfile.ZipFile(archive) as files:
        tests = [files.read(name) for name in files.namelist() if name.startswith("tests/")]
    for text in tests:
        exec(text, held := {})
        try:
            held["test"](world[function])
            right += 1
        except AssertionError:
            pass
    return SimpleNamespace(total=right, possible=len(tests))
""",
}


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A folder like that of a virtual environment, with the stand-in installed."""
    packages = tmp_path / "packages"
    (packages / "otter").mkdir(parents=True)
    for name, text in {"__init__.py": "", **STAND_IN}.items():
        (packages / "otter" / name).write_text(text)
    about = packages / "otter_grader-7.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: otter-grader\nVersion: 7.0\n")
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return tmp_path


def draw(name: str, size: int = 3) -> Class:
    return Class.draw(np.random.default_rng(0), name, size)


def results(entry):
    try:
        entry.work()
        return entry.results()
    finally:
        entry.close()


@pytest.mark.parametrize("method", ["cold", "warm", "command"])
def test_ours_and_a_plain_process_give_each_answer_the_mark_it_deserves(method):
    p = draw("trivial")
    ours, plain = (results(getattr(engine(), method)(p)) for engine in (Ours, PlainPython))
    assert list(ours["marks"]) == list(MARKS.values())
    assert agreement(ours, plain, 1e-9)


def test_what_is_handed_in_again_keeps_its_marks():
    p = draw("numpy", 4)
    again, anew = results(Ours().again(p)), results(Anew().again(p))
    assert list(again["marks"]) == [1.0, 0.5, 0.0, 1.0]
    assert agreement(again, anew, 1e-9)


def test_the_peer_gets_each_answer_in_its_own_environment(environment):
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")
    engine = Otter(environment)
    assert engine.version == "7.0"
    for method in ("cold", "command"):
        assert list(results(getattr(engine, method)(draw("trivial")))["marks"]) == [1.0, 0.5, 0.0]


def test_a_peer_that_ends_is_told_with_what_it_said(environment):
    (environment / "packages" / "otter" / "api.py").write_text("raise SystemExit('no licence')\n")
    with pytest.raises(ImportError, match="no licence"):
        Otter(environment)


def test_a_folder_that_is_no_environment_is_refused(tmp_path):
    with pytest.raises(ImportError, match="no environment"):
        Otter(tmp_path)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_no_two_students_hand_in_the_same(name):
    p = draw(name, 7)
    answers = {p.answer(student) for student in p.students}
    assert len(answers) == 7
    assert [p.kind(student) for student in p.students[:4]] == ["right", "half", "wrong", "right"]


def test_absent_peers_are_named_with_the_option_that_gives_them():
    peers, _ = RACE.enter({"otter": None, "nbgrader": None})
    absent = {peer.peer: peer.note for peer in peers if not peer.present}
    assert absent.keys() == {"otter", "nbgrader"}
    assert all(f"--{peer}" in note for peer, note in absent.items())


def test_nonsense_is_refused_with_a_reason(capsys):
    with pytest.raises(SystemExit) as stopped:
        options(RACE, ["--otter", "no/such/folder"])
    assert stopped.value.code == 2
    assert "is no folder" in capsys.readouterr().err
