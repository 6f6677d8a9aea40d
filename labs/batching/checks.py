"""The checks of the batching lab. Arrivals, the device and its clock are on this side; the
student's functions say who goes together, and what follows from that is judged.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from autograder import Score, Wrong, check, typed

from .device import named, play
from .hindsight import best_in_hindsight
from .traces import LOOSE, TIGHT, albums, bursts, clumps, day, flood, mixed, rush

CHAPTER = "serving/batching"

of_aimd = partial(check, task="aimd", section=f"{CHAPTER}#a-promise-kept-by-trial")
of_size = partial(check, task="size", section=f"{CHAPTER}#too-late-is-worth-nothing")
of_drop = partial(check, task="drop", section=f"{CHAPTER}#too-late-is-worth-nothing")
of_share = partial(check, task="share", section=f"{CHAPTER}#too-late-is-worth-nothing")


# A promise, kept by trial.


@of_aimd(
    points=6,
    title="up by a step, down by a share, and no news from a small batch",
    hint="Three cases: too slow, in time and full, in time and not full. A limit of 7.3 allows "
    "batches of 7, so one of 7 is full. Down from the size, if that is smaller than the limit.",
)
def follows_the_rule(student, rng):
    for _ in range(8):
        most, step = int(rng.integers(5, 40)), round(float(rng.uniform(0.3, 4)), 2)
        objective, factor = 0.020, round(float(rng.uniform(0.4, 0.95)), 2)
        limit = begin = round(float(rng.uniform(1, most)), 1)
        batches, want = [], []
        for kind in rng.choice(3, 40, p=[0.25, 0.5, 0.25]).tolist():
            full, size = int(limit), int(rng.integers(1, 1 + int(limit)))
            size = full if kind == 1 else size
            seconds = float(rng.choice([objective, 0.7 * objective]))
            if kind == 0:
                seconds = 1.2 * objective
                limit = max(1.0, factor * min(limit, size))
            elif size == full:
                limit = min(float(most), limit + step)
            batches.append([size, seconds])
            want.append(limit)
        found = student.run("limits", begin, batches, [objective, step, factor, most])
        found = typed(found, list[float], "the limits")
        assert len(found) == len(want), f"expected {len(want)} limits, got {len(found)}"
        before = [begin, *want]
        for (size, seconds), old, limit, got in zip(batches, before, want, found):
            assert abs(got - limit) <= 1e-9 * limit, (
                f"adapted({old:.6g}, {size}, {seconds}, {objective}, {step}, {factor}, {most}): "
                f"expected {limit:.6g}, got {got}"
            )


@of_aimd(
    points=6,
    title="finds the size of a device that is always full, and finds it again when it has changed",
    hint="Here the rule is played against a device that always has full batches.",
)
def finds_the_size(student, rng):
    fixed, objective = rng.uniform(0.5e-3, 3e-3), 0.020
    limit, sizes = 1.0, []
    best = [int(rng.integers(40, 70)), int(rng.integers(15, 30))]  # before and after a change
    for size_in_time, count in zip(best, (110, 60)):
        each = (objective - fixed) / (size_in_time + 0.5)
        for _ in range(count):
            size = int(limit)
            limit = student.call("adapted", limit, size, fixed + each * size, objective)
            limit = typed(limit, float, "what adapted returns")
            assert 1 <= limit < 1000, f"a limit between 1 and 1,000 was expected, got {limit}"
            sizes.append(size)
        late = [size for size in sizes[-40:] if size > size_in_time]
        assert np.mean(sizes[-40:]) >= 0.85 * size_in_time and len(late) <= 20, (
            f"batches of up to {size_in_time} are in time on this device: expected nearly so many "
            f"after {len(sizes)} batches, with one in three late at most, got the sizes "
            f"{sizes[-10:]}"
        )


# The largest batch in time.


@of_size(
    points=5,
    title="the largest that is in time, for any curve that never falls",
    hint="A batch that takes exactly as long as there is, is in time. None may be, or all.",
)
def largest_in_time(student, rng):
    questions, want = [], []
    for _ in range(60):
        most = int(rng.integers(1, 30))
        table = np.cumsum(rng.choice([0.0, 0.5, 2.0], most)) + 1.0
        seconds = float(rng.choice([0.5, table[-1] + 1, *table, *(table + 0.25)]))
        questions.append([table.tolist(), seconds, most])
        want.append(int((table <= seconds).sum()))
    questions.append([[], 1.0, 0])
    want.append(0)
    found = typed(student.run("sizes", questions), list[int], "the sizes")
    assert len(found) == len(want), f"expected {len(want)} sizes, got {len(found)}"
    for (table, seconds, most), size, got in zip(questions, want, found):
        assert got == size, (
            f"batches of 1, 2, ... take {table} s, there are {seconds} s, and at most {most} may "
            f"go: expected {size}, got {got}"
        )


@of_size(
    points=3,
    title="in a dozen looks at the curve, not in thousands",
    hint="Halve what is left: if a batch of half of it is in time, the answer is not below.",
    needs="largest_in_time",
)
def looks_seldom(student, rng):
    for _ in range(4):
        most, size = 4096, int(rng.integers(1000, 4000))
        conversation, answer, looks = student.converse("looked", size + 0.5, most), None, 0
        while True:
            _, said = conversation.go_on(answer)
            what, answer = _pair(said)
            if what == "answer":
                break
            looks += 1
            answer = float(typed(answer, int, "the size of a batch"))  # n seconds for n
            assert looks <= 16, f"the largest of up to {most}: expected 13 looks or so, no answer"
        assert answer == size, f"n take n s, there are {size}.5 s: expected {size}, got {answer}"


def _pair(said):
    if not (type(said) is list and len(said) == 2):
        raise Wrong("expected a question about a size, or an answer")
    return said


# Whom to pass over.


def lines(rng, count):
    """Questions about lines whose most urgent ones have little time left, or enough."""
    for _ in range(count):
        fixed, each = rng.uniform(0.5, 4), rng.uniform(0.1, 1)
        waiting, most = int(rng.integers(1, 14)), int(rng.integers(1, 16))
        slack = np.sort(fixed + each * (1 + rng.exponential(rng.choice([1, 6, 20]), waiting)))
        yield [float(fixed), float(each), [round(s, 3) + 0.001 for s in slack.tolist()], most]


def told(question, got):
    fixed, each, slack, most = question
    return f"best_batch of {slack} for {fixed:.3f} + {each:.3f} n s, at most {most}, was {got}: "


@of_drop(
    points=8,
    title="all in time, and of the best rate that there is",
    hint="For each place in the line: how many fit, if the batch begins there? Then compare the "
    "answers a second, size / latency(size).",
)
def best_in_time(student, rng):
    questions = list(lines(rng, 60))
    found = typed(student.run("batches", questions), list[list[int]], "the batches")
    assert len(found) == len(questions), "expected an answer to each question"
    for question, got in zip(questions, found):
        fixed, each, slack, most = question
        rates = {
            (first, size): size / (fixed + each * size)
            for first, seconds in enumerate(slack)
            for size in range(1, min(most, len(slack) - first) + 1)
            if fixed + each * size <= seconds
        }
        assert tuple(got) in rates, told(question, got) + "expected a batch in time for its first"
        best = max(rates, key=lambda batch: (rates[batch], -batch[0]))
        assert rates[tuple(got)] >= rates[best] * (1 - 1e-9), (
            told(question, got) + f"expected {list(best)}, which answers {rates[best]:.4f} a second"
        )


@of_drop(
    points=4,
    title="passes over nobody without need",
    hint="If two batches are equally good, the one that begins earlier.",
    needs="best_in_time",
)
def nobody_without_need(student, rng):
    questions = [
        [1.0, 0.5, [20.0 + extra for extra in range(count)], most]
        for count, most in rng.integers(1, 9, (20, 2)).tolist()
    ]
    questions += [[1.0, 0.5, [1.5] + [1.6] * count, 10] for count in range(3)]
    found = typed(student.run("batches", questions), list[list[int]], "the batches")
    assert len(found) == len(questions), "expected an answer to each question"
    for question, got in zip(questions, found):
        _, _, slack, most = question
        want = [0, min(most, len(slack)) if slack[0] > 2 else 1]
        assert got == want, told(question, got) + f"expected {want}"


# Two models, one device.


@of_share(
    points=8,
    title="each is answered or given up, once; a batch is of one kind",
    hint="Return two lists of numbers, of those who wait. If somebody can be served, serve: with "
    "an empty batch the device is idle until the next arrival, and after the last there is none.",
)
def each_once(student, rng):
    for shape in (bursts, clumps):
        trace = mixed(rng, shape, 1.0, 1.5)
        played = play(student, trace)
        given_up = float(np.isinf(played.seconds).mean())
        assert given_up <= 0.7, (
            f"{given_up:.0%} of all were given up, where the load is that of a full device"
        )


@of_share(
    points=6,
    title="those of one kind are answered in the order in which they came",
    hint="All of a kind have the same objective, so who came first has the earliest deadline. Who "
    "is passed over for a better batch has no turn later: give it up in the same moment.",
    needs="each_once",
)
def in_order(student, rng):
    for shape in (bursts, clumps):
        trace = mixed(rng, shape, 1.4, 2.5)
        last = dict.fromkeys(trace.models, -1)
        for batch in play(student, trace).batches:
            kind = trace.kinds[batch[0]]
            assert min(batch) > last[kind], (
                f"{named(trace, min(batch))}: was answered after number {last[kind]} of its kind, "
                f"who came later"
            )
            last[kind] = max(batch)


@of_share(
    points=12,
    title="with four tenths of the device to spare, 99 of 100 of each are answered in time",
    hint="A batch that has begun is not interrupted. How long may a batch of the loose model be, "
    "if someone for the tight one comes just after it has begun?",
    needs="each_once",
)
def p99_in_time(student, rng):
    shares = {TIGHT: [], LOOSE: []}
    for _ in range(5):
        played = play(student, albums(rng, 2.0))
        for kind, each in shares.items():
            each.append(played.seconds[played.of(kind)] / played.trace.models[kind][2])
    for kind, each in shares.items():
        p99 = float(np.quantile(np.concatenate(each), 0.99, method="inverted_cdf"))
        assert p99 <= 1 + 1e-6, (
            f"the {kind} model, at six tenths of what the device can do: expected 99 of 100 within "
            f"the objective, got a p99 of {p99:.2f} times the objective (inf: given up)"
        )


def served(student, traces, kind, flooder):
    """At least nine in ten of the kind are in time, whatever the other one asks."""
    right = count = 0
    for trace in traces:
        played = play(student, trace)
        right += int(played.good[played.of(kind)].sum())
        count += int(played.of(kind).sum())
    assert right >= 0.9 * count, (
        f"the {flooder} model is asked for more than a device can do, the {kind} one for a quarter "
        f"of a device: expected 0.9 of the {kind} ones in time, got {right} of {count}"
    )


@of_share(
    points=10,
    title="a flood for the loose model does not drown the tight one",
    hint="The loose one's batches must leave the tight one time for its own. If there is no time "
    "for both, who has had less of the device lately?",
    needs="each_once",
)
def tight_is_served(student, rng):
    served(student, [flood(rng, LOOSE, 2.0, 0.25, 4.0) for _ in range(2)], TIGHT, LOOSE)


@of_share(
    points=10,
    title="a flood for the tight model does not starve the loose one",
    hint="The earliest deadline is always a tight one, when many come. If there is no time for "
    "both, who has had less of the device lately?",
    needs="each_once",
)
def loose_is_served(student, rng):
    served(student, [flood(rng, TIGHT, 3.0, 0.25, 4.0) for _ in range(2)], LOOSE, TIGHT)


@of_share(
    points=6,
    title="when a rush is over, it is over",
    hint="The most urgent of those who wait has just enough time for a small batch, always. Whom "
    "must one give up, so that batches do not stay small? The hopeless are not enough.",
    needs="each_once",
)
def rush_ends(student, rng):
    trace, over = rush(rng)
    played = play(student, trace)
    after = trace.arrivals > over
    right, count = int(played.good[after].sum()), int(after.sum())
    assert right >= 0.8 * count, (
        f"six tenths of what the device can do, but for a rush that was over {over:.3f} s after "
        f"the beginning: expected 0.8 of those who came later in time, got {right} of {count}"
    )


@of_share(
    points=16,
    title="nine tenths of the best pair of sizes in hindsight, on days, bursts and clumps",
    hint="Count what is answered in time. Batches that are too small pay too often what is paid "
    "once; who is too late anyway takes the place of somebody who is not.",
    needs="each_once",
)
def goodput(student, rng):
    good = best = 0
    worst = (math.inf, "")
    for shape in (day, bursts, clumps):
        for load in (0.9, 1.1):
            trace = mixed(rng, shape, load, 5.0)
            mine = int(play(student, trace).good.sum())
            theirs, sizes = best_in_hindsight(trace)
            good, best = good + mine, best + theirs
            told = f"{shape.__name__} at a load of {load}: {mine} to {theirs} with {sizes}"
            worst = min(worst, (mine / max(1, theirs), told))
    if good < 0.9 * best:
        return Score(
            max(0.0, good / best - 0.6) / 0.3,
            f"answers in time: expected 0.9 of {best}, which the best pairs of sizes give, got "
            f"{good}. Furthest behind: {worst[1]}",
        )
    return None
