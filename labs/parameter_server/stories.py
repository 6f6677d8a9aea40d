"""Questions to single functions, drawn at random, and books of the right answers."""

from __future__ import annotations

import numpy as np

from autograder import Wrong, typed

from .amounts import flags


def answers(student, probe, questions):
    got = typed(student.run(probe, questions), list, "the answers")
    assert len(got) == len(questions), f"expected {len(questions)} answers, got {len(got)}"
    return got


def operations(rng, size, workers, number):
    """Ranges that are set: pieces, all, what is set already, and older clocks than before."""
    story, clocks = [[0, size, 0, 0]], [0] * workers
    for _ in range(number):
        worker = int(rng.integers(workers))
        clocks[worker] += int(rng.integers(0, 2))
        begin, end = sorted(rng.choice(size + 1, 2, replace=False).tolist())
        if rng.random() < 0.2:
            begin, end = 0, size
        old = int(rng.integers(0, 3)) if rng.random() < 0.3 else 0
        story.append([begin, end, worker, clocks[worker] - old])
    return story


def told(student, size, workers, story, first=0):
    """After each operation: it, the ranges that came, and the table as it should be."""
    ranges = [[first, first + size, [-1] * workers]]
    moved = [[first + begin, first + end, *rest] for begin, end, *rest in story]
    got = typed(student.run("advanced", ranges, moved), list, "the ranges after each operation")
    assert len(got) == len(story), "expected ranges after each operation"
    table = np.full((size, workers), -1)
    for operation, reply in zip(moved, got, strict=True):
        begin, end, worker, clock = operation
        column = table[begin - first : end - first, worker]
        np.maximum(column, clock, out=column)
        what = f"advance({spelled(ranges)}, {begin}, {end}, worker={worker}, clock={clock})"
        after, same = typed(reply, list, what) if len(reply) == 2 else (None, None)
        ranges = rows(after, workers, what)
        yield what, ranges, same, table


def spelled(ranges):
    return str([(begin, end, tuple(vector)) for begin, end, vector in ranges])


def rows(ranges, workers, what):
    for each in typed(ranges, list[list], f"{what}: ranges"):
        if len(each) != 3 or [type(x) for x in each] != [int, int, list]:
            raise Wrong(f"{what}: a range is (begin, end, vector), got {each}")
        vector = typed(each[2], list[int], f"{what}: a vector")
        assert len(vector) == workers, f"{what}: expected {workers} clocks in {each}"
    return ranges


def arrivals(rng, senders, count, first):
    """Each item once at least, some again and again, in an order that is only roughly theirs."""
    story = []
    for sender in range(senders):
        for number in range(first + 1, first + count + 1):
            for again in range(1 + int(rng.integers(0, 3))):
                place = number + float(rng.exponential(4.0)) + 5 * again
                story.append((place, sender, number))
    return [[sender, number] for _, sender, number in sorted(story)]


def judged(student, rng, judge):
    for senders, count, first in ((1, 12, 0), (3, 15, 0), (2, 10, 100)):
        story = arrivals(rng, senders, count, first)
        got = typed(student.run("arrived", story, first), list[list], "what in_order says")
        assert len(got) == len(story), "expected an answer to each arrival"
        applied, early = [first] * senders, [set() for _ in range(senders)]
        for k, ((sender, number), reply) in enumerate(zip(story, got)):
            before = applied[sender]
            if number > before:
                early[sender].add(number)
            while applied[sender] + 1 in early[sender]:
                applied[sender] += 1
                early[sender].remove(applied[sender])
            due = [f"item {n} of {sender}" for n in range(before + 1, applied[sender] + 1)]
            came = [n for s, n in story[: k + 1] if s == sender]
            assert len(reply) == 3, "expected applied, due and held"
            what = f"from {first}, arrivals {came}: in_order({before}, held, {number}, ...)"
            judge(reply, applied[sender], due, sorted(early[sender]), what)


def questions_of_ready(rng):
    for _ in range(150):
        workers = int(rng.integers(1, 7))
        clocks = rng.integers(-1, 5, workers).tolist()
        yield [clocks, int(rng.integers(-5, 6)), int(rng.integers(1, workers + 1))]
    yield from ([[-1], after, 2] for after in (-1, -3))  # nobody is waited for, however few


def judge_ready(student, rng, enough):
    questions = list(questions_of_ready(rng))
    for question, got in zip(questions, answers(student, "readies", questions)):
        clocks, after, needed = question
        there = after < 0 or sum(clock >= after for clock in clocks) >= needed
        what = f"ready({clocks}, after={after}, needed={needed})"
        typed(got, bool, what)
        if there == enough:
            assert got == there, f"{what}: expected {there}, got {got}"


def eighths(rng, size, most):
    return rng.integers(-8 * most, 8 * most + 1, size) / 8


def hinder_questions(rng):
    for _ in range(60):
        size = int(rng.integers(1, 9))
        unseen, update = eighths(rng, size, 2), eighths(rng, size, 3)
        unseen[rng.random(size) < 0.3] = 0
        yield [unseen, update, float(rng.integers(4, 24) / 8)]
    yield [np.array([0.5, -0.5]), np.array([0.5, -0.5]), 1.0]  # exactly the bound


def untouched(reply, what):
    """The answer, if what was given is as it was."""
    assert len(typed(reply, list, what)) == 2, f"{what}: expected an answer, and what was given"
    assert reply[1] is True, f"{what}: what it was given has changed"
    return reply[0]


def judge_hinders(student, rng, should):
    questions = list(hinder_questions(rng))
    for question, got in zip(questions, answers(student, "hinderings", questions)):
        unseen, update, bound = question
        what = f"hinders({unseen.tolist()}, {update.tolist()}, {bound})"
        got = flags(untouched(got, what), unseen.size)
        want = (unseen != 0) & (np.abs(unseen + update) > bound)
        for k in np.flatnonzero((want != got) & (want == should)):
            raise Wrong(
                f"unseen {unseen[k]}, update {update[k]}, bound {bound}: expected it to "
                f"{'wait' if want[k] else 'go'}, and hinders says it is to "
                f"{'wait' if got[k] else 'go'}"
            )


def flying_messages(rng, size, workers, count):
    flying = []
    for number in range(1, count + 1):
        keys = np.sort(rng.choice(size, int(rng.integers(1, size + 1)), replace=False))
        flying.append([2 * number, keys, eighths(rng, keys.size, 2), list(range(1, workers))])
    return flying


def by_number(flying):
    """With the workers sorted, where that can be done."""
    try:
        return [[number, keys, values, sorted(who)] for number, keys, values, who in flying]
    except (TypeError, ValueError):
        return flying


def brief(flying):
    try:
        return str([(each[0], each[3]) for each in flying])[:300]
    except (TypeError, IndexError, KeyError):
        return str(flying)[:300]


def choice(rng, size, bound):
    unsent = eighths(rng, size, 2)
    unsent[rng.random(size) < 0.2] = 0
    return [unsent, rng.random(size) < 0.3, bound]
