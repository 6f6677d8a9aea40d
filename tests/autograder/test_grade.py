"""Marks: what earns them, what costs them, and that nothing else has a say."""

import dataclasses

import numpy as np
import pytest

from autograder import forks
from autograder.checks import Check, Score, Wrong, load_checks
from autograder.grade import Grader, grade_files, grade_source, run_check, seeded
from autograder.sandbox import Sandbox, SandboxError
from autograder.starter import answer_files, answer_source, starter_source, variants
from autograder.student import StudentError
from autograder.submission import Submission


def verdicts(result):
    return {check.name: (check.score, check.reason) for check in result.checks}


def marks(result):
    return [dataclasses.replace(check, seconds=0.0) for check in result.checks]


def test_the_full_answer_earns_everything(lab):
    result = grade_source(lab, answer_source(lab))
    assert (result.score, result.points) == (100, 100)
    assert all(check.reason is None and check.message == "" for check in result.checks)


def test_the_starter_earns_nothing_and_names_what_is_missing(lab):
    result = grade_source(lab, starter_source(lab))
    assert result.score == 0 and result.problem is None
    assert {check.reason for check in result.checks} == {"missing"}
    assert "write product" in result.checks[-1].message


def test_a_wrong_answer_loses_its_own_marks_only(lab):
    result = grade_files(lab, answer_files(lab, variants(lab, "wrong")["zero"]))
    assert verdicts(result) == {
        "sums_random_numbers": (20, None),
        "sums_nothing": (20, None),
        "multiplies": (0, "wrong"),
    }
    assert result.checks[-1].message.startswith("expected ")


def test_the_same_submission_gets_the_same_marks_and_cases(lab):
    source = answer_source(lab, "def product(numbers):\n    return -1\n")
    assert marks(grade_source(lab, source)) == marks(grade_source(lab, source))


def test_the_random_cases_depend_on_key_submission_and_check():
    draws = {
        seeded(key, "lab", submission, check).integers(2**62)
        for key in (b"practice", b"course")
        for submission in ("sha256:1", "sha256:2")
        for check in ("a", "b")
    }
    assert len(draws) == 8


def test_the_key_is_named_in_the_result_but_never_told(lab):
    result = grade_source(lab, answer_source(lab), key=b"the course's secret")
    assert result.key == "course" and "secret" not in str(result.to_gradescope())


@pytest.mark.parametrize(
    "body, score, reason",
    [
        (lambda student, rng: None, 4, None),
        (lambda student, rng: Score(1.0), 4, None),
        (lambda student, rng: Score(0.25, "a quarter"), 1, "wrong"),
        (lambda student, rng: Score(0.0), 0, "wrong"),
    ],
)
def test_what_a_check_returns_is_its_score(body, score, reason):
    result = run_check(Check("c", "t", 4, "title", "", "", body), None, np.random.default_rng(0))
    assert (result.score, result.reason) == (score, reason)


@pytest.mark.parametrize(
    "error, reason",
    [
        (Wrong("no"), "wrong"),
        (AssertionError("no"), "wrong"),
        (StudentError("timeout", "no"), "timeout"),
        (TypeError("no"), "internal"),
        (KeyError("no"), "internal"),
    ],
)
def test_what_a_check_raises_decides_the_reason(error, reason):
    def body(student, rng):
        raise error

    result = run_check(Check("c", "t", 4, "title", "", "", body), None, np.random.default_rng(0))
    assert (result.score, result.reason) == (0, reason)
    assert "no" in result.message


@pytest.mark.parametrize("value", [True, 1, "full", 0.5])
def test_a_check_that_returns_anything_else_is_broken(value):
    check = Check("c", "t", 4, "title", "", "", lambda student, rng: value)
    result = run_check(check, None, np.random.default_rng(0))
    assert (result.score, result.reason) == (0, "internal")


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_score_is_a_fraction(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Score(fraction)


def test_what_the_code_printed_is_shown_where_marks_were_missed(lab):
    source = answer_source(lab, "def product(numbers):\n    print('here', numbers)\n    return 0\n")
    *_, last = grade_source(lab, source).checks
    assert last.printed.startswith("here [")


def test_each_check_has_a_process_of_its_own(lab):
    counting = """
_seen = []

def total(numbers):
    _seen.append(1)
    return sum(numbers) if len(_seen) == 1 else None
"""
    assert grade_source(lab, answer_source(lab, counting)).score == 100


def test_a_sandbox_that_cannot_start_is_nobodys_fault_but_ours(lab, monkeypatch):
    def fail(*arguments):
        raise SandboxError("no child could be started")

    monkeypatch.setattr(Sandbox, "start", fail)
    result = grade_source(lab, answer_source(lab))
    assert result.broken and result.score == 0
    assert "no child could be started" in result.problem


def test_marks_do_not_depend_on_how_many_checks_run_at_a_time(lab):
    submission = Submission("Ada", answer_files(lab))
    with Sandbox(lab) as sandbox:
        results = [Grader(lab, sandbox, b"k", count).grade(submission) for count in (1, 2, 5)]
    assert marks(results[0]) == marks(results[1]) == marks(results[2])


def test_spawned_and_forked_children_give_the_same_marks(lab, monkeypatch):
    numpy_lab = dataclasses.replace(lab, imports=(*lab.imports, "numpy"))
    forked = grade_files(numpy_lab, answer_files(lab))
    monkeypatch.setattr(forks, "AVAILABLE", False)
    assert marks(grade_files(numpy_lab, answer_files(lab))) == marks(forked)
    assert forked.score == 100


def test_every_check_has_a_result_even_when_nothing_runs(lab):
    result = grade_source(lab, "def total(:")
    assert [check.name for check in result.checks] == [check.name for check in load_checks(lab)]
    assert {check.reason for check in result.checks} == {"syntax"}


def test_a_check_that_sends_what_is_not_plain_is_broken_not_the_students_fault(lab):
    path = lab.folder / "checks.py"
    text = path.read_text(encoding="utf-8").replace('call("total", [])', 'call("total", {1})')
    path.write_text(text, encoding="utf-8")
    _, second, _ = grade_source(lab, answer_source(lab)).checks
    assert second.reason == "internal" and "type set" in second.message


@pytest.mark.parametrize(
    "probes, complaint",
    [("import nowhere\n", "nowhere"), ("def thrice(student):\n    pass\n", "defines no twice")],
)
def test_broken_probes_are_not_the_students_fault(lab, probes, complaint):
    (lab.folder / "probes.py").write_text(probes, encoding="utf-8")
    last = grade_source(lab, answer_source(lab)).checks[-1]
    assert last.reason == "internal" and complaint in last.message


@pytest.mark.skipif(not forks.AVAILABLE, reason="children are spawned here")
def test_a_fork_server_that_was_killed_is_done_without(lab):
    with Sandbox(lab) as sandbox:
        grader = Grader(lab, sandbox, b"k")
        before = grader.grade(Submission("Ada", answer_files(lab)))
        sandbox._server._process.kill()
        assert marks(grader.grade(Submission("Ada", answer_files(lab)))) == marks(before)
