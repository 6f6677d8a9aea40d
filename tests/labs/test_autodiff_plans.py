"""The autodiff lab's judge of plans, judged: by a search through all plans, and by cheats."""

import heapq
import re
from itertools import count

import numpy as np
import pytest

from autograder.checks import Wrong, load_checks
from autograder.lab import PACKAGE_ROOT, load_lab

LAB = load_lab(PACKAGE_ROOT / "labs" / "autodiff")
CHECKS = load_checks(LAB)[0].body.__globals__
Machine, closed_form, searched = (CHECKS[n] for n in ("Machine", "closed_form", "searched"))
HANDOUT = (LAB.folder / "handout.md").read_text(encoding="utf-8")


def machine_for(length, slots):
    return Machine(length, slots, np.random.default_rng(0))


def cheapest_plan(length, slots):
    """The forward steps of the cheapest of all plans that the rules allow (Dijkstra's search)."""
    tickets = count()
    queue, done = [(0, next(tickets), (0, frozenset(), length))], set()
    while queue:
        cost, _, place = heapq.heappop(queue)
        at, stored, to_do = place
        if to_do == 0:
            return cost
        if place in done:
            continue
        done.add(place)
        moves = [(j - at, (j, stored, to_do)) for j in range(at + 1, length + 1)]
        moves += [(0, (i, stored, to_do)) for i in stored]
        moves += [(0, (at, stored - {i}, to_do)) for i in stored]
        if at not in stored and len(stored) < slots:
            moves.append((0, (at, stored | {at}, to_do)))
        if at == to_do - 1:
            moves.append((0, (at, stored, at)))
        for extra, after in moves:
            heapq.heappush(queue, (cost + extra, next(tickets), after))
    raise AssertionError("some plan exists for every chain")


@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.parametrize("length", range(1, 7))
def test_no_plan_at_all_is_cheaper_than_the_closed_form(length, slots):
    assert cheapest_plan(length, slots) == closed_form(length, slots)


def test_the_closed_form_is_the_cheapest_split():
    for slots in range(1, 9):
        for length in range(1, 61):
            assert closed_form(length, slots) == searched(length, slots)


def test_a_slot_for_all_states_but_two_is_enough_to_run_nothing_twice():
    for length in range(3, 30):
        assert closed_form(length, length - 1) == length - 1 < closed_form(length, length - 2)


@pytest.mark.parametrize(
    "why, plan",
    [
        ("no word", [[]]),
        ("another word", [["expected"]]),
        ("a method's name", [["act", 0]]),
        ("a number too many", [["backward", 0, 0]]),
        ("a text for a number", [["backward", "0"]]),
        ("not in hand", [["advance", 1, 2]]),
        ("no way", [["advance", 0, 0]]),
        ("beyond the end", [["advance", 0, 4]]),
        ("before all later steps", [["backward", 0]]),
        ("twice", [["advance", 0, 2], ["backward", 2], ["backward", 2]]),
        ("a state that is not there", [["advance", 0, 2], ["backward", 2], ["backward", 1]]),
        ("stored where it is not", [["store", 1]]),
        ("stored twice", [["store", 0], ["store", 0]]),
        ("no empty slot", [["store", 0], ["advance", 0, 1], ["store", 1]]),
        ("restored from nowhere", [["restore", 0]]),
        ("freed from nowhere", [["free", 0]]),
        ("gone", [["store", 0], ["free", 0], ["restore", 0]]),
        ("around in circles", [["store", 0], *[["advance", 0, 3], ["restore", 0]] * 2]),
    ],
)
def test_a_plan_that_breaks_a_rule_is_stopped(why, plan):
    machine = machine_for(length=3, slots=1)
    with pytest.raises(Wrong):
        for action in plan:
            machine.act(action)


def test_the_gradient_of_a_plan_is_that_of_the_whole_chain():
    machine = machine_for(length=5, slots=1)
    machine.act(["store", 0])
    for i in reversed(range(5)):
        machine.act(["restore", 0])
        if i:
            machine.act(["advance", 0, i])
        machine.act(["backward", i])
    assert machine.forward_steps == 10
    assert machine.g == pytest.approx(machine.expected(), rel=1e-12)


def test_the_plan_of_the_handout_runs_as_the_handout_says():
    machine = machine_for(length=4, slots=2)
    table = r'^ +(\d+)  (\["\w+", .*?\])\s+x_(\d)\s+(\S+)\s+(\S+)\s+(\d)'
    for place, (number, *row) in enumerate(re.findall(table, HANDOUT, re.M)):
        assert int(number) == place
        word, *numbers = re.findall(r"\w+", row[0])
        machine.act([word, *map(int, numbers)])
        assert machine.at == int(row[1])
        assert [f"x_{i}" for i in machine.stored] == [x for x in row[2:4] if x != "-"]
        assert machine.forward_steps == int(row[4])
    assert machine.to_do == 0
    assert machine.forward_steps == closed_form(4, 2)


def test_the_costs_in_the_handout_are_those_of_the_search():
    rows = re.findall(r"^\| (\d) slots? \| (.*) \|$", HANDOUT, re.M)
    assert len(rows) == 3
    for slots, costs in rows:
        found = [searched(length, int(slots)) for length in range(1, 11)]
        assert [int(cost) for cost in costs.split("|")] == found


def test_the_points_in_the_handout_are_those_of_the_checks():
    stated = dict(re.findall(r"^\| `(\w+)`.* \| (\d+) \|$", HANDOUT, re.M))
    first = {task.name: (*task.rebuild, *task.extend)[0].split(":")[-1] for task in LAB.tasks}
    points = dict.fromkeys(first.values(), 0)
    for check in load_checks(LAB):
        points[first[check.task]] += check.points
    assert {name: int(mark) for name, mark in stated.items()} == points
