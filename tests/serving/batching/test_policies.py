"""Who goes together, by each policy, in cases that can be counted on fingers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.policies import AIMD, Fixed, Greedy, OneByOne
from mlsys.serving.batching.policy import Decision, Request, checked


def line(*kinds, every=1.0):
    return [Request(n, n * every, kind=kind) for n, kind in enumerate(kinds)]


def numbers(decision):
    return [request.number for request in decision.batch]


def test_one_by_one_and_greedy_take_who_came_first():
    waiting = line("a", "b", "a", "a")
    assert numbers(OneByOne().decide(9.0, waiting)) == [0]
    assert numbers(Greedy(2).decide(9.0, waiting)) == [0, 2]


def test_fixed_waits_for_company_but_not_for_ever():
    waiting = line("", "")
    policy = Fixed(3, 5.0)
    assert policy.decide(4.9, waiting) == Decision(wake=5.0)
    assert numbers(policy.decide(5.0, waiting)) == [0, 1]
    assert numbers(policy.decide(2.0, line("", "", "", ""))) == [0, 1, 2]


def test_a_full_batch_of_another_kind_need_not_wait_for_the_first():
    assert numbers(Fixed(2, 9.0).decide(3.0, line("a", "b", "b"))) == [1, 2]


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=80), st.floats(0.1, 0.9))
def test_aimd_adds_after_full_batches_and_multiplies_after_slow_ones(batches, factor):
    policy, limit = AIMD(1.0, step=2.0, factor=factor, most=30), 1.0
    for size, slow in batches:
        size = min(size, int(limit))
        policy.done(0.0, [Request(n, 0.0) for n in range(size)], 2.0 if slow else 0.5)
        if slow:
            limit = max(1.0, factor * min(limit, size))
        elif size == int(limit):
            limit = min(30, limit + 2)
        assert policy.limit == limit and 1 <= policy.limit <= 30


@pytest.mark.parametrize(
    "make",
    [
        lambda: Greedy(0), lambda: Fixed(1, -1.0), lambda: Fixed(1, float("nan")),
        lambda: AIMD(0.0), lambda: AIMD(1.0, factor=1.0), lambda: AIMD(1.0, most=0),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="expected"):
        make()


def test_a_decision_names_those_that_wait_each_once_and_of_one_kind():
    waiting = {each.number: each for each in line("a", "b")}
    one, other = waiting.values()
    stranger = Request(7, 0.0)
    for decision, why in [
        (Decision((one, one)), "twice"),
        (Decision((one,), (one,)), "twice"),
        (Decision((stranger,)), "do not wait"),
        (Decision((one, other)), "of one kind"),
        (Decision(wake=1.0), "asked again"),
    ]:
        with pytest.raises(ValueError, match=why):
            checked(decision, 1.0, waiting)
    for fine in (Decision((one,), (other,)), Decision(), Decision(drop=(one,))):
        assert checked(fine, 1.0, waiting) is fine
