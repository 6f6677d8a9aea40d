"""The checks of the training lab. A closed form judges the steps; the disk and the training loop
that the student's operations and actions meet are played, and so is the power cut.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from autograder import Score, StudentError, Wrong, check, close, typed

from .costs import excess
from .crashes import (
    Crash,
    at_the_end,
    damages,
    drawn_snapshot,
    expect,
    judge,
    killed_anywhere,
    life,
    other_files,
    packed_by,
    performed,
    power_cut,
    unpacked_by,
)
from .disk import Disk
from .plans import (
    Case,
    Training,
    case_text,
    cases,
    fewest_waits,
    long_training,
    same_memory,
    share,
)
from .steps import closed_form, drawn_betas, same_scales, stepped, told_betas

CHAPTER = "foundations/training"

of_adamw = partial(check, task="adamw", section=f"{CHAPTER}#the-rule-and-its-memory")
of_scale = partial(check, task="scale", section=f"{CHAPTER}#gradients-that-vanish")
of_bytes = partial(check, task="bytes", section=f"{CHAPTER}#a-file-that-is-whole-or-not-there")
of_disk = partial(check, task="disk", section=f"{CHAPTER}#a-file-that-is-whole-or-not-there")
of_plan = partial(check, task="plan", section=f"{CHAPTER}#a-file-that-is-whole-or-not-there")


@of_adamw(
    points=5,
    title="changes p, m and v in place, and g not at all",
    hint="p = p - ... makes a new array that nobody outside sees; p -= ... and p[...] = ... write "
    "into the one you were given. As long as this fails, the checks below may fail with it.",
)
def works_in_place(student, rng):
    p, g, m = rng.standard_normal((3, 5)).astype(np.float32)
    v = rng.uniform(0.5, 1, 5).astype(np.float32)
    after = typed(student.run("one_step", p, g, m, v), list[np.ndarray], "the arrays")
    assert len(after) == 4, "expected four arrays"
    close(after[1], g, rtol=0, what="g after a step")
    for name, now, before in (("p", after[0], p), ("m", after[2], m), ("v", after[3], v)):
        close(now, now.astype(np.float32), what=f"{name} after a step with float32")
        if now.shape != before.shape or np.array_equal(now, before):
            raise Wrong(
                f"{name} should be another after a step, but it is the same array as before"
            )


@of_adamw(
    points=6,
    title="the first step has the length lr, whatever the gradient",
    hint="Both means start at zero and are too small by 1 - beta ** t, where "
    "t is 1 in the first step.",
)
def first_step_has_length_lr(student, rng):
    for size in (1e-3, 1.0, 1e4):
        p, lr, betas = rng.standard_normal((2, 3)), rng.uniform(0.01, 0.5), drawn_betas(rng)
        g = size * rng.uniform(0.5, 1, p.shape) * rng.choice([-1, 1], p.shape)
        got, _, _ = stepped(student, [p, 0 * p, 0 * p], 1, [g], (lr, betas, 0.0, 0.0))
        what = (
            f"p after step 1 with lr={lr:.3f}, betas={told_betas(betas)}, eps=0, g about {size:g}"
        )
        close(got, p - lr * np.sign(g), rtol=1e-7, atol=1e-9, what=what)


@of_adamw(
    points=5,
    title="follows the closed form over many steps",
    hint="m is a mean of g, v of g * g. Where is eps added, and how often is the root taken?",
)
def follows_the_closed_form(student, rng):
    for _ in range(8):
        steps, betas = int(rng.integers(2, 12)), drawn_betas(rng)
        lr, eps = rng.uniform(0.01, 0.5), rng.uniform(0.01, 0.5)
        p, g = rng.standard_normal((3, 2)), rng.standard_normal((steps, 3, 2))
        got = stepped(student, [p, 0 * p, 0 * p], 1, list(g), (lr, betas, eps, 0.0))
        m, v, moved = closed_form(g, betas, eps)
        what = f"after {steps} steps with lr={lr:.3f}, betas={told_betas(betas)}, eps={eps:.3f}"
        for name, array, want in zip("mvp", [got[1], got[2], got[0]], [m, v, p - lr * moved]):
            close(array, want, rtol=1e-7, atol=1e-9, what=f"{name} {what}")


@of_adamw(
    points=5,
    title="the decay stays out of the means",
    hint="Decay added to g would pass through m and v, and be divided by the root of v. It "
    "multiplies p, by 1 - lr * weight_decay, before the update, and in the first step as well.",
)
def decay_stays_out_of_the_means(student, rng):
    for t in (1, *rng.integers(2, 50, 4).tolist()):
        p, g, m = rng.standard_normal((3, 4))
        v, lr, decay = rng.uniform(0.5, 2, 4), rng.uniform(0.01, 0.3), rng.uniform(0.1, 1)
        m, v = (m, v) if t > 1 else (0 * m, 0 * v)
        with_decay, without = (
            stepped(student, [p, m, v], t, [g], (lr, (0.9, 0.99), 1e-8, rate))
            for rate in (decay, 0.0)
        )
        what = f"one step with weight_decay={decay:.3f}, compared with 0 (lr={lr:.3f}, t={t}):"
        lost = np.subtract(without[0], with_decay[0])
        close(lost, lr * decay * p, rtol=1e-6, atol=1e-9, what=f"{what} the loss of p")
        for name, array, other in (
            ("m", with_decay[1], without[1]),
            ("v", with_decay[2], without[2]),
        ):
            close(array, other, rtol=1e-9, what=f"{what} {name}")


@of_scale(
    points=5,
    title="backs off at once, and counts from the beginning again",
    hint="After an overflow nothing is left of the run of good steps.",
)
def backs_off(student, rng):
    for _ in range(10):
        scale, backoff = 2.0 ** int(rng.integers(-5, 20)), float(rng.choice([0.25, 0.5, 0.75]))
        interval = int(rng.integers(3, 9))
        good = int(rng.integers(1, interval))
        overflows = [True, True] + [False] * (interval - 1) + [True]
        want = [(scale * backoff, 0), (scale * backoff**2, 0)]
        want += [(scale * backoff**2, n) for n in range(1, interval)] + [(scale * backoff**3, 0)]
        same_scales(student, (scale, good), overflows, (2.0, backoff, interval), want)


@of_scale(
    points=5,
    title="grows after exactly interval good steps",
    hint="Step number interval of a run is the one that grows; then the run begins again.",
)
def grows_after_the_interval(student, rng):
    for interval in (1, 2, int(rng.integers(3, 9))):
        scale, growth = 2.0 ** int(rng.integers(0, 10)), float(rng.choice([2.0, 1.5, 4.0]))
        want = [
            (scale * growth ** (n // interval), n % interval) for n in range(1, 3 * interval + 1)
        ]
        rule = (growth, 0.5, interval)
        same_scales(student, (scale, 0), [False] * len(want), rule, want)


@of_scale(
    points=4,
    title="grows no further than float32",
    hint="2.0 ** 128 is infinite in float32, and so would be every gradient. A growth that leads "
    "there is left out: the scale stays as it is, and the run begins again.",
)
def grows_no_further_than_float32(student, rng):
    for exponent, growth, grown in ((126, 2.0, 127), (127, 2.0, 127), (126, 4.0, 126)):
        want = [(2.0**exponent, 1), (2.0**grown, 0), (2.0**grown, 1)]
        same_scales(student, (2.0**exponent, 0), [False] * 3, (growth, 0.5, 2), want)


# A snapshot as bytes.


@of_bytes(
    points=4,
    title="what was packed comes out, for 64 bytes at most",
    hint="The header must say where the state ends, and the step may be as large as 2**63 - 1.",
)
def comes_out_as_it_went_in(student, rng):
    cases = [(0, b""), (2**63 - 1, b"\0"), (7, b"snapshot"), (1, bytes(range(256)) * 3)]
    cases += [
        drawn_snapshot(rng, int(rng.integers(1, 10**6)), int(rng.integers(1, 400)))
        for _ in range(12)
    ]
    packed = [packed_by(student, case) for case in cases]
    for case, data, answer in zip(cases, packed, unpacked_by(student, packed), strict=True):
        what = f"pack_snapshot({case[0]}, a state of {len(case[1])} bytes)"
        if len(data) > len(case[1]) + 64:
            raise Wrong(f"{what} should have at most {len(case[1]) + 64} bytes, got {len(data)}")
        expect(answer, {case}, f"unpack_snapshot of {what}")


@of_bytes(
    points=4,
    title="no beginning of a snapshot is taken for one",
    hint="Ask how many bytes there are before you look at them, and compare with what there "
    "should be.",
)
def refuses_beginnings(student, rng):
    for size in (0, 1, int(rng.integers(5, 60))):
        snapshot = drawn_snapshot(rng, int(rng.integers(1, 1000)), size)
        data = packed_by(student, snapshot)
        answers = unpacked_by(student, [data[:end] for end in range(len(data))])
        for end, answer in enumerate(answers):
            expect(answer, {None}, f"unpack_snapshot of the first {end} of {len(data)} bytes")


@of_bytes(
    points=5,
    title="no other bytes are taken for a snapshot",
    hint="The checksum must see everything: the step, the length, each byte of the state and its "
    "place. And the checksum of nothing may well be 0.",
)
def refuses_other_bytes(student, rng):
    size = int(rng.integers(40, 80))
    first, second = (packed_by(student, drawn_snapshot(rng, step, size)) for step in (300, 301))
    n = min(len(first), len(second))
    damaged = {f"{n} bytes, all 0": bytes(n), "60 bytes, all 255": b"\xff" * 60}
    damaged |= {f"{k} bytes, all 0": bytes(k) for k in range(1, 65)}
    for i in range(len(first)):
        other = bytes([first[i] ^ int(rng.integers(1, 256))])
        damaged[f"a snapshot whose byte {i} is another"] = first[:i] + other + first[i + 1 :]
    for i in range(8, n, 8):
        damaged[f"two snapshots, cut together at byte {i}"] = first[:i] + second[i:]
        zeros = first[:i] + bytes(8) + first[i + 8 :]
        damaged[f"a snapshot with zeros from byte {i} on"] = zeros[: len(first)]
    i, j = len(first) - 24, len(first) - 12
    damaged["a snapshot, parts of its end exchanged"] = first[:i] + first[j:] + first[i:j]
    damaged = {what: data for what, data in damaged.items() if data not in (first, second)}
    for what, answer in zip(damaged, unpacked_by(student, list(damaged.values())), strict=True):
        expect(answer, {None}, f"unpack_snapshot of {what}")


# A folder that survives.


@of_disk(
    points=4,
    title="the newest snapshot comes back",
    hint="If another one came back: 'snapshot-9' comes after 'snapshot-10' in the order of texts, "
    "and a file whose name does not begin with 'snapshot' is not yours, whatever it holds.",
)
def newest_comes_back(student, rng):
    other = other_files(student, rng)
    crashes = [Crash({}, {None}, "nothing was saved"), Crash(other, {None}, "nothing was saved")]
    for files in ({}, other):
        disk, before = Disk(files), None
        for snapshot in life(rng, [0, 8, 9, 10, 11, 99, 100, 1000, 2**40]):
            crashes += list(performed(student, disk, snapshot, before, at_the_end))
            before = snapshot
    judge(student, crashes)


@of_disk(
    points=6,
    title="survives being killed at any byte",
    hint="If neither came back: until the new snapshot is whole, the old one must stay as it is.",
)
def survives_a_kill(student, rng):
    crashes, before = [], None
    disk = Disk(other_files(student, rng))
    for snapshot in life(rng, [100, 120, 140, 160], 20, 40):
        crashes += list(performed(student, disk, snapshot, before, killed_anywhere))
        before = snapshot
    judge(student, crashes)


@of_disk(
    points=9,
    title="survives a power cut at any moment",
    hint="If neither came back: what must be on the disk before the next operation may be? A "
    "file's bytes and its name are made safe by two different operations.",
)
def survives_a_power_cut(student, rng):
    crashes = []
    for low, steps in ((1, [8, 9, 10, 11]), (60, [100, 120, 140, 160])):
        disk, before = Disk({}), None
        for snapshot in life(rng, steps, low, low + 40):
            crashes += list(performed(student, disk, snapshot, before, partial(power_cut, rng)))
            before = snapshot
    judge(student, crashes)


@of_disk(
    points=4,
    title="goes on in a folder where it was killed",
    hint="If something was lost: a killed save leaves a file behind, and a write into a longer "
    "file leaves the old end standing. Is the name that you write to free?",
)
def goes_on_when_killed(student, rng):
    folders = [(Disk({}), None) for _ in range(6)]
    kill = partial(killed_anywhere, every=7)
    for step in (100, 120, 140):
        done, killed = [], []
        for disk, before in folders:
            first = drawn_snapshot(rng, step, int(rng.integers(1, 60)))
            second = drawn_snapshot(rng, step + 10, int(rng.integers(60, 120)))  # a longer end
            done += list(performed(student, disk, first, before, kill))
            every = list(performed(student, disk, second, first, kill))
            killed.append(every[int(rng.integers(len(every)))])
        judge(student, [*done, *killed])
        answers = student.run("recovered", [crash.files for crash in killed])
        before = [None if answer is None else (answer[0], answer[1]) for answer in answers]
        folders = [(Disk(crash.files), one) for crash, one in zip(killed, before, strict=True)]


@of_disk(
    points=4,
    title="one damaged file is not the end",
    hint="If neither came back: when a save is done, two whole snapshots must stand in different "
    "files, and newest_snapshot must pass over what unpack_snapshot refuses.",
)
def survives_damage(student, rng):
    crashes, before, disk = [], None, Disk({})
    for snapshot in life(rng, [80, 99, 100, 120], 30, 50):
        crashes += list(performed(student, disk, snapshot, before, at_the_end))
        if before:
            for name, what, files in damages(rng, disk.files()):
                story = f"step {before[0]} and then step {snapshot[0]} were saved; {name} {what}"
                crashes.append(Crash(files, {before, snapshot}, story))
        before = snapshot
    judge(student, crashes)


@of_disk(
    points=5,
    title="costs two syncs, the snapshot's own bytes, and no more space than needed",
    hint="If syncs are too many: which of them could be left out? If it is space: who removes the "
    "third snapshot, what a killed save left behind, and when? If it raised: which names can begin "
    "with 'snapshot'?",
)
def costs_little(student, rng):
    faults = excess(student, rng)
    return Score(1 - len(faults) / 3, "\n".join(faults)) if faults else None


# While training goes on.


@of_plan(
    points=8,
    title="the file holds the state of one moment",
    hint="If a step is refused: each block that it overwrites must be in the file or copied by "
    "then. If a copy is: only a write frees its memory. If a write is: the disk needs a step or a "
    "wait now and then.",
)
def holds_the_state_of_one_moment(student, rng):
    return share(student, rng, lambda training, case: "")


@of_plan(
    points=6,
    title="no wait more than needed, and no idle disk",
    hint="If a plan is allowed, but slow: in which order must blocks be written, so that few are "
    "left when a step comes for them? Before the first step, the disk has time for some already.",
)
def waits_no_more_than_needed(student, rng):
    def fault(training: Training, case: Case) -> str:
        waits, periods = fewest_waits(*case[1:]), -(-case[0] // case[2])
        if training.waits > waits:
            return f"{case_text(*case)}\nexpected {waits} waits, the plan has {training.waits}"
        if training.took > periods:
            return (
                f"{case_text(*case)}\nthe disk could have all blocks after {periods} periods, "
                f"with this plan it has them after {training.took}"
            )
        return ""

    return share(student, rng, fault)


@of_plan(
    points=6,
    title="the least memory that needs no wait",
    hint="Do the example of the handout with a pencil: by which step is memory needed, and why "
    "not by the other? If time ran out: how much changes from one step to the next?",
)
def knows_the_memory_needed(student, rng):
    for case in cases(rng):
        same_memory(student.call("snapshot_memory", *case[:3]), *case[:3])
    blocks, overwrites = long_training(rng)
    try:
        got = student.run("memory_for", blocks, overwrites, 5)
    except StudentError as error:
        if error.reason != "timeout":
            raise
        return Score(0.5, f"right for the small ones; {blocks:,} blocks, 8,000 steps: {error}")
    same_memory(got, blocks, overwrites.tolist(), 5)
