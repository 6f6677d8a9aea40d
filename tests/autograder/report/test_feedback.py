"""What a student reads: all that is needed, and of hidden checks what may be told."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import results as package
from autograder.report.feedback import REASONS, REVEAL, feedback, points, said, summary
from autograder.results import CheckResult

SECRET = "the secret input is 4711"
TASKS = {"walk": "Walk along", "stop": "Stop there"}


@pytest.fixture
def mixed(results):
    """A student who has all public checks, and of the hidden ones a fifth of one."""
    worth = [(*check[:3], False) for check in [("once", "walk", 4), ("count", "stop", 10)]]
    worth += [("odd", "walk", 5, True), ("large", "stop", 15, True)]
    return results.one("Ada", (1, 1, 0.2, 0), text=SECRET, worth=worth)


def text_of(result, skeleton, reveal="title", address=""):
    return skeleton("\n".join(feedback(result, TASKS, reveal, address)))


@pytest.mark.parametrize("reveal", REVEAL)
def test_the_sums_of_public_and_hidden_checks_are_always_said(mixed, reveal, skeleton):
    text = text_of(mixed, skeleton, reveal).text
    assert "Public checks: 14 of 14. Hidden checks: 1 of 20. Together: 15 of 34 points." in text
    assert "All public checks pass; what is missing was lost in hidden ones." in text
    row = skeleton(summary(mixed, "lab", [])).text
    assert "14 of 14" in row and "1 of 20" in row and "15 of 34" in row


def test_a_lab_without_hidden_checks_says_so(results, skeleton):
    for shares in ((1, 1, 1), (0, 1, 0.5)):
        text = text_of(results.one("Ada", shares), skeleton).text
        assert "Hidden checks: none." in text and "lost in hidden" not in text


@pytest.mark.parametrize("reveal", REVEAL)
def test_hidden_checks_show_no_more_than_the_instructor_allows(mixed, reveal, skeleton):
    page = text_of(mixed, skeleton, reveal)
    assert (SECRET in page.text) == (reveal == "full")
    assert ("title of odd" in page.text) == (reveal != "points")
    assert ("a/b#c" in page.text) == (reveal == "full")
    assert ("partly right, 1 of 5 points" in page.text) == (reveal != "points")
    assert ("wrong answer, 0 of 15 points" in page.text) == (reveal == "full")
    assert ("missed, 0 of 15 points" in page.text) == (reveal == "title")


@given(
    hidden=st.lists(st.booleans(), min_size=1, max_size=8),
    reveal=st.sampled_from(REVEAL),
    share=st.sampled_from([0, 0.5]),
)
def test_nothing_of_a_hidden_check_is_told_below_full(hidden, reveal, share, results, skeleton):
    worth = [(f"check{k}", "walk", 5, one) for k, one in enumerate(hidden)]
    result = results.one("Ada", [share] * len(worth), worth=worth)
    told = ({"message": f"m-{c.name}-", "printed": f"p-{c.name}-"} for c in result.checks)
    checks = tuple(replace(c, **words) for c, words in zip(result.checks, told, strict=True))
    text = text_of(replace(result, checks=checks), skeleton, reveal).text
    for check in checks:
        for secret in (check.message, check.printed):
            assert (secret in text) == (not check.hidden or reveal == "full")


def test_a_lost_check_says_what_came_what_to_try_and_what_to_read(results, skeleton):
    result = results.one("Ada", (0, 1, 1), text="expected 3 for [1, 2], got 4")
    page = text_of(result, skeleton, address="https://example.org/book/")
    for words in ("It ran, but the answer is not right:", "expected 3 for [1, 2], got 4"):
        assert words in page.text
    assert "To try:" in page.text and "Your code printed:" in page.text
    assert page.links == ["https://example.org/book/book/a/b.html#c"]
    assert "wrong answer, 0 of 4 points" in page.text and "right, 6 of 6 points" in page.text
    assert text_of(result, skeleton).links == []


@pytest.mark.parametrize("section", ["../../x", "a b", "a/b#c d", "javascript:alert(1)", "//x.org"])
def test_a_section_that_is_none_is_no_link(results, skeleton, section):
    result = results.one("Ada", (0, 1, 1))
    checks = [replace(result.checks[0], section=section)]
    page = text_of(replace(result, checks=tuple(checks)), skeleton, address="https://x.org")
    assert [link for link in page.links if not link.startswith("https://x.org/book/")] == []
    assert section in page.text


@pytest.mark.parametrize("reason", package.REASONS)
def test_every_reason_has_words(reason):
    check = CheckResult("a", "b", "c", 1, 0.0, reason)
    assert said(check) == REASONS[reason][0] and said(check, at_length=True).endswith(":")


def test_what_never_ran_says_why_once(results, skeleton):
    result = results.one("Ada", (0, 0, 0), text="line 3 is odd", problem="line 3 is odd")
    page = text_of(result, skeleton)
    assert page.text.count("line 3 is odd") == 1 and "Nothing could be checked" in page.text
    assert "Public checks: 0 of 20." in page.text


def test_checks_of_tasks_that_the_lab_no_longer_has_are_shown_too(results, skeleton):
    text = "".join(skeleton("".join(feedback(results.one("Ada", (1, 1, 0)), {}))).words)
    assert re.search(r"walk\s+10 of 10", text) and re.search(r"stop\s+0 of 10", text)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=6))
def test_points_are_sums(pairs):
    checks = [CheckResult("a", "b", "c", worth, min(got, worth)) for got, worth in pairs]
    earned, worth = sum(c.score for c in checks), sum(c.points for c in checks)
    assert points(checks) == (f"{earned} of {worth}" if pairs else "none")
