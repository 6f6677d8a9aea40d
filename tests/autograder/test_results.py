"""Results survive the way through Gradescope's format."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from autograder.results import REASONS, CheckResult, LabResult

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECONDS = st.floats(0, 100)
CHECKS = st.builds(
    CheckResult,
    name=TEXT,
    task=TEXT,
    title=TEXT,
    points=st.integers(1, 100),
    score=st.floats(0, 100),
    reason=st.sampled_from([None, *REASONS]),
    message=TEXT,
    hint=TEXT,
    section=TEXT,
    seconds=SECONDS,
    printed=TEXT,
    hidden=st.booleans(),
)
RESULTS = st.builds(
    LabResult,
    student=TEXT,
    lab=TEXT,
    lab_title=TEXT,
    lab_version=TEXT,
    submission=TEXT,
    tier=st.just("T0"),
    key=st.sampled_from(["practice", "course"]),
    checks=st.lists(CHECKS, max_size=4).map(tuple),
    problem=st.none() | TEXT,
    seconds=SECONDS,
    note=TEXT,
)


@given(RESULTS)
def test_nothing_is_lost_on_the_way_there_and_back(result):
    assert LabResult.from_gradescope(json.loads(json.dumps(result.to_gradescope()))) == result


@given(RESULTS)
def test_the_file_has_what_gradescope_asks_for(result):
    data = result.to_gradescope()
    assert data["score"] == sum(test["score"] for test in data["tests"])
    assert data["visibility"] in ("visible", "hidden", "after_due_date", "after_published")
    for test in data["tests"]:
        assert {"name", "score", "max_score", "status", "output"} <= test.keys()
        assert test["status"] in ("passed", "failed")
        assert test["visibility"] == (
            "after_published" if test["extra_data"]["hidden"] else "visible"
        )


@given(RESULTS)
def test_what_students_read_at_once_does_not_depend_on_hidden_verdicts(result):
    other = tuple(replace(c, reason="wrong", score=0.0) if c.hidden else c for c in result.checks)
    lines = [each.to_gradescope()["output"] for each in (result, replace(result, checks=other))]
    assert lines[0] == lines[1]


def test_advice_is_given_for_what_was_missed_alone():
    missed = CheckResult("n", "t", "title", 4, 0.0, "wrong", "no", "Look.", "a/b#c")
    assert missed.to_gradescope()["output"] == "no\nLook.\nRead again: a/b#c"
    passed = CheckResult("n", "t", "title", 4, 4.0, None, "", "Look.", "a/b#c")
    assert passed.to_gradescope()["output"] == ""
