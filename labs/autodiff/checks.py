"""The checks of the autodiff lab: graphs, gradients and derivatives are compared with NumPy; plans
are executed on a chain of our own.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograder import Score, Wrong, check, close, each_alike, typed

from .chain import Machine, closed_form, draw_chains, is_enough, searched
from .graphs import (
    TINY,
    collected,
    differentiated,
    drawn,
    in_need,
    random_graph,
    reached,
    shapes_that_broadcast,
)

CHAPTER = "foundations/autodiff"

# The walk.


@check(
    task="walk",
    points=7,
    title="every node once, after its inputs",
    hint="A node may go into the list only when all its inputs are in it already. Draw the diamond "
    "and run your function on it by hand.",
    section=f"{CHAPTER}#the-walk",
)
def every_node_once(student, rng):
    leaf, square, diamond = [[]], [[], [0, 0]], [[], [0], [0], [1, 2]]
    for inputs in [leaf, square, diamond, *(random_graph(rng) for _ in range(25))]:
        needs = [True] * len(inputs)
        order, graph = _order(student, inputs, needs, []), drawn(inputs, needs, [])
        _same_nodes(order, reached(inputs, needs, []), graph)
        assert len(order) == len(set(order)), f"expected each node once, got {order} for {graph}"
        for place, node in enumerate(order):
            for i in set(inputs[node]) - set(order[:place]):
                raise Wrong(f"node {node} is made from {i}, but stands before it: {order}, {graph}")


@check(
    task="walk",
    points=5,
    title="stops where no gradient is wanted",
    hint="Leave out inputs with requires_grad False, the known nodes, and what can be reached "
    "through them alone.",
    section=f"{CHAPTER}#the-walk",
)
def stops_where_no_gradient_is_wanted(student, rng):
    for _ in range(30):
        inputs = random_graph(rng)
        needs = in_need(inputs, [True, *(rng.random(4) < 0.4).tolist()])
        if needs[-1]:
            known = rng.permutation(len(inputs) - 1)[: rng.integers(0, 3)].tolist()
            order, graph = _order(student, inputs, needs, known), drawn(inputs, needs, known)
            _same_nodes(order, reached(inputs, needs, known), graph)


@check(
    task="walk",
    points=6,
    title="linear work on h = h + h, 50,000 times",
    hint="Two arrows lead to each node, so there are 2**50000 paths. Mark what you have seen in a "
    "set (a list takes longer the longer it is), and keep a stack of your own: Python's is a "
    "thousand calls deep.",
    section=f"{CHAPTER}#the-walk",
)
def linear_work_on_a_deep_chain(student, rng):
    depth = 50_000
    order = typed(student.run("order_of_chain", depth), np.ndarray, "the order")
    if not np.array_equal(np.sort(order, axis=None), np.arange(depth + 1)):
        raise Wrong(f"expected each of the {depth + 1} nodes once, got {order.size} entries")


def _order(student, inputs: list[list[int]], needs: list[bool], known: list[int]) -> list[int]:
    order = student.run("order_of", inputs, needs, len(inputs) - 1, known)
    order = typed(typed(order, np.ndarray, "the order").tolist(), list[int], "the order")
    assert -1 not in order, "the list holds something that is no node of the graph"
    return order


def _same_nodes(order: list[int], wanted: set[int], graph: str) -> None:
    if set(order) != wanted:
        raise Wrong(f"expected the nodes {sorted(wanted)}, got {sorted(set(order))} for {graph}")


# Pulling back.


@check(
    task="pull",
    points=7,
    title="sums what was broadcast",
    hint="What was repeated is summed: axes in front that the input does not have, and axes where "
    "the input has length 1. pull_back must do it whenever the shapes differ.",
    section=f"{CHAPTER}#broadcasting-backwards",
)
def sums_what_was_broadcast(student, rng):
    for _ in range(25):
        shape, wide = shapes_that_broadcast(rng)
        g = rng.standard_normal(wide)
        got, want = student.run("unbroadcast", g, list(shape)), collected(g, shape)
        close(got, want, rtol=1e-9, atol=1e-12, what=f"unbroadcast of shape {wide} to {shape}")
    g, a, b = rng.standard_normal((4, 3)), rng.standard_normal((4, 1)), rng.standard_normal(3)
    got = _grads(student.run("pulled_back", "multiply", [a, b], [None, None], g), 2)
    what = "after pull_back of a * b, a (4, 1) and b (3,):"
    close(got[0], collected(g * b, a.shape), rtol=1e-9, what=f"{what} a.grad")
    close(got[1], collected(g * a, b.shape), rtol=1e-9, what=f"{what} b.grad")


@check(
    task="pull",
    points=7,
    title="adds up what arrives on several paths",
    hint="A node that is used twice gets a piece from each use: add to x.grad, don't assign. The "
    "rule must see value(x) and value(node), not their data.",
    section=f"{CHAPTER}#the-walk",
)
def adds_up_what_arrives(student, rng):
    x, g, before = rng.standard_normal((3, 2, 2))
    a, b = _grads(student.run("pulled_back", "multiply", [x, x], [None, None], g), 2)
    close(a, g * x, rtol=1e-9, what="after pull_back of a * b: a.grad")
    close(b, g * x, rtol=1e-9, what="after pull_back of a * b: b.grad")
    (a,) = _grads(student.run("pulled_back", "sine", [x], [before], g), 1)
    close(a, before + g * np.cos(x), rtol=1e-9, what="a.grad, which held a piece before,")
    for hide in (False, True):
        for _ in range(6):
            _compare_with_differences(student, rng, hide)


@check(
    task="pull",
    points=5,
    title="never writes into an array that something else holds",
    hint="In a + b both inputs are given the very same array g. After x.grad += piece, whose "
    "gradient has changed? Make a new array.",
    section=f"{CHAPTER}#the-walk",
)
def never_writes_into_a_shared_array(student, rng):
    programs = {"a + b": ("add", [0, 1]), "b + a": ("add", [1, 0])}
    programs |= {"a + a": ("add", [0, 0]), "a.T": ("transpose", [0])}
    for program, (rule, inputs) in programs.items():
        g, h = rng.standard_normal((2, 3, 3))
        held = {"g": g, "h": h} | ({"b.grad": g} if 1 in inputs else {}) | {"c.grad": h}
        what = f"y = {program}, z = a + c; when g was pulled back from y and h from z, the array"
        after = _grads(student.run("shared", rule, inputs, g, h), len(held))
        for (name, array), now in zip(held.items(), after, strict=True):
            close(now, array, rtol=0, what=f"{what} {name}")


def _grads(reply: Any, count: int) -> list[Any]:
    """A reply of so many gradients; each may still be anything."""
    grads = typed(reply, list, "the gradients")
    assert len(grads) == count, f"expected {count} gradients, got {len(grads)}"
    return grads


def _compare_with_differences(student, rng: np.random.Generator, hide: bool) -> None:
    """The gradients of a random program of products and sines of three leaves."""
    leaves, needs = rng.uniform(0.6, 1.2, (3, 2, 2)), [True, bool(rng.random() < 0.5), True]
    program: list[list[Any]] = []
    for node in range(3, 9):
        i, j = rng.integers(0, node, 2).tolist()
        program.append(["multiply", node - 1, i] if rng.random() < 0.6 else ["sine", j])
    program.append(["multiply", 8, 0])
    inputs = [[], [], [], *(numbers for _, *numbers in program)]
    order, seed = sorted(reached(inputs, in_need(inputs, needs), [])), rng.standard_normal((2, 2))
    grads = _grads(student.run("gradients", list(leaves), needs, program, order, seed, hide), 3)
    what = "in a program of products and sines" + (", its arrays given by value" if hide else "")
    for i, grad in enumerate(grads):
        if i in order:
            want = differentiated(leaves, i, program, seed)
            close(grad, want, rtol=1e-8, atol=1e-13, what=f"grad of leaf {i} {what}")
        elif grad is not None:
            raise Wrong(f"leaf {i} needs no gradient, so its grad should stay None {what}")


# The rules.


@check(
    task="rules",
    points=4,
    title="the derivative of normalize",
    hint="The mean and the variance depend on x too. What is left of g has mean zero, and, but for "
    "eps, no part along y.",
    section=f"{CHAPTER}#a-table-of-rules",
)
def derives_normalize(student, rng):
    for shape in ((5,), (3, 4), (2, 3, 6)):
        x = rng.standard_normal(shape) * rng.uniform(0.5, 3) + rng.uniform(-2, 2)
        g, eps = rng.standard_normal(shape), float(rng.uniform(1e-5, 0.5))
        y, scale = _normalized(x, eps)
        got = student.call("normalize_vjp", g, y, x, eps, [scale])
        want = np.zeros(shape)
        for place in np.ndindex(shape):
            moved = x.astype(complex)
            moved[place] += TINY * 1j
            want[place] = (g * _normalized(moved, eps)[0]).sum().imag / TINY
        close(got, want, rtol=1e-7, atol=1e-9, what=f"normalize_vjp for shape {shape}")


def _normalized(x: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    centred = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + eps)
    return centred * scale, scale


@check(
    task="rules",
    points=3,
    title="adds up rows that are looked up twice",
    hint="With ids = [2, 2], row 2 gets two pieces; out[ids] += g keeps only one of them.",
    section=f"{CHAPTER}#operators-that-come-in-pairs",
)
def adds_rows_that_repeat(student, rng):
    for shape in ((0,), (7,), (4, 5), ()):
        n, d = rng.integers(2, 6, 2).tolist()
        ids, g = rng.integers(0, n, shape), rng.standard_normal((*shape, d))
        one_hot = np.eye(n)[ids.reshape(-1)]  # looking up is a product; its adjoint, the transpose
        got, want = student.call("add_rows", g, ids, n), one_hot.T @ g.reshape(-1, d)
        close(got, want, rtol=1e-9, atol=1e-12, what=f"add_rows, ids of shape {shape}")


# The cost of reversing a chain.


@check(
    task="cost",
    points=10,
    title="as few forward steps as a search finds",
    hint="If time ran out: the bare recursion computes the same costs over and over; keep them, in "
    "a table or with functools.cache. If numbers differ, compare with the table of the handout.",
    section=f"{CHAPTER}#memory",
)
def cost_agrees_with_a_search(student, rng):
    cases = [(1, 1), (2, 1), (5, 1), (4, 2), (4, 9), *draw_chains(rng, 30, 50, 8)]
    for length, slots in sorted(cases):
        _same_cost(student, length, slots, searched(length, slots))


@check(
    task="cost",
    points=6,
    title="the cost of a billion steps, at once",
    hint="No table, no recursion over the length, which run out of time or memory: how many of the "
    "steps run exactly k times?",
    section=f"{CHAPTER}#memory",
)
def cost_is_a_closed_form(student, rng):
    for slots in (1000, 2, 3, int(rng.integers(4, 60))):
        length = int(rng.integers(10**8, 10**9 + 1))
        _same_cost(student, length, slots, closed_form(length, slots))


@check(
    task="cost",
    points=8,
    title="the fewest slots that keep within a budget",
    hint="Even with a slot for every state length - 1 forward steps are needed; a slot more never "
    "costs more. If time ran out: keep costs that you have computed.",
    section=f"{CHAPTER}#memory",
)
def finds_the_fewest_slots(student, rng):
    for length, slots in sorted([(1, 1), (2, 1), *draw_chains(rng, 10, 60, 10)]):
        cost = closed_form(length, slots)
        for budget in (cost, cost - 1, length - 2, length - 1, 3 * length):
            got = student.call("slots_needed", length, budget)
            got = None if got is None else _int(got, "the number of slots")
            enough = partial(is_enough, length, budget)
            want = bisect_left(range(1, length), True, key=enough) + 1 if enough(length) else None
            asked = f"a chain of {length}, at most {budget} forward steps"
            assert got == want, f"{asked}: expected slots_needed to return {want}, got {got}"


def _same_cost(student, length: int, slots: int, want: int) -> None:
    got = _int(student.call("minimal_forward_steps", length, slots), "the cost")
    assert got == want, f"{_chain(length, slots)}: a plan needs {want} forward steps, got {got}"


def _int(value: Any, what: str) -> int:
    """A whole number that can be printed."""
    number = typed(value, int, what)
    assert number.bit_length() < 200, f"{what} should have fewer than 60 digits"
    return number


def _chain(length: int, slots: int) -> str:
    """What a message calls the task.

    >>> _chain(4, 1)
    '4 steps, 1 slot'
    """
    steps, places = "step" if length == 1 else "steps", "slot" if slots == 1 else "slots"
    return f"{length} {steps}, {slots} {places}"


# Plans.


@check(
    task="plan",
    points=14,
    title="plans that run, and give the gradient",
    hint="Take the plan for a chain of four steps, and follow with a pencil what is in hand and "
    "what is in the slots. A state that is not needed again must be freed.",
    section=f"{CHAPTER}#memory",
)
def plans_run_and_give_the_gradient(student, rng):
    edges = [(1, 1), (1, 3), (2, 1), (2, 2), (3, 2), (9, 1), (9, 8), (9, 9), (6, 40)]
    return _share(sorted([*edges, *draw_chains(rng, 10, 40, 6)]), partial(_runs, student, rng))


@check(
    task="plan",
    points=18,
    title="no forward step more than needed",
    hint="Where must the next state be stored? Let minimal_forward_steps, of the part in front "
    "and of the part behind, decide. If time ran out: keep costs that you have computed.",
    section=f"{CHAPTER}#memory",
)
def plans_run_no_step_too_often(student, rng):
    full = [(math.comb(s + r, s), s) for s, r in ((2, 4), (3, 3), (4, 2))]  # only one best split
    small = [(length, slots) for length in (3, 4, 5, 6, 7, 8) for slots in (2, 3)]
    drawn = [(length + 2, slots + 1) for length, slots in draw_chains(rng, 8, 58, 5)]
    return _share(sorted([*small, *full, (30, 40), *drawn]), partial(_comes_near, student, rng))


def _share(chains: list[Any], judge: Callable[[tuple[int, int]], Score | None]) -> Score | None:
    """Part of the points for each; the message is that of the shortest chain which fails."""
    tally = " (the shortest case that fails; {right} of {count} are right)"
    return each_alike(chains, judge, tally, lambda chain: _chain(*chain))


def _comes_near(student, rng: np.random.Generator, chain: tuple[int, int]) -> Score | None:
    """1 for the fewest forward steps; otherwise half of the share that is saved of one slot's."""
    ran, length = _executed(student, rng, chain), chain[0]
    least, most = closed_form(*chain), length * (length - 1) // 2
    if ran == least:
        return None
    told = f"{_chain(*chain)}: expected {least} forward steps, your plan runs {ran}"
    return Score((most - ran) / (most - least) / 2, told)


def _runs(student, rng: np.random.Generator, chain: tuple[int, int]) -> None:
    _executed(student, rng, chain)


def _executed(student, rng: np.random.Generator, case: tuple[int, int]) -> int:
    """How many forward steps the student's plan runs; Wrong if it breaks a rule, and which."""
    plan, chain = student.call("revolve", *case), _chain(*case)
    plan = typed(plan, list[list], f"{chain}: the plan")
    machine = Machine(*case, rng)
    for place, action in enumerate(plan):
        try:
            for number in (part for part in action if type(part) is int):
                _int(number, "a number in the plan")
            machine.act(action)
        except (Wrong, AssertionError) as error:
            raise Wrong(f"{chain}: plan[{place}], {action!r:.60}: {error}") from None
    if machine.to_do:
        raise Wrong(f"{chain}: step {machine.to_do - 1} and those before were not run backward")
    close(machine.g, machine.expected(), rtol=1e-9, what=f"{chain}: the gradient")
    return machine.forward_steps
