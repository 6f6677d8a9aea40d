"""The checks of the autodiff lab: graphs, gradients and derivatives are compared with NumPy; plans
are executed here, on a chain of our own.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from autograder import Score, StudentError, Wrong, check, close, typed

CHAPTER = "foundations/autodiff"
TINY = 1e-30  # of complex steps, which give derivatives exact to rounding

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
    for inputs in [leaf, square, diamond, *(_random_graph(rng) for _ in range(25))]:
        needs = [True] * len(inputs)
        order, graph = _order(student, inputs, needs, []), _drawn(inputs, needs, [])
        _same_nodes(order, _reached(inputs, needs, []), graph)
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
        inputs = _random_graph(rng)
        needs = _needs(inputs, [True, *(rng.random(4) < 0.4).tolist()])
        if needs[-1]:
            known = rng.permutation(len(inputs) - 1)[: rng.integers(0, 3)].tolist()
            order, graph = _order(student, inputs, needs, known), _drawn(inputs, needs, known)
            _same_nodes(order, _reached(inputs, needs, known), graph)


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


def _random_graph(rng: np.random.Generator) -> list[list[int]]:
    """Inputs of each node, earlier ones; some do not lead to the last node."""
    leaves, size = int(rng.integers(1, 4)), int(rng.integers(5, 11))
    inner = [rng.integers(0, node, rng.integers(1, 4)).tolist() for node in range(leaves, size)]
    return [[] for _ in range(leaves)] + inner


def _needs(inputs: list[list[int]], of_leaves: list[bool]) -> list[bool]:
    """Whether each node needs a gradient: it does if one of its inputs does."""
    needs: list[bool] = []
    for node, sources in enumerate(inputs):
        needs.append(any(needs[i] for i in sources) if sources else of_leaves[node])
    return needs


def _reached(inputs: list[list[int]], needs: list[bool], known: list[int]) -> set[int]:
    """The nodes that the last one depends on, by the definition of a path."""
    found, edge = set[int](), {len(inputs) - 1}
    while edge:
        found |= edge
        edge = {i for node in edge for i in inputs[node] if needs[i]} - set(known) - found
    return found


def _order(student, inputs: list[list[int]], needs: list[bool], known: list[int]) -> list[int]:
    order = student.run("order_of", inputs, needs, len(inputs) - 1, known)
    order = typed(typed(order, np.ndarray, "the order").tolist(), list[int], "the order")
    assert -1 not in order, "the list holds something that is no node of the graph"
    return order


def _same_nodes(order: list[int], wanted: set[int], graph: str) -> None:
    if set(order) != wanted:
        raise Wrong(f"expected the nodes {sorted(wanted)}, got {sorted(set(order))} for {graph}")


def _drawn(inputs: list[list[int]], needs: list[bool], known: list[int]) -> str:
    """The graph in one line: 2 = f(0, 1); constants and known nodes are marked."""
    nodes = []
    for node, sources in enumerate(inputs):
        text = f"{node} = f({', '.join(map(str, sources))})" if sources else f"{node} a leaf"
        text += "" if needs[node] else " (no gradient)"
        nodes.append(text + (" (known)" if node in known else ""))
    return f"the graph [{'; '.join(nodes)}], output {len(inputs) - 1}"


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
        shape, wide = _shapes_that_broadcast(rng)
        g = rng.standard_normal(wide)
        got, want = student.run("unbroadcast", g, list(shape)), _collected(g, shape)
        close(got, want, rtol=1e-9, atol=1e-12, what=f"unbroadcast of shape {wide} to {shape}")
    g, a, b = rng.standard_normal((4, 3)), rng.standard_normal((4, 1)), rng.standard_normal(3)
    got = _grads(student.run("pulled_back", "multiply", [a, b], [None, None], g), 2)
    what = "after pull_back of a * b, a (4, 1) and b (3,):"
    close(got[0], _collected(g * b, a.shape), rtol=1e-9, what=f"{what} a.grad")
    close(got[1], _collected(g * a, b.shape), rtol=1e-9, what=f"{what} b.grad")


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


def _shapes_that_broadcast(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape of up to four axes, and one to which it broadcasts."""
    wide = tuple(rng.integers(1, 4, rng.integers(0, 5)).tolist())
    kept = wide[rng.integers(0, len(wide) + 1) :]
    return tuple(1 if rng.random() < 0.4 else n for n in kept), wide


def _collected(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each element of g, sent back to where NumPy's broadcast took it from."""
    size = math.prod(shape)
    origin = np.broadcast_to(np.arange(size).reshape(shape), g.shape)
    return np.bincount(origin.ravel(), g.ravel(), size).reshape(shape)


def _compare_with_differences(student, rng: np.random.Generator, hide: bool) -> None:
    """The gradients of a random program of products and sines of three leaves."""
    leaves, needs = rng.uniform(0.6, 1.2, (3, 2, 2)), [True, bool(rng.random() < 0.5), True]
    program: list[list[Any]] = []
    for node in range(3, 9):
        i, j = rng.integers(0, node, 2).tolist()
        program.append(["multiply", node - 1, i] if rng.random() < 0.6 else ["sine", j])
    program.append(["multiply", 8, 0])
    inputs = [[], [], [], *(numbers for _, *numbers in program)]
    order, seed = sorted(_reached(inputs, _needs(inputs, needs), [])), rng.standard_normal((2, 2))
    grads = _grads(student.run("gradients", list(leaves), needs, program, order, seed, hide), 3)
    what = "in a program of products and sines" + (", its arrays given by value" if hide else "")
    for i, grad in enumerate(grads):
        if i in order:
            want = _differentiated(leaves, i, program, seed)
            close(grad, want, rtol=1e-8, atol=1e-13, what=f"grad of leaf {i} {what}")
        elif grad is not None:
            raise Wrong(f"leaf {i} needs no gradient, so its grad should stay None {what}")


def _differentiated(leaves: np.ndarray, i: int, program: list[Any], seed: np.ndarray) -> np.ndarray:
    """The gradient of sum(seed * last) in leaf i, one complex step for each element."""
    gradient = np.zeros(leaves[i].shape)
    for place in np.ndindex(gradient.shape):
        values = list(leaves.astype(complex))
        values[i][place] += TINY * 1j
        for name, *numbers in program:
            operator = np.sin if name == "sine" else np.multiply
            values.append(operator(*(values[n] for n in numbers)))
        gradient[place] = (seed * values[-1]).sum().imag / TINY
    return gradient


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
    cases = [(1, 1), (2, 1), (5, 1), (4, 2), (4, 9), *_cases(rng, 30, 50, 8)]
    for length, slots in sorted(cases):
        _same_cost(student, length, slots, _searched(length, slots))


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
        _same_cost(student, length, slots, _closed_form(length, slots))


@check(
    task="cost",
    points=8,
    title="the fewest slots that keep within a budget",
    hint="Even with a slot for every state length - 1 forward steps are needed; a slot more never "
    "costs more. If time ran out: keep costs that you have computed.",
    section=f"{CHAPTER}#memory",
)
def finds_the_fewest_slots(student, rng):
    for length, slots in sorted([(1, 1), (2, 1), *_cases(rng, 10, 60, 10)]):
        cost = _closed_form(length, slots)
        for budget in (cost, cost - 1, length - 2, length - 1, 3 * length):
            got = student.call("slots_needed", length, budget)
            got = None if got is None else _int(got, "the number of slots")
            enough = partial(_is_enough, length, budget)
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


@cache
def _searched(length: int, slots: int) -> int:
    """The recurrence, by trying every first split: the state after j steps is stored next."""
    if slots == 1 or length == 1:
        return length * (length - 1) // 2
    splits = range(1, length)
    return min(j + _searched(length - j, slots - 1) + _searched(j, slots) for j in splits)


def _closed_form(length: int, slots: int) -> int:
    """r l - C(s + r, s + 1), r the smallest number with C(s + r, s) >= l (Griewank & Walther)."""
    r = next(r for r in itertools.count() if math.comb(slots + r, slots) >= length)
    return r * length - math.comb(slots + r, slots + 1)


def _is_enough(length: int, budget: int, slots: int) -> bool:
    return _closed_form(length, slots) <= budget


def _cases(rng: np.random.Generator, count: int, longest: int, most: int) -> list[Any]:
    """Random lengths and numbers of slots."""
    drawn = rng.integers(1, (longest + 1, most + 1), (count, 2))
    return [(length, slots) for length, slots in drawn.tolist()]


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
    return _share(sorted([*edges, *_cases(rng, 10, 40, 6)]), partial(_runs, student, rng))


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
    drawn = [(length + 2, slots + 1) for length, slots in _cases(rng, 8, 58, 5)]
    return _share(sorted([*small, *full, (30, 40), *drawn]), partial(_comes_near, student, rng))


def _share(cases: list[Any], grade: Callable[[int, int], tuple[float, str]]) -> Score | None:
    """Part of the points for each case; the message is that of the shortest chain which fails."""
    graded = [grade(length, slots) for length, slots in cases]
    faults = [message for _, message in graded if message]
    if not faults:
        return None
    right = len(graded) - len(faults)
    message = f"{faults[0]} (the shortest case that fails; {right} of {len(graded)} are right)"
    return Score(sum(part for part, _ in graded) / len(graded), message)


def _runs(student, rng: np.random.Generator, length: int, slots: int) -> tuple[float, str]:
    ran, fault = _forward_steps(student, length, slots, rng)
    return float(ran is not None), fault


def _comes_near(student, rng: np.random.Generator, length: int, slots: int) -> tuple[float, str]:
    """1 for the fewest forward steps; otherwise half of the share that is saved of one slot's."""
    ran, fault = _forward_steps(student, length, slots, rng)
    if ran is None:
        return 0.0, fault
    least, most = _closed_form(length, slots), length * (length - 1) // 2
    if ran == least:
        return 1.0, ""
    chain = _chain(length, slots)
    return (most - ran) / (most - least) / 2, (
        f"{chain}: expected {least} forward steps, your plan runs {ran}"
    )


def _forward_steps(
    student, length: int, slots: int, rng: np.random.Generator
) -> tuple[int | None, str]:
    """How many forward steps the student's plan runs; None if it breaks a rule, and which."""
    try:
        return _executed(student, length, slots, rng), ""
    except Wrong as wrong:
        return None, str(wrong)
    except StudentError as error:
        if error.reason != "error":  # not written, or out of time: other cases would fare alike
            raise
        return None, f"{_chain(length, slots)}: {error}"


def _executed(student, length: int, slots: int, rng: np.random.Generator) -> int:
    plan, chain = student.call("revolve", length, slots), _chain(length, slots)
    plan = typed(plan, list[list], f"{chain}: the plan")
    machine = Machine(length, slots, rng)
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


ARGUMENTS = {"advance": 2, "store": 1, "restore": 1, "free": 1, "backward": 1}


class Machine:
    """A chain x_{i+1} = x_i + sin(a_i x_i) / 2, a hand, slots, and a gradient on its way back.

    What an action may do stands in the method of its name.
    """

    def __init__(self, length: int, slots: int, rng: np.random.Generator) -> None:
        self.a, self.start, self.seed = rng.uniform(-1, 1, length), rng.normal(), rng.normal()
        self.slots, self.stored = slots, dict[int, float]()
        self.at, self.x = 0, self.start  # in hand: the number of the state, and the state
        self.to_do, self.g = length, self.seed  # steps not yet run backward; gradient of x_{to_do}
        self.forward_steps, self.limit = 0, length * (length - 1) // 2

    def act(self, action: list[str | int]) -> None:
        name, *numbers = action or [""]
        if ARGUMENTS.get(str(name)) != len(numbers) or not all(type(n) is int for n in numbers):
            raise Wrong(f"an action is one of {', '.join(ARGUMENTS)}, with its numbers")
        getattr(self, str(name))(*numbers)

    def advance(self, i: int, j: int) -> None:
        self._in_hand(i)
        if not i < j <= len(self.a):
            raise Wrong(f"it should end between {i + 1} and the chain's end, {len(self.a)}")
        self.forward_steps += j - i
        if self.forward_steps > self.limit:
            raise Wrong(f"more than {self.limit} forward steps; one slot needs no more")
        for a in self.a[i:j]:
            self.x += math.sin(a * self.x) / 2
        self.at = j

    def store(self, i: int) -> None:
        self._in_hand(i)
        if i in self.stored or len(self.stored) == self.slots:
            why = f"x_{i} is in a slot already" if i in self.stored else "no slot is empty"
            raise Wrong(f"{why}: they hold {_states(self.stored)}")
        self.stored[i] = self.x

    def restore(self, i: int) -> None:
        self._in_a_slot(i)
        self.at, self.x = i, self.stored[i]

    def free(self, i: int) -> None:
        self._in_a_slot(i)
        del self.stored[i]

    def backward(self, i: int) -> None:
        if i != self.to_do - 1:
            due = f"it is the turn of {self.to_do - 1}" if self.to_do else "all have been"
            raise Wrong(f"steps run backward once each, from the last to the first; {due}")
        self._in_hand(i)
        self.g *= 1 + self.a[i] * math.cos(self.a[i] * self.x) / 2
        self.to_do = i

    def expected(self) -> float:
        """The same gradient by a complex step through the whole chain."""
        x = complex(self.start, TINY)
        for a in self.a:
            x += complex(np.sin(a * x)) / 2
        return float(self.seed * x.imag / TINY)

    def _in_hand(self, i: int) -> None:
        if i != self.at:
            raise Wrong(f"x_{i} should be in hand, but x_{self.at} is")

    def _in_a_slot(self, i: int) -> None:
        if i not in self.stored:
            raise Wrong(f"x_{i} should be in a slot, but they hold {_states(self.stored)}")


def _states(stored: dict[int, float]) -> str:
    return ", ".join(f"x_{i}" for i in sorted(stored)) or "nothing"
