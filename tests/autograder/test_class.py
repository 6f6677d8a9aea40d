"""The sample class, graded end to end on a lab in miniature: every mark is what it must be."""

import ast
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from autograder.batch import grade_all
from autograder.cli import autograder_app
from autograder.grade import PRACTICE
from autograder.lab import PACKAGE_ROOT, LabError, find_labs, load_lab
from autograder.results import LabResult
from autograder.sample import HandedIn, find_attacks, write_class
from autograder.starter import first_comment, variants

FILES = {
    "book/chapters.toml": """
[[chapters]]
part = "foundations"
chapter = "sums"
""",
    "mlsys/__init__.py": "",
    "mlsys/foundations/__init__.py": "",
    "mlsys/foundations/sums.py": '''
def running_totals(values: list[int]) -> list[int]:
    """The sum of the first 1, 2, ... ``values``."""
    totals, total = [], 0
    for value in values:
        total += value
        totals.append(total)
    return totals
''',
    "labs/toy/lab.toml": """
title = "Sums in miniature"
chapter = "foundations/sums"
file = "toy.py"
imports = ["itertools"]

[limits]
wall = 1.0

[[tasks]]
name = "totals"
title = "Running totals"
rebuild = ["mlsys.foundations.sums:running_totals"]

[[tasks]]
name = "windows"
title = "Sums over windows"
extend = ["window_sums"]
""",
    "labs/toy/solution.py": '''
"""Sums in miniature."""

from __future__ import annotations

import itertools


def window_sums(values: list[int], width: int) -> list[int]:
    """The sums of each ``width`` neighbours of ``values``."""
    return [sum(values[k : k + width]) for k in range(len(values) - width + 1)]
''',
    "labs/toy/checks.py": """
from autograder import check, typed


@check(task="totals", points=40, title="totals of random numbers", hint="Add as you go.")
def totals_of_random_numbers(student, rng):
    values = rng.integers(1, 100, size=8).tolist()
    got = typed(student.call("running_totals", values), list[int])
    want = [sum(values[: k + 1]) for k in range(8)]
    assert got == want, f"expected {want}, got {got}"


@check(task="windows", points=40, title="windows of random numbers", hint="How many are there?")
def windows_of_random_numbers(student, rng):
    values = rng.integers(1, 100, size=8).tolist()
    got = typed(student.run("both_widths", values), list[list[int]])
    want = [[sum(values[k : k + w]) for k in range(9 - w)] for w in (2, 3)]
    assert got == want, f"expected {want}, got {got}"


@check(task="windows", points=20, title="a window wider than the list", hint="Try three and two.")
def window_too_wide(student, rng):
    got = typed(student.call("window_sums", [1, 2], 3), list[int])
    assert got == [], f"expected no window, got {got}"
""",
    "labs/toy/probes.py": """
def both_widths(module, values):
    return [module.window_sums(values, width) for width in (2, 3)]
""",
    "labs/toy/right/by_differences.py": """
# keeps: all
# how: differences of running totals
def window_sums(values, width):
    totals = [0, *itertools.accumulate(values)]
    return [b - a for a, b in zip(totals, totals[width:])]
""",
    "labs/toy/wrong/one_short.py": """
# loses: windows_of_random_numbers
# why: the last window is forgotten
def window_sums(values, width):
    return [sum(values[k : k + width]) for k in range(len(values) - width)]
""",
    "labs/toy/wrong/wraps_around.py": """
# loses: windows_of_random_numbers, window_too_wide
# why: windows go on at the front
def window_sums(values, width):
    return [sum((values + values)[k : k + width]) for k in range(len(values))]
""",
    "labs/toy/wrong/starts_at_zero.py": """
# loses: totals_of_random_numbers
# why: the empty sum comes first
def running_totals(values):
    return [sum(values[:k]) for k in range(len(values))]
""",
}


KINDS = {"right", "wrong", "partial", "empty", "broken", "hostile"}
HARMLESS = [attack for attack in find_attacks() if attack.says("stopped from") == "T0"]
HOSTILE = [attack for attack in HARMLESS if not attack.says("class")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, root):
    there = tmp_path_factory.mktemp("course")
    for name, text in FILES.items():
        path = there / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    shutil.copytree(root / "labs" / "sample_class", there / "labs" / "sample_class")
    return load_lab(there / "labs" / "toy")


@pytest.fixture(scope="module")
def handed_in(lab, tmp_path_factory):
    return write_class(lab, tmp_path_factory.mktemp("class"))


@pytest.fixture(scope="module")
def graded(lab, handed_in, tmp_path_factory):
    """The class as ``autograder grade`` grades it; nothing but its folder may change on disk."""
    scratch, out = tmp_path_factory.mktemp("scratch"), tmp_path_factory.mktemp("out")
    places = lab.root, handed_in[0].archive.parent, scratch
    before = [snapshot(place) for place in places], sorted(os.listdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))  # where sandboxes are made
        results = grade_all(lab, [one.archive for one in handed_in], out, PRACTICE)
        assert not processes_in(scratch), "a student's program is still running"
    after = [snapshot(place) for place in places], sorted(os.listdir())
    assert after == before, "grading wrote where it should not"
    return Graded(out, {o.work.name: (o, r) for o, r in zip(handed_in, results, strict=True)})


class Graded(NamedTuple):
    """The folder that was written, and by name of the work who handed it in and the result."""

    out: Path
    works: dict[str, tuple[HandedIn, LabResult]]


def snapshot(folder):
    files = [path for path in folder.rglob("*.*") if "__pycache__" not in path.parts]
    return {str(path): path.read_bytes() for path in files if path.is_file()}


def processes_in(folder):
    """The programs whose command line names ``folder``, where the platform tells."""
    lines = {path: _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [path for path, line in lines.items() if os.fsencode(folder) in line]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile
        return b""


def of_kind(graded, kind):
    found = {name: result for name, (one, result) in graded.works.items() if one.work.kind == kind}
    assert found
    return found


def lost(result):
    return {check.name for check in result.checks if check.score < check.points}


def test_every_kind_of_work_is_handed_in_by_somebody_of_another_name(handed_in):
    assert {one.work.kind for one in handed_in} == KINDS
    assert len({one.student for one in handed_in}) == len(handed_in) >= 30
    assert len({one.archive for one in handed_in}) == len(handed_in)


def test_everybody_is_graded_on_everything_and_no_check_falls_over(graded):
    assert len(graded.works) == len(list(graded.out.glob("results/*.json")))
    for name, (one, result) in graded.works.items():
        assert result.student == one.student or one.work.kind == "broken"
        assert result.points == 100
        assert len(result.checks) == 3
        assert not result.broken, f"{name}: {[check.message for check in result.checks]}"


def test_right_answers_have_full_marks_however_they_were_saved_and_packed(graded):
    assert {name: r.score for name, r in of_kind(graded, "right").items() if r.score != 100} == {}


def test_wrong_answers_lose_exactly_the_checks_they_name(lab, graded):
    for name, result in of_kind(graded, "wrong").items():
        assert lost(result) == set(first_comment(variants(lab, "wrong")[name], "loses"))


def test_partial_answers_keep_the_tasks_that_were_done(graded):
    for result in of_kind(graded, "partial").values():
        assert lost(result) == {c.name for c in result.checks if c.task == "windows"}


def test_empty_answers_have_no_marks_and_are_told_what_to_write(graded):
    for result in of_kind(graded, "empty").values():
        assert result.score == 0
        assert all(check.message for check in result.checks)


def test_broken_submissions_have_no_marks_and_a_problem_that_says_why(graded):
    for name, result in of_kind(graded, "broken").items():
        assert result.score == 0
        assert len(result.problem or "") > 20, name
        assert "Traceback" not in result.problem


@pytest.mark.parametrize("attack", [*(attack.name for attack in HOSTILE), "shadowing"])
def test_an_attack_earns_nothing(graded, attack):
    assert of_kind(graded, "hostile")[attack].score == 0


def test_what_attacks_say_is_kept_short(graded):
    for name, result in of_kind(graded, "hostile").items():
        for check in result.checks:
            assert len(check.message) + len(check.printed) < 5_000, name


def test_marks_are_the_same_when_graded_again_in_another_order(lab, handed_in, graded, tmp_path):
    some = [one for one in handed_in if one.work.kind in ("right", "wrong", "partial")]
    some += [one for one in handed_in if one.work.name in ("exit_handlers", "forged_frames")]
    again = grade_all(lab, [one.archive for one in some][::-1], tmp_path, PRACTICE, workers=1)
    for one, result in zip(some[::-1], again, strict=True):
        first = graded.works[one.work.name][1]
        assert [(c.score, c.reason, c.message) for c in result.checks] == [
            (c.score, c.reason, c.message) for c in first.checks
        ]


def test_gradebook_and_report_take_the_whole_class(graded):
    lines = (graded.out / "gradebook.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(graded.works) + 1
    pages = [path.read_text(encoding="utf-8") for path in graded.out.glob("report/**/*.html")]
    assert not any("<script>alert" in source or "<img" in source for source in pages)
    assert any("alert(1)" in source for source in pages)  # it is there to be read
    assert max(map(len, pages)) < 1_000_000


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(find_labs(PACKAGE_ROOT)))
def test_the_class_of_every_lab_gets_the_marks_it_must(name, tmp_path):
    lab = find_labs(PACKAGE_ROOT)[name]
    class_ = write_class(lab, tmp_path / "class")
    results = grade_all(lab, [one.archive for one in class_], tmp_path / "out", PRACTICE)
    for one, result in zip(class_, results, strict=True):
        what = f"{one.work.kind} {one.work.name}: {result.score} of {result.points}"
        assert not result.broken, what
        if one.work.kind == "wrong":
            named = first_comment(variants(lab, "wrong")[one.work.name], "loses")
            assert lost(result) == set(named), what
        elif one.work.kind == "partial":
            assert 0 < result.score < result.points, what
        else:
            assert result.score == (result.points if one.work.kind == "right" else 0), what


def test_the_class_is_the_same_whenever_it_is_made(lab, handed_in, tmp_path):
    for _ in range(2):  # a second time over the first
        again = write_class(lab, tmp_path)
    assert [one.archive.read_bytes() for one in again] == [
        one.archive.read_bytes() for one in handed_in
    ]


def test_a_folder_with_other_files_is_refused_and_left_alone(lab, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(LabError, match=r"holds thesis\.tex"):
        write_class(lab, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_command_writes_the_class_and_says_who_hands_in_what(lab, tmp_path, monkeypatch):
    monkeypatch.chdir(lab.root)
    done = CliRunner().invoke(autograder_app, ["sample", str(tmp_path / "class"), "--lab", "toy"])
    assert done.exit_code == 0, done.output
    assert "hostile  loop_without_end" in done.output
    assert len(list((tmp_path / "class").glob("toy-*.zip"))) >= 30


@pytest.mark.parametrize("attack", HARMLESS, ids=lambda attack: attack.name)
def test_an_attack_that_every_tier_stops_is_harmless_outside_a_sandbox(attack):
    nodes = list(ast.walk(ast.parse(attack.text)))
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {node.value for node in nodes if isinstance(node, ast.Constant)}
    starts = {"fork", "forkpty", "system", "popen", "subprocess", "multiprocessing", "posix_spawn"}
    reaches = {"socket", "urllib", "ctypes", "kill", "killpg", "shutil", "remove", "unlink"}
    assert not words & (starts | reaches)
