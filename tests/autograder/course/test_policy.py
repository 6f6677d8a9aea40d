"""Laws of the late policy: nobody gains by being late, nobody loses by the order of files."""

import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.policy import DAY, HOUR, Course, Late, Mark, Terms, settle

lates = st.builds(
    Late,
    grace_days=st.integers(0, 4),
    penalty=st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 1.0]),
    per=st.sampled_from(["day", "hour"]),
    floor=st.sampled_from([0.0, 0.5, 1.0]),
    accept_days=st.sampled_from([0.0, 1.5, 7.0, math.inf]),
)
seconds = st.one_of(st.floats(-3 * DAY, 10 * DAY), st.integers(-3, 10).map(lambda days: days * DAY))


@st.composite
def terms_of_a_student(draw, most_labs=4):
    """(attempts by lab, course)"""
    labs = ["a", "b", "c", "d"][: draw(st.integers(1, most_labs))]
    weights = st.sampled_from([None, 0.0, 1.0, 2.5, 10.0])
    known = {lab: Terms(draw(st.integers(0, 3)) * DAY, draw(weights)) for lab in labs}
    course = Course(known, draw(lates), draw(st.sampled_from(["best", "latest"])))
    attempts = {}
    for lab in labs:
        moments, points = draw(st.lists(seconds, min_size=1, max_size=3)), draw(st.integers(1, 99))
        attempts[lab] = [
            attempt(f"{lab}{k}", known[lab].due + late, late, draw(st.integers(0, points)), points)
            for k, late in enumerate(moments)
        ]
    return attempts, course


def attempt(source, handed_in, late, raw=100, points=100):
    return Mark(source, handed_in, late, raw, points)


def total(course, marks):
    return sum(
        mark.score * (1 if (weight := course.labs[lab].weight) is None else weight / mark.points)
        for lab, mark in marks.items()
    )


@given(lates, seconds, st.integers(0, 4))
def test_a_share_is_between_nothing_and_all_and_all_when_on_time(late, seconds, days):
    assert 0 <= late.share(seconds, days) <= 1
    assert late.share(min(seconds, 0), days) == 1


@given(lates, seconds, seconds, st.integers(0, 3))
def test_later_is_never_worth_more_and_a_grace_day_never_less(late, one, other, days):
    assert late.share(min(one, other), days) >= late.share(max(one, other), days)
    assert late.share(one, days + 1) >= late.share(one, days)


@given(lates, seconds, st.integers(0, 4))
def test_a_grace_day_is_24_hours_until_nothing_is_accepted(late, seconds, days):
    accepted = seconds <= late.accept_days * DAY or seconds <= 0
    assert late.share(seconds, days) == (late.share(seconds - days * DAY) if accepted else 0)


@pytest.mark.parametrize(
    ("hours", "share"),
    [(-1, 1), (0, 1), (0.001, 0.9), (24, 0.9), (24.001, 0.8), (72.5, 0.6), (96.5, 0.5), (169, 0)],
)
def test_a_day_that_has_begun_counts_whole(hours, share):
    late = Late(penalty=0.1, floor=0.5, accept_days=7)
    assert late.share(hours * HOUR) == pytest.approx(share)


@given(terms_of_a_student())
def test_no_mark_is_above_what_was_earned_and_on_time_work_is_untouched(term):
    attempts, course = term
    for lab, mark in settle(attempts, course).items():
        assert 0 <= mark.score <= mark.raw
        assert mark.source in {each.source for each in attempts[lab]}
        if mark.late <= 0:
            assert (mark.score, mark.days) == (mark.raw, 0)


@given(terms_of_a_student())
def test_grace_days_are_not_spent_twice_nor_where_they_gain_nothing(term):
    attempts, course = term
    marks = settle(attempts, course)
    assert sum(mark.days for mark in marks.values()) <= course.late.grace_days
    for lab, mark in marks.items():
        if mark.days:
            less = replace(course, late=replace(course.late, grace_days=mark.days - 1))
            assert settle({lab: attempts[lab]}, less)[lab].score < mark.score


@given(terms_of_a_student())
def test_the_total_is_the_best_of_all_placings_with_the_fewest_days(term):
    attempts, course = term
    found = settle(attempts, course)
    placings = itertools.product(range(course.late.grace_days + 1), repeat=len(attempts))
    tried = {}
    for days in placings:
        if sum(days) <= course.late.grace_days:
            marks = {
                lab: naive(attempts[lab], course, n) for lab, n in zip(attempts, days, strict=True)
            }
            worth = round(total(course, marks), 6)
            tried[worth] = min(tried.get(worth, 99), sum(days))
    best = max(tried)
    assert total(course, found) == pytest.approx(best, abs=1e-5)
    assert sum(mark.days for mark in found.values()) == tried[best]


def naive(attempts, course, days):
    """The rule as it is told to students."""
    late = course.late
    if course.counts == "latest":
        on_time = [one for one in attempts if one.late <= late.accept_days * DAY]
        attempts = [max(on_time or attempts, key=lambda one: (one.handed_in, one.source))]
    return max(
        (replace(one, score=one.raw * late.share(one.late, days)) for one in attempts),
        key=lambda one: one.score,
    )


@given(terms_of_a_student(), st.randoms(use_true_random=False))
def test_the_order_of_attempts_and_labs_does_not_matter(term, rng: random.Random):
    attempts, course = term
    labs = rng.sample(list(attempts), len(attempts))
    shuffled = {lab: rng.sample(attempts[lab], len(attempts[lab])) for lab in labs}
    assert settle(shuffled, course) == settle(attempts, course)


@given(terms_of_a_student(), st.integers(0, 3), st.floats(0, 3 * DAY))
def test_handing_in_later_never_helps(term, which, seconds):
    """Of attempts of which the best counts; where the latest counts, of a single one."""
    attempts, course = term
    if course.counts == "latest":
        attempts = {lab: each[:1] for lab, each in attempts.items()}
    lab = sorted(attempts)[which % len(attempts)]
    later = [
        replace(one, late=one.late + seconds, handed_in=one.handed_in + seconds)
        for one in attempts[lab]
    ]
    before, after = settle(attempts, course), settle({**attempts, lab: later}, course)
    assert total(course, after) <= total(course, before) + 1e-6


@given(terms_of_a_student(), st.integers(0, 50))
def test_one_attempt_more_never_harms_where_the_best_counts(term, raw):
    attempts, course = term
    course = replace(course, counts="best")
    lab = min(attempts)
    points = attempts[lab][0].points
    one = attempt("z", course.terms(lab).due, 0.0, min(raw, points), points)
    more = {**attempts, lab: [*attempts[lab], one]}
    assert total(course, settle(more, course)) >= total(course, settle(attempts, course)) - 1e-6


@given(st.integers(0, 200), st.floats(0, 20 * DAY), lates)
def test_an_extension_is_a_later_due_date(hours, moment, late):
    extended = Course({"a": Terms(DAY)}, late, extensions={("ada", "a"): hours})
    moved = Course({"a": Terms(DAY + hours * HOUR)}, late)
    assert extended.due("ada", "a") == moved.due("ada", "a") == moved.due("bob", "a")
    assert extended.due("bob", "a") == DAY
    marks = [
        settle({"a": [attempt("x", moment, moment - course.due("ada", "a"))]}, course)
        for course in (extended, moved)
    ]
    assert marks[0] == marks[1]


def test_best_is_best_after_the_penalty_and_latest_the_latest_that_is_accepted():
    due = {"a": Terms(0.0)}
    early, late, hopeless = (
        attempt("early", -1, -1, 80), attempt("late", DAY, DAY, 90), attempt("x", 9e9, 9e9, 100),
    )  # fmt: skip
    tries = {"a": [early, late, hopeless]}
    rules = Late(penalty=0.2, accept_days=7)
    assert settle(tries, Course(due, rules))["a"].score == 80
    latest = settle(tries, Course(due, rules, "latest"))["a"]
    assert (latest.source, latest.score) == ("late", 72)


def test_on_a_tie_the_lab_that_is_due_first_gets_the_grace_day():
    course = Course({"a": Terms(5 * DAY), "b": Terms(0.0)}, Late(grace_days=1, penalty=0.5))
    tries = {lab: [attempt(lab, 9 * DAY, DAY)] for lab in "ab"}
    assert {lab: mark.days for lab, mark in settle(tries, course).items()} == {"b": 1, "a": 0}


def test_no_grace_day_goes_to_a_lab_that_counts_nothing():
    course = Course({"a": Terms(0.0, weight=0.0)}, Late(grace_days=3, penalty=0.5))
    mark = settle({"a": [attempt("a", DAY, DAY)]}, course)["a"]
    assert (mark.days, mark.score) == (0, 50)


def test_of_two_equal_attempts_of_one_moment_the_same_counts_in_any_order():
    twins = [attempt("x", -5.0, -5.0), attempt("y", -5.0, -5.0)]
    for counts in ("best", "latest"):
        found = [settle({"a": tries}, Course(counts=counts)) for tries in (twins, twins[::-1])]
        assert found[0] == found[1]


def test_a_grace_day_goes_by_what_a_lab_weighs_not_by_its_points():
    course = Course({lab: Terms(0.0, 10.0) for lab in "ab"}, Late(grace_days=1, penalty=0.5))
    tries = {"a": [attempt("a", DAY, DAY, 10, 10)], "b": [attempt("b", DAY, DAY, 50, 100)]}
    assert settle(tries, course)["a"].days == 1


@given(st.integers(1, 100), st.floats(0.01, 1), st.integers(2, 6))
def test_equal_labs_tie_whatever_their_sums_round_to(raw, penalty, count):
    labs = [f"lab{k}" for k in range(count)]
    course = Course({lab: Terms(0.0, 0.1) for lab in labs}, Late(grace_days=1, penalty=penalty))
    marks = settle({lab: [attempt(lab, DAY, DAY, raw)] for lab in labs}, course)
    assert [mark.days for mark in marks.values()] == [1, *[0] * (count - 1)]
