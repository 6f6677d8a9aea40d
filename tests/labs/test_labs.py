"""A grader that is itself graded: what every lab under labs/ must prove about its checks.

    python -m pytest tests/labs -k autodiff

Each answer is graded once: the full one, the untouched starter, every file of wrong/ and right/,
and one that fails as it is loaded. Nonsense in the place of every reply must break no check.
"""

import ast
import functools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from autograder.checks import load_checks
from autograder.grade import PRACTICE, Grader, run_check
from autograder.lab import PACKAGE_ROOT, Lab, find_labs, load_lab
from autograder.results import LabResult
from autograder.sandbox import Sandbox
from autograder.starter import answer_files, first_comment, starter_files, variants
from autograder.student import Conversation
from autograder.submission import Submission

LABS = sorted(path.parent.name for path in PACKAGE_ROOT.glob("labs/*/lab.toml"))
NONSENSE = [None, "text", True, -1, 10**400, math.nan, [], {}, [[None, "x"], 2.5], {"": None}]
NONSENSE += [np.zeros(0), np.full((2, 3), np.inf), [math.nan] * 3, b"bytes"]

each_lab = pytest.mark.parametrize("name", LABS)


def lab_called(name: str) -> Lab:
    return load_lab(PACKAGE_ROOT / "labs" / name)


def variant_names(kind: str) -> list[object]:
    return [
        pytest.param(name, stem, id=f"{name}-{stem}")
        for name in LABS
        for stem in variants(lab_called(name), kind)
    ]


@pytest.fixture(scope="module")
def graded() -> Iterator[Callable[[str, dict[str, bytes], str], LabResult]]:
    """Grade files as a submission to a lab; all of a lab share one sandbox, as a class does."""
    with ExitStack() as stack:

        @functools.cache
        def grader(name: str) -> Grader:
            lab = lab_called(name)
            return Grader(lab, stack.enter_context(Sandbox(lab)), PRACTICE)

        def graded(name: str, files: dict[str, bytes], what: str) -> LabResult:
            result = grader(name).grade(Submission("anonymous", files))
            marks = f"{result.score:g} of {result.points}"
            print(f"{name}: {what}: {marks} in {result.seconds:.2f} s")
            return result

        yield graded


def lost(result: LabResult) -> dict[str, str]:
    return {
        check.name: f"{check.score:g}/{check.points} {check.reason}: {check.message}"
        for check in result.checks
        if check.score < check.points
    }


@each_lab
def test_points_sum_to_100_and_half_of_them_are_for_extensions(name):
    lab, checks = lab_called(name), load_checks(lab_called(name))
    extensions = {task.name for task in lab.tasks if not task.rebuild}
    assert sum(check.points for check in checks) == 100
    assert sum(check.points for check in checks if check.task in extensions) >= 50


@each_lab
def test_every_task_is_checked_and_every_check_advises(name):
    lab, checks = lab_called(name), load_checks(lab_called(name))
    assert {check.task for check in checks} == {task.name for task in lab.tasks}
    for check in checks:
        assert check.hint and check.section, f"{check.name} needs a hint and a section"


@each_lab
def test_there_are_five_wrong_answers_and_a_right_one(name):
    lab = lab_called(name)
    assert len(variants(lab, "wrong")) >= 5
    assert len(variants(lab, "right")) >= 1


@each_lab
def test_extensions_are_answered_nowhere_in_mlsys(name):
    extensions = {function for task in lab_called(name).tasks for function in task.extend}
    for path in (PACKAGE_ROOT / "mlsys").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        defined = {node.name for node in nodes if isinstance(node, functions)}
        assert not defined & extensions, f"{path} defines {defined & extensions}"


@each_lab
def test_no_heavy_import_is_asked_of_students(name):
    assert not {"numba", "torch"} & set(lab_called(name).imports)


@each_lab
def test_the_handout_names_every_function_to_write(name):
    lab = lab_called(name)
    handout = (lab.folder / "handout.md").read_text(encoding="utf-8")
    for task in lab.tasks:
        for function in (*task.extend, *(text.partition(":")[2] for text in task.rebuild)):
            assert re.search(rf"\b{function}\b", handout), f"handout.md says nothing of {function}"


@each_lab
def test_the_full_answer_earns_everything(name, graded):
    result = graded(name, answer_files(lab_called(name)), "full answer")
    assert not lost(result)


@each_lab
def test_the_untouched_starter_earns_nothing_and_says_what_to_write(name, graded):
    result = graded(name, starter_files(lab_called(name)), "starter")
    assert result.problem is None
    assert not [check.name for check in result.checks if check.score]
    assert not [check.name for check in result.checks if not check.message]


@each_lab
def test_a_file_that_raises_as_it_is_loaded_earns_nothing(name, graded):
    files = answer_files(lab_called(name))
    files[lab_called(name).file] += b"\nraise RuntimeError('canary')\n"
    result = graded(name, files, "canary")
    assert result.score == 0
    assert "canary" in (result.problem or "")


class Babbler:
    """Answers everything alike, as a student's process can: probes' replies may be forged, too."""

    def __init__(self, value: object) -> None:
        self.call = self.run = lambda *arguments, **keywords: value
        self.call_raises = self.run_raises = lambda *arguments, **keywords: ("Nonsense", "")
        self.text = lambda file: str(value)
        self.restart = self.begin = self.close = lambda: None
        self.another = lambda: self
        self.converse = lambda *arguments: Conversation(lambda answer: value)


@each_lab
@pytest.mark.parametrize("value", NONSENSE, ids=repr)
def test_no_answer_breaks_a_check(name, value):
    for check in load_checks(lab_called(name)):
        result = run_check(check, Babbler(value), np.random.default_rng(0))
        assert result.reason != "internal", f"{check.name} answered {value!r}: {result.message}"


@pytest.mark.parametrize("name, stem", variant_names("wrong"))
def test_a_wrong_answer_loses_exactly_the_checks_it_names(name, stem, graded):
    lab = lab_called(name)
    path = variants(lab, "wrong")[stem]
    named = set(first_comment(path, "loses"))
    assert named, f"{path} should begin with '# loses: a_check, another'"
    assert first_comment(path, "why"), f"{path} should say '# why: ...'"
    result = graded(name, answer_files(lab, path), f"wrong/{stem}")
    assert set(lost(result)) == named, f"lost: {lost(result)}"
    assert not result.broken, lost(result)


@pytest.mark.parametrize("name, stem", variant_names("right"))
def test_a_right_answer_built_differently_keeps_everything(name, stem, graded):
    lab = lab_called(name)
    path = variants(lab, "right")[stem]
    assert first_comment(path, "keeps") == ["all"], f"{path} should begin with '# keeps: all'"
    assert first_comment(path, "how"), f"{path} should say '# how: ...'"
    result = graded(name, answer_files(lab, path), f"right/{stem}")
    assert not lost(result)


# Plans that the grader executes; processes that are ended and started again.
@pytest.mark.parametrize("name, stem", [("autodiff", "wrong"), ("training", "right")])
def test_two_gradings_and_two_workers_agree_to_the_letter(name, stem, graded):
    lab = lab_called(name)
    files = answer_files(lab, next(iter(variants(lab, stem).values())))
    with Sandbox(lab) as sandbox:
        shared = Grader(lab, sandbox, PRACTICE, workers=2).grade(Submission("anonymous", files))
    results = [shared, *(graded(name, files, f"{stem}, again") for _ in range(2))]
    verdicts = [[replace(check, seconds=0.0) for check in one.checks] for one in results]
    assert verdicts[0] == verdicts[1] == verdicts[2]


def test_all_labs_stand_in_the_order_of_their_chapters():
    assert sorted(find_labs(PACKAGE_ROOT)) == LABS
