"""The tensor lab's judge of plans, judged: by a search through all arrangements, and by cheats."""

import itertools
import math
import re
import sys
import types

import numpy as np
import pytest

from autograder.checks import Wrong, load_checks
from autograder.lab import PACKAGE_ROOT, load_lab
from autograder.starter import answer_source

LAB = load_lab(PACKAGE_ROOT / "labs" / "tensor")
load_checks(LAB)
plans, copies = (sys.modules[f"_lab_tensor.{judge}"] for judge in ("plans", "copies"))
Case, Machine, Place = plans.Case, plans.Machine, plans.Place
HANDOUT = (LAB.folder / "handout.md").read_text(encoding="utf-8")
ROWS = Place((2, 3), (3, 1))


@pytest.fixture(scope="module")
def answer():
    """The full answer's names, its module registered for the length of the tests."""
    module = types.ModuleType("tensor_lab_answer")
    sys.modules[module.__name__] = module
    exec(compile(answer_source(LAB), "answer", "exec"), module.__dict__)
    yield module
    del sys.modules[module.__name__]


def machine_for(*places, subscripts="ij->j"):
    return Machine(Case(subscripts, places), np.random.default_rng(0))


def a_view(buffer, shape, strides, offset=0):
    return [buffer, [list(shape), list(strides), offset]]


ONES = a_view("one", (1, 2, 1), (0, 0, 0))


@pytest.mark.parametrize(
    "why, step",
    [
        ("no word", []),
        ("another word", ["add", a_view("a", (2, 3), (3, 1))]),
        ("a method's name", ["read", a_view("a", (2, 3), (3, 1))]),
        ("a view too few", ["product", a_view("a", (1, 2, 3), (0, 3, 1))]),
        ("a view too many", ["copy", a_view("a", (2,), (1,)), a_view("a", (2,), (1,))]),
        ("no such buffer", ["copy", a_view("b", (2,), (1,))]),
        ("not made yet", ["copy", a_view(0, (2,), (1,))]),
        ("true is no number", ["copy", a_view(True, (2,), (1,))]),
        ("beyond the end", ["copy", a_view("a", (2, 5), (3, 2))]),
        ("before the beginning", ["copy", a_view("a", (2,), (-1,))]),
        ("a length below 0", ["copy", a_view("a", (-1,), (1,))]),
        ("huge", ["copy", a_view("one", (10**6, 10**6), (0, 0))]),
        ("huge, but for an axis of 0", ["copy", a_view("one", (0, 10**9), (0, 0))]),
        ("a stride too few", ["copy", a_view("a", (2, 3), (3,))]),
        ("an array for a shape", ["copy", ["a", [np.array([2]), [1], 0]]]),
        ("two axes", ["product", a_view("a", (2, 3), (3, 1)), a_view("a", (3, 2), (1, 3))]),
        ("no match", ["product", a_view("a", (1, 2, 3), (0, 3, 1)), ONES]),
        ("two batches", ["product", a_view("a", (2, 1, 2), (3, 0, 1)), ONES]),
    ],
)
def test_a_step_that_breaks_a_rule_is_stopped(why, step):
    with pytest.raises(Wrong):
        machine_for(ROWS).do(step)


def test_a_step_of_endless_multiply_adds_is_stopped():
    x = a_view("one", (1, 300, 300), (0, 0, 0))
    with pytest.raises(Wrong, match="multiply-adds"):
        machine_for(ROWS).do(["product", x, x])


def test_steps_are_counted_and_their_results_can_be_read():
    machine = machine_for(ROWS)
    machine.do(["copy", a_view("a", (3, 2), (1, 3))])
    machine.do(["product", a_view(0, (1, 3, 2), (0, 2, 1)), ONES])
    assert (machine.copied, machine.multiply_adds, machine.steps) == (6, 6, 2)
    np.testing.assert_array_equal(machine.read(a_view(1, (3,), (1,))), machine.arrays[0].sum(0))


def test_what_is_not_the_operands_is_nan():
    machine = machine_for(Place((2, 2), (3, 1), 1))
    assert np.isnan(machine.buffers["a"][[0, 3]]).all()
    assert not np.isnan(machine.arrays[0]).any()


@pytest.mark.parametrize(
    "subscripts, lengths, budget",
    [
        ("ij->ji", (2, 3), 0),
        ("iij->j", (2, 3), 6),
        ("ij,jk->ik", (2, 3, 5), 30),
        ("bij,bjk->bik", (2, 3, 4, 5), 120),
        ("ijk,kl->il", (10, 10, 10, 10), 2000),
        ("i,j->", (4, 5), 4 + 5 + 1),
    ],
)
def test_the_budget_of_multiply_adds_is_that_of_the_handout(subscripts, lengths, budget):
    named = dict(zip(sorted(set(re.findall(r"\w", subscripts))), lengths, strict=True))
    shapes = [[named[x] for x in names] for names in subscripts.split("->")[0].split(",")]
    places = tuple(Place(tuple(shape), (1,) * len(shape)) for shape in shapes)
    assert plans.multiply_adds(Case(subscripts, places)) == budget


def has_a_view(axes, groups):
    """By definition: whether all elements of a group lie at equal distances, walked in order.

    axes: for each letter, length and stride; the order of the letters is given.
    """
    for group in groups:
        lengths, strides = ([axes[x][k] for x in group] for k in (0, 1))
        walk = [
            sum(i * s for i, s in zip(index, strides, strict=True))
            for index in itertools.product(*map(range, lengths))
        ]
        if len({after - before for before, after in itertools.pairwise(walk)}) > 1:
            return False
    return True


def roles(letters, output):
    """Every way to give each letter a group, whether or not a product can use it so."""
    for dealt in itertools.product(["batch", "rows", "inner", "columns"], repeat=len(letters)):
        groups = {name: [] for name in ("batch", "rows", "inner", "columns")}
        for letter, name in zip(letters, dealt, strict=True):
            groups[name].append(letter)
        if all((letter in groups["inner"]) == (letter not in output) for letter in letters):
            yield groups


def cheapest(operands, output):
    """The fewest elements to copy, by trying everything; operands: axes, letter by letter."""
    lengths = {x: n for axes in operands for x, (n, _) in axes.items()}
    sizes = [math.prod(n for n, _ in axes.values()) for axes in operands]
    best = sum(sizes)
    for groups in roles(list(lengths), output):
        first, second = operands
        if set(groups["rows"]) & set(second) or set(groups["columns"]) & set(first):
            continue  # a row of both would be computed for each column of both
        for orders in itertools.product(*(itertools.permutations(g) for g in groups.values())):
            batch, rows, inner, columns = orders
            cost = 0
            for axes, used, size in zip(
                operands, ((batch, rows, inner), (batch, inner, columns)), sizes, strict=True
            ):
                wide = {x: axes.get(x, (lengths[x], 0)) for group in used for x in group}
                if not has_a_view(wide, used):
                    own = [x for group in used for x in group if x in axes]
                    fresh, step = dict.fromkeys(wide), 1
                    for x in reversed(own):
                        fresh[x], step = (lengths[x], step), step * lengths[x]
                    fresh = {x: fresh[x] or (lengths[x], 0) for x in wide}
                    cost += size if has_a_view(fresh, used) else 10**6
            best = min(best, cost)
    return best


def axes_of(names, place):
    axes = {}
    for letter, length, stride in zip(names, place.shape, place.strides, strict=True):
        axes[letter] = (length, axes.get(letter, (length, 0))[1] + stride)
    return axes


def test_no_arrangement_at_all_copies_less():
    rng = np.random.default_rng(0)
    few = plans.NO_COPY, plans.FEW_COPIES
    cases = [case for ways in few for case in plans.in_memory(rng, ways)]
    for case in cases:
        if len(case.places) == 2:
            operands = [axes_of(*own) for own in zip(case.names, case.places, strict=True)]
            assert copies.fewest_copies(case) == cheapest(operands, case.output), str(case)


def test_the_plans_in_the_handout_do_what_it_says(answer):
    a, b = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, 0, 1, 0, 1, 0])
    plans = re.findall(r"^steps  = ([^=]*)\nresult = (.*)$", HANDOUT, re.M)
    rows = answer.Layout((2, 3), (3, 1))
    results = []
    for plan, subscripts in zip(plans, ("ij,nj->ni", "ij->j"), strict=True):
        steps, result = (eval(text, {"Layout": answer.Layout}) for text in plan)
        layouts = [rows] * (1 + subscripts.count(","))
        assert answer.einsum_plan(subscripts, layouts) == (steps, result)
        results.append(answer.execute((steps, result), a, b).tolist())
    assert results == [[[4, 10], [2, 5]], [5, 7, 9]]


def test_the_rows_about_collapse_in_the_handout_are_right(answer):
    rows = re.findall(r"^ +(collapse\(.*?\)\))\s+(\[.*\])\s\s", HANDOUT, re.M)
    assert len(rows) == 3
    for call, runs in rows:
        assert eval(call, {"collapse": answer.collapse}) == eval(runs)


def test_the_points_in_the_handout_are_those_of_the_checks():
    stated = {
        name: int(mark) for name, mark in re.findall(r"^\| (\w+) \| .* \| (\d+) \|$", HANDOUT, re.M)
    }
    points = dict.fromkeys((task.name for task in LAB.tasks), 0)
    for check in load_checks(LAB):
        points[check.task] += check.points
    assert stated == points
