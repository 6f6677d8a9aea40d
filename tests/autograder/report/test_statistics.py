"""The numbers on the pages: against NumPy, whatever the order, and in little memory."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.report.statistics import MOST_FAILURES, LabStatistics, folded
from autograder.results import CheckResult, LabResult

WORTH = (("once", "walk", 4), ("dead", "walk", 6), ("count", "stop", 10))


def result(shares, message="expected 1, got 2", **changes):
    checks = tuple(
        CheckResult(name, task, f"title of {name}", points, share * points)
        if share == 1
        else CheckResult(name, task, f"title of {name}", points, share * points, "wrong", message)
        for (name, task, points), share in zip(WORTH, shares, strict=True)
    )
    about = {"student": "s", "lab": "toy", "lab_title": "Toy", "lab_version": "v"}
    about |= {"submission": "sha256:0", "tier": "T0", "key": "course", "checks": checks}
    return LabResult(**(about | changes))


def class_of(size, seed):
    rng = random.Random(seed)
    skills = [rng.random() for _ in range(size)]
    return [
        result([rng.choice((0, 1 / 3, 0.5)) if rng.random() > skill else 1 for _ in WORTH])
        for skill in skills
    ]


def counted(results):
    lab = LabStatistics()
    for one in results:
        lab.add(one)
    return lab


@given(st.integers(1, 30), st.integers(0, 1000))
def test_mean_median_and_histogram_agree_with_numpy(size, seed):
    results = class_of(size, seed)
    scores = [one.score for one in results]
    lab = counted(results)
    assert lab.mean == pytest.approx(np.mean(scores))
    assert lab.median == pytest.approx(np.median(scores))
    assert lab.counts == np.histogram(scores, bins=10, range=(0, 20))[0].tolist()
    assert lab.full_marks == sum(score == 20 for score in scores)


@given(st.integers(10, 40), st.integers(0, 1000))
def test_difficulty_and_discrimination_agree_with_numpy(size, seed):
    results = class_of(size, seed)
    for place, item in enumerate(counted(results).items.values()):
        checks = [one.checks[place] for one in results]
        shares = np.array([check.score / check.points for check in checks])
        rests = np.array([one.score for one in results]) - shares * item.check.points
        assert (item.tried, item.missed) == (size, np.sum(shares < 1))
        assert item.difficulty == pytest.approx(shares.mean())
        if item.discrimination is None:
            assert np.ptp(shares) < 1e-9 or np.ptp(rests) < 1e-9
        else:
            assert item.discrimination == pytest.approx(np.corrcoef(shares, rests)[0, 1])


@given(st.integers(1, 30), st.integers(0, 1000))
def test_the_order_of_results_changes_nothing_that_is_shown(size, seed):
    results = class_of(size, seed)
    one, other = counted(results), counted(results[::-1])
    assert one.most_missed()[0].check.name == other.most_missed()[0].check.name
    assert one.most_frequent(9) == other.most_frequent(9)
    assert (one.median, one.mean, one.counts) == (other.median, other.mean, other.counts)


def test_a_small_class_shows_no_discrimination():
    assert all(item.discrimination is None for item in counted(class_of(9, 0)).items.values())


def test_the_check_missed_most_comes_first_with_its_reasons():
    results = [result((0, 1, 1)), result((0, 1, 0)), result((0.5, 1, 1))]
    first = counted(results).most_missed()[0]
    assert (first.check.name, first.tried, first.missed) == ("once", 3, 3)
    assert first.reasons == {"wrong": 2, "partly": 1}


def test_submissions_that_never_ran_and_faults_of_the_grader_say_nothing_about_a_check():
    broken = CheckResult("count", "stop", "title", 10, 0, "internal")
    ran = result((1, 1, 1))
    fault = replace(ran, checks=(*ran.checks[:2], broken))
    lab = counted([ran, fault, result((0, 0, 0), problem="no file")])
    tried = {item.check.name: (item.tried, item.missed) for item in lab.items.values()}
    assert tried == {"once": (2, 0), "dead": (2, 0), "count": (1, 0)}
    assert (len(lab.scores), lab.problems) == (3, 1)


NUMBERS = st.one_of(
    st.integers(-(10**9), 10**9).map(str),
    st.floats().map(str),
    st.integers(0, 2**40).map(hex),
    st.sampled_from(["1.", "1e-05", "2.5E+10", "-inf", "1_000"]),
)


@given(st.lists(NUMBERS, min_size=2, max_size=9), st.lists(NUMBERS, min_size=2, max_size=9))
def test_messages_that_differ_in_numbers_and_arrays_fold_to_one(some, others):
    def told(numbers):
        inner = ", ".join(numbers)
        rows = f"[[{' '.join(numbers)}]\n [{' '.join(numbers)}]]"
        return f"the total: expected {numbers[0]} for ([{inner}], {numbers[1]}), got array({rows})"

    assert folded(told(some)) == folded(told(others))
    assert folded(folded(told(some))) == folded(told(some))


@given(st.text("abc xyz.,()", max_size=30), st.text("abc xyz.,()", max_size=30))
def test_messages_that_differ_in_words_stay_apart(one, other):
    words = one.split() != other.split()
    brackets = "(" in one + other
    assert not words or brackets or folded(one) != folded(other)


def test_the_same_failure_is_counted_once_a_student_and_shown_by_its_shortest_message():
    results = [result((0, 1, 1), f"expected {k} for {list(range(k))}") for k in range(5, 12)]
    results += [result((0, 1, 1), "ValueError: odd"), result((1, 0, 1), "ValueError: odd")]
    (amount, example), *others = counted(results).most_frequent(9)
    assert (amount, example.name, example.message) == (7, "once", "expected 5 for [0, 1, 2, 3, 4]")
    assert others == []  # what came once is no pattern


def test_a_flood_of_different_messages_is_not_kept_and_does_not_hide_the_frequent_one():
    rng = random.Random(0)
    results = []
    for _ in range(3000):
        message = "".join(rng.choices("abcdefghij", k=12)) if rng.random() < 0.9 else "the same"
        results.append(result((0, 1, 1), message))
    lab = counted(results)
    assert len(lab._failures) <= MOST_FAILURES
    assert lab.most_frequent(1)[0][0] == sum(one.checks[0].message == "the same" for one in results)


def test_an_empty_class_has_numbers_too():
    lab = LabStatistics()
    assert (lab.mean, lab.median, lab.most_missed(), lab.most_frequent(3)) == (0, 0, [], [])
