"""Sharing changes no answer; bytes are those of distinct arrays, work that of distinct steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.pipelines.sharing import Step, Store, content, size, steps

OPERATORS = {
    "add": lambda x, a: x + a,
    "times": lambda x, a: x * a,
    "sum": lambda x, y: x + y,
}


@st.composite
def deployed(draw):
    """Pipelines whose arrays are few values, each in memory of its own."""

    def step(depth):
        if depth and draw(st.booleans()):
            return Step("sum", (), (step(depth - 1), step(depth - 1)))
        kind, value = draw(st.sampled_from(["add", "times"])), draw(st.integers(1, 3))
        inputs = (step(depth - 1),) if depth else ()
        return Step(kind, (np.full(4, float(value)),), inputs)

    return [step(draw(st.integers(0, 3))) for _ in range(draw(st.integers(1, 5)))]


def alone(step, request):
    """The pipeline by itself, by recursion, with no names."""
    inputs = [alone(before, request) for before in step.inputs] or [request]
    return OPERATORS[step.kind](*inputs, *step.parameters)


def tree(step):
    """A step as plain data, compared without hashing."""
    return (step.kind, *(tuple(a) for a in step.parameters), *(tree(i) for i in step.inputs))


@given(deployed())
def test_answers_are_as_without_sharing(pipelines):
    request, store = np.arange(4.0), Store(OPERATORS)
    loaded = [store.load(each) for each in pipelines]
    for found, each in zip(store.answer(loaded, request), pipelines):
        np.testing.assert_array_equal(found, alone(each, request))


@given(deployed())
def test_bytes_are_those_of_distinct_arrays_and_work_that_of_distinct_steps(pipelines):
    store = Store(OPERATORS)
    loaded = [store.load(each) for each in pipelines]
    store.answer(loaded, np.arange(4.0))
    every = [step for each in pipelines for step in steps(each)]
    assert size(pipelines) == 32 * sum(len(step.parameters) for step in every)
    assert store.nbytes == 32 * len({tuple(a) for step in every for a in step.parameters})
    assert store.computed == len({tree(step) for step in every})


def test_what_is_kept_is_in_memory_once_and_cannot_be_written():
    one, other = (Step("add", (np.ones(4),)) for _ in range(2))
    store = Store(OPERATORS)
    first, second = store.load(one), store.load(other)
    assert first.parameters[0] is second.parameters[0]
    with pytest.raises(ValueError, match="read-only"):
        first.parameters[0][0] = 2.0
    one.parameters[0][0] = 7.0  # the team's own copy: nobody else sees this
    assert store.answer([second], np.zeros(4))[0][0] == 1.0


def test_arrays_with_the_same_bytes_may_be_different():
    zeros = np.zeros(4)
    different = [zeros, zeros.reshape(2, 2), zeros.astype(np.int64), -zeros, zeros[:2]]
    assert len({content(array) for array in different}) == len(different)
    view = np.arange(8.0).reshape(4, 2)[:, 0]
    assert content(view) == content(view.copy())


def test_the_order_of_inputs_counts():
    a, b = (Step("add", (np.full(4, value),)) for value in (1.0, 2.0))
    assert Step("sum", (), (a, b)).name != Step("sum", (), (b, a)).name


def test_an_unknown_step_is_refused():
    with pytest.raises(ValueError, match="'divide'"):
        Store(OPERATORS).load(Step("divide", (), (Step("add", (np.ones(4),)),)))
