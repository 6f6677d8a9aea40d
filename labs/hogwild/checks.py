"""The checks of the Hogwild lab. Where steps are judged by where they lead, the weights and the
workers are on this side, and the student's file says only what a write adds.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from autograder import Wrong, check, close, typed

from .examples import after, change, conflicts_of, drawn, plain
from .worlds import (
    at_random,
    blocks,
    bowl,
    effective,
    in_rounds,
    in_turn,
    one_is_slow,
    played,
    sparse,
)

CHAPTER = "distributed/hogwild"
RATE = 0.25

SMALLEST = f"{CHAPTER}#the-smallest-version-that-works"
LATE, BOUND = f"{CHAPTER}#what-late-reading-costs", f"{CHAPTER}#where-the-bound-fails"

of_step = partial(check, task="step", section=SMALLEST)
of_interleaving = partial(check, task="interleaving", section=SMALLEST)
of_conflicts = partial(check, task="conflicts", section=LATE)
of_missed = partial(check, task="missed", section=LATE)
of_aware = partial(check, task="aware", section=BOUND)


# A step that touches little.


def vector(value, size, what):
    value = typed(value, np.ndarray, what)
    if value.shape != (size,) or value.dtype != np.float64:
        raise Wrong(f"{what}: expected {size} float64, got shape {value.shape}, {value.dtype}")
    return value


def pair(value, what):
    value = typed(value, list, what)
    assert len(value) == 2, f"{what}: expected two things, got {len(value)}"
    return value


@of_step(
    points=5,
    title="the step of SGD, in place",
    hint="The gradient of (values . w - target)^2 / 2 is the error times values. Minus, not plus.",
)
def steps(student, rng):
    size = 30
    for example in [*drawn(rng, 12, size, 6), (np.zeros(0, int), np.zeros(0), 3.0)]:
        weights = rng.integers(-9, 10, size).astype(float)
        want = weights + change(weights, example, RATE)
        got = student.run("stepped_in_place", weights, list(example), RATE)
        returned, got = pair(got, "a step")
        keys, values, target = example
        what = f"a step on keys {keys.tolist()}, values {values.tolist()}, target {target:g}, rate "
        what += f"{RATE}, where the weights are {weights[keys].tolist()}; the weights after it"
        close(vector(got, size, "the weights"), want, rtol=0, what=what)
        assert returned is None, (
            f"sparse_step changes the weights in place, and returned {returned}"
        )


def spied(student, weights, others, example):
    told = typed(student.run("stepped", weights, others, list(example), RATE), list, "a step")
    assert len(told) == 4, "expected what a spied step tells"
    return vector(told[1], weights.size, "the weights"), *(
        typed(n, int, "a count") for n in told[2:]
    )


@of_step(
    points=6,
    title="reads and writes its own components only",
    hint="A product with a whole vector of zeros and a few values reads every weight, and so does "
    "adding one. Index with keys. Twice over each component is enough for reading.",
)
def touches_little(student, rng):
    for size in (100, 20_000):
        for example in drawn(rng, 5, size, 8):
            weights, none = rng.integers(-9, 10, size).astype(float), np.zeros(size)
            want = weights + change(weights, example, RATE)
            got, read, written = spied(student, weights, none, example)
            n = example[0].size
            if read > 2 * n or written > n:
                raise Wrong(
                    f"{n} of {size} weights have a value: expected at most {2 * n} reads and {n} "
                    f"writes, got {read} and {written}"
                )
            assert read >= n, f"{n} of {size} weights have a value, and {read} were read"
            close(got, want, rtol=0, what="the weights after a step")


@of_step(
    points=7,
    title="loses nothing that others write meanwhile",
    hint="Between your reading the weights and your writing them others have written. What is "
    "added to a component as it is now stays; what is put in its place wipes theirs out.",
    needs="steps",
)
def loses_nothing(student, rng):
    size = 12
    for example in drawn(rng, 12, size, 5):
        weights = rng.integers(-9, 10, size).astype(float)
        others = rng.integers(1, 9, size).astype(float)
        want = weights + others + change(weights, example, RATE)
        got, *_ = spied(student, weights, others, example)
        what = f"keys {example[0].tolist()}; after the step was computed others added {others}"
        close(got, want, rtol=0, what=f"{what}; the weights")


# Old reads.


def interleaved(student, weights, examples, delays, overwrite):
    told = student.run("interleaved", weights, plain(examples), delays, RATE, overwrite)
    got, given = pair(told, "what interleaved returns")
    what = f"interleaved: {len(examples)} steps, delays {delays}, overwrite={overwrite}"
    if len(examples) <= 3:  # few enough to be followed on paper
        told_of = [[keys.tolist(), values.tolist(), target] for keys, values, target in examples]
        what += f", rate {RATE}, examples {told_of}, from {weights.tolist()}"
    close(vector(given, weights.size, "the given weights"), weights, rtol=0,
          what=f"{what}: the weights that it was given")  # fmt: skip
    want = after(weights, examples, delays, RATE, overwrite)
    close(vector(got, weights.size, what), want, rtol=0, what=what)


def start(rng, size):
    return rng.integers(-9, 10, size).astype(float)


def of_the_handout(student, overwrite):
    example = np.zeros(1, int), np.ones(1), 0.0
    interleaved(student, np.array([16.0]), [example] * 3, [0, 1, 1], overwrite)


@of_interleaving(
    points=4,
    title="without delay it is serial SGD, bit for bit",
    hint="Step k with delay 0 reads what step k - 1 has left. The vector given is not yours.",
)
def serial_without_delay(student, rng):
    for count in (0, 1, 18):
        interleaved(student, start(rng, 8), drawn(rng, count, 8, 4), [0] * count, False)
        interleaved(student, start(rng, 8), drawn(rng, count, 8, 4), [0] * count, True)


@of_interleaving(
    points=6,
    title="old reads, and changes that are added to the present",
    hint="Step k is computed from the weights after max(0, k - delay) steps. Keep them as they "
    "were then, in a copy; what you add to is what there is now.",
)
def adds_to_the_present(student, rng):
    of_the_handout(student, False)
    for _ in range(6):
        count = int(rng.integers(8, 18))
        delays = rng.integers(0, 6, count).tolist()
        interleaved(student, start(rng, 6), drawn(rng, count, 6, 4), delays, False)
    interleaved(student, start(rng, 6), drawn(rng, 16, 6, 4), [4] * 16, False)


@of_interleaving(
    points=5,
    title="who overwrites wipes out what came between",
    hint="All components are put back as they were read, with the change. Those that the step does "
    "not touch, too.",
)
def overwriting_loses(student, rng):
    of_the_handout(student, True)
    for _ in range(6):
        count = int(rng.integers(8, 18))
        delays = rng.integers(0, 6, count).tolist()
        interleaved(student, start(rng, 6), drawn(rng, count, 6, 3), delays, True)


# Who meets whom.


@of_conflicts(
    points=8,
    title="omega, delta and rho, as every pair says",
    hint="An example meets itself. Two that share two components meet once.",
)
def counts_conflicts(student, rng):
    for count, size, nonzeros in ((1, 5, 3), (12, 40, 3), (15, 12, 4), (30, 200, 5), (8, 400, 2)):
        edges = [keys for keys, _, _ in drawn(rng, count, size, nonzeros)]
        got = student.call("conflicts", edges, size)
        if type(got) is not list or [type(x) in (int, float) for x in got] != [True] * 3:
            raise Wrong(f"conflicts: expected three numbers (omega, delta, rho), got {got!r:.80}")
        what = f"of {[edge.tolist() for edge in edges]}"
        for name, found, want in zip(("omega", "delta", "rho"), got, conflicts_of(edges, size)):
            close(found, float(want), rtol=1e-12, what=f"{name} {what}")


# What a worker has missed.


def story(rng, workers, size, nonzeros, writes):
    """Reads, writes and questions at random, and what has been missed at each of the last two."""
    counts, read, events, missed = np.zeros(size, int), {}, [], []
    for worker in [*range(workers), *rng.integers(0, workers, writes).tolist()]:
        if worker in read and rng.random() < 0.3:
            asked = int(rng.choice(list(read)))
            events.append(["ask", asked, read[asked][0]])
            missed.append(counts[read[asked][0]] - read[asked][1])
        if worker in read and rng.random() < 0.9:  # or it reads again, and never writes
            keys, seen = read[worker]
            events.append(["write", worker, keys])
            missed.append(counts[keys] - seen)
            counts[keys] += 1
        keys = np.sort(rng.choice(size, int(rng.integers(0, nonzeros + 1)), replace=False))
        events.append(["read", worker, keys])
        read[worker] = keys, counts[keys]
    return events, missed


def since(events, place):
    """What has been written to these components after the worker's last read."""
    _, worker, keys = events[place]
    begin = max(k for k in range(place) if events[k][:2] == ["read", worker])
    written = (each for what, _, each in events[begin:place] if what == "write")
    return [each.tolist() for each in written if np.isin(each, keys).any()]


@of_missed(
    points=11,
    title="for each component, the writes since the worker's last read",
    hint="What counts is what has been written to this component, not to any. A worker that reads "
    "again has missed nothing any more, even if it never wrote. Asking changes nothing, and "
    "a state knows nothing of another.",
)
def counts_missed(student, rng):
    for workers, size, nonzeros in ((1, 4, 3), (3, 5, 4), (6, 9, 5), (8, 60, 12)):
        events, missed = story(rng, workers, size, nonzeros, 80)
        told, _ = pair(student.run("counted", size, events), "counts")
        assert len(typed(told, list, "the answers")) == len(missed), "expected as many answers"
        asked = (place for place, event in enumerate(events) if event[0] != "read")
        for got, want, place in zip(told, missed, asked):
            _, worker, keys = events[place]
            what = f"worker {worker} of {workers} has read {keys.tolist()}, and then "
            what += f"{since(events, place)} were written: missed_writes"
            close(typed(got, np.ndarray, what), want, rtol=0, what=what)


@of_missed(
    points=7,
    title="what is remembered does not grow",
    hint="One count a component, and for each worker the counts it saw at its last read. Neither a "
    "list of all writes, nor a copy of all counts for each worker; nor outside of the state.",
    needs="counts_missed",
)
def stays_small(student, rng):
    workers, size, nonzeros = 12, 500, 4
    most = 2 * size + 4 * workers * (nonzeros + 4)
    for writes in (200, 1000):
        events, _ = story(rng, workers, size, nonzeros, writes)
        _, held = pair(student.run("counted", size, events), "counts")
        if typed(held, int, "how many numbers the state holds") > most:
            raise Wrong(
                f"after {writes} writes by {workers} workers to at most {nonzeros} of {size} "
                f"components: expected a state of at most {most} numbers, got {held}"
            )


# A step that knows.


def arrive(student, world, events, serial_steps, schedule):
    """Raise `Wrong` unless the loss is at most what so many serial steps would leave."""
    limit = world.loss(world.serial(int(serial_steps)))
    loss = world.loss(played(student, world, events))
    if not loss <= limit:
        raise Wrong(
            f"{world.name}, {schedule}: expected a loss of at most {limit:.2g} of what it was in "
            f"the beginning ({int(serial_steps)} steps without staleness reach it), got {loss:.2g}"
        )


def reads(events):
    return sum(what == "read" for what, _ in events)


@of_aware(
    points=5,
    title="one worker alone: SGD, bit for bit",
    hint="Where nothing was missed the step is -rate * gradient. Do you count the write that you "
    "are about to make?",
)
def plain_alone(student, rng):
    events = in_turn(1, 40)
    for world in (bowl(rng, reads(events)), sparse(rng, reads(events), True)):
        got = played(student, world, events)
        close(got, world.serial(40), rtol=0, what=f"{world.name}: the weights after 40 steps")


@of_aware(
    points=5,
    title="workers that never meet: SGD, bit for bit",
    hint="Each of the workers has components of its own. Others have written in between, but to "
    "nothing that it reads.",
)
def plain_apart(student, rng):
    events = in_turn(6, 60)
    world = blocks(rng, 6, reads(events))
    got = played(student, world, events)
    close(got, world.serial(60), rtol=0, what=f"{world.name}: the weights after 60 steps")


@of_aware(
    points=12,
    title="arrives where the plain step diverges",
    hint="With a delay of tau, a step of rate * curvature is stable below about pi / (2 tau + 1). "
    "How must yours fall with tau, and how fast may it, if it is to arrive?",
)
def arrives_late(student, rng):
    workers = int(rng.integers(24, 32))
    events = in_turn(workers, 800)
    world = bowl(rng, reads(events))
    arrive(student, world, events, 0.4 * effective(events), f"{workers} workers in turn")


@of_aware(
    points=7,
    title="loses no more time than the staleness of each write asks for",
    hint="A write that missed little may step far, also if another, long ago, missed much.",
)
def no_slower(student, rng):
    schedules = {
        "6 workers that all read, then all write": in_rounds(6, 40),
        "5 workers, one of which writes once in 50 writes": one_is_slow(5, 300, 50),
        "20 workers at random": at_random(rng, 20, 400),
    }
    for schedule, events in schedules.items():
        arrive(student, bowl(rng, reads(events)), events, 0.4 * effective(events), schedule)


@of_aware(
    points=12,
    title="on sparse problems nearly as fast as if nobody else were there",
    hint="24 workers miss 23 writes each, but hardly one to the same components. Where one "
    "component is shared by all, should the others wait for it?",
)
def sparse_fast(student, rng):
    workers, writes = 24, 700
    for hot in (False, True):
        events = in_turn(workers, writes)
        world = sparse(rng, reads(events), hot)
        arrive(student, world, events, 0.4 * writes, f"{workers} workers in turn")
