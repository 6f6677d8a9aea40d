"""The checks of the training lab. A closed form judges the steps; the disk and the training loop
that the student's operations and actions meet are played here, and so is the power cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograder import Score, StudentError, Wrong, check, close, typed

CHAPTER = "foundations/training"
Array = np.ndarray
Files = dict[str, bytes]
Snapshot = tuple[int, bytes]

of_adamw = partial(check, task="adamw", section=f"{CHAPTER}#the-rule-and-its-memory")
of_scale = partial(check, task="scale", section=f"{CHAPTER}#gradients-that-vanish")
of_bytes = partial(check, task="bytes", section=f"{CHAPTER}#a-file-that-is-whole-or-not-there")
of_disk = partial(check, task="disk", section=f"{CHAPTER}#a-file-that-is-whole-or-not-there")
of_plan = partial(check, task="plan", section=f"{CHAPTER}#a-file-that-is-whole-or-not-there")

# One step of AdamW.


@of_adamw(
    points=6,
    title="the first step has the length lr, whatever the gradient",
    hint="Both means start at zero and are too small by 1 - beta ** t, where "
    "t is 1 in the first step.",
)
def first_step_has_length_lr(student, rng):
    for size in (1e-3, 1.0, 1e4):
        p, lr, betas = rng.standard_normal((2, 3)), rng.uniform(0.01, 0.5), _betas(rng)
        g = size * rng.uniform(0.5, 1, p.shape) * rng.choice([-1, 1], p.shape)
        got, _, _ = _stepped(student, [p, 0 * p, 0 * p], 1, [g], (lr, betas, 0.0, 0.0))
        what = f"p after step 1 with lr={lr:.3f}, betas={_told(betas)}, eps=0, g about {size:g}"
        close(got, p - lr * np.sign(g), rtol=1e-7, atol=1e-9, what=what)


@of_adamw(
    points=5,
    title="follows the closed form over many steps",
    hint="m is a mean of g, v of g * g; eps is added to the root, not under it.",
)
def follows_the_closed_form(student, rng):
    for _ in range(8):
        steps, betas = int(rng.integers(2, 12)), _betas(rng)
        lr, eps = rng.uniform(0.01, 0.5), rng.uniform(0.01, 0.5)
        p, g = rng.standard_normal((3, 2)), rng.standard_normal((steps, 3, 2))
        got = _stepped(student, [p, 0 * p, 0 * p], 1, list(g), (lr, betas, eps, 0.0))
        m, v, moved = _closed_form(g, betas, eps)
        what = f"after {steps} steps with lr={lr:.3f}, betas={_told(betas)}, eps={eps:.3f}"
        for name, array, want in zip("mvp", [got[1], got[2], got[0]], [m, v, p - lr * moved]):
            close(array, want, rtol=1e-7, atol=1e-9, what=f"{name} {what}")


@of_adamw(
    points=5,
    title="the decay stays out of the means",
    hint="Decay added to g would pass through m and v, and be divided by the root of v. It "
    "multiplies p, by 1 - lr * weight_decay.",
)
def decay_stays_out_of_the_means(student, rng):
    for _ in range(5):
        p, g, m = rng.standard_normal((3, 4))
        v, lr, decay = rng.uniform(0.5, 2, 4), rng.uniform(0.01, 0.3), rng.uniform(0.1, 1)
        t = int(rng.integers(2, 50))
        with_decay, without = (
            _stepped(student, [p, m, v], t, [g], (lr, (0.9, 0.99), 1e-8, rate))
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


@of_adamw(
    points=5,
    title="changes p, m and v in place, and g not at all",
    hint="p = p - ... makes a new array that nobody outside sees; p -= ... and p[...] = ... write "
    "into the one you were given.",
)
def works_in_place(student, rng):
    p, g, m = rng.standard_normal((3, 5)).astype(np.float32)
    v = rng.uniform(0.5, 1, 5).astype(np.float32)
    after = typed(student.run("one_step", p, g, m, v), list[Array], "the arrays")
    assert len(after) == 4, "expected four arrays"
    close(after[1], g, rtol=0, what="g after a step")
    for name, now, before in (("p", after[0], p), ("m", after[2], m), ("v", after[3], v)):
        close(now, now.astype(np.float32), what=f"{name} after a step with float32")
        if now.shape != before.shape or np.array_equal(now, before):
            raise Wrong(
                f"{name} should be another after a step, but it is the same array as before"
            )


def _betas(rng) -> list[float]:
    return rng.uniform([0.5, 0.8], [0.95, 0.999]).tolist()


def _told(betas: list[float]) -> str:
    return f"({betas[0]:.3f}, {betas[1]:.3f})"


def _stepped(
    student, arrays: list[Array], t: int, gradients: list[Array], settings: Any
) -> list[Any]:
    after = typed(student.run("stepped", arrays, t, gradients, settings), list, "p, m, v")
    assert len(after) == 3, f"expected p, m and v, got {len(after)} replies"
    for name, now in zip("pmv", after, strict=True):
        close(
            np.shape(now) if isinstance(now, Array) else (), arrays[0].shape, what=f"{name}.shape"
        )
    return after


def _closed_form(g: Array, betas: list[float], eps: float) -> tuple[Array, Array, Array]:
    """m, v and the sum of all moves over lr, by writing each mean as the weighted sum it is."""
    moved = np.zeros(g.shape[1:])
    for t in range(1, len(g) + 1):
        weights = [(1 - b) * b ** np.arange(t - 1, -1, -1.0) for b in betas]
        m, v = np.tensordot(weights[0], g[:t], 1), np.tensordot(weights[1], g[:t] ** 2, 1)
        moved += m / weights[0].sum() / (np.sqrt(v / weights[1].sum()) + eps)
    return m, v, moved


# The next loss scale.


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
        _same_scales(student, (scale, good), overflows, (2.0, backoff, interval), want)


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
        _same_scales(student, (scale, 0), [False] * len(want), rule, want)


@of_scale(
    points=4,
    title="grows no further than float32",
    hint="2.0 ** 128 is infinite in float32, and so would be every gradient.",
)
def grows_no_further_than_float32(student, rng):
    for exponent, grown in ((126, 127), (127, 127)):
        want = [(2.0**exponent, 1), (2.0**grown, 0), (2.0**grown, 1)]
        _same_scales(student, (2.0**exponent, 0), [False] * 3, (2.0, 0.5, 2), want)


def _same_scales(student, start: tuple[float, int], overflows, rule, want) -> None:
    replies = typed(student.run("scales", *start, overflows, list(rule)), list[list], "the replies")
    assert len(replies) == len(want), f"expected {len(want)} replies, got {len(replies)}"
    before = start
    for reply, overflowed, wanted in zip(replies, overflows, want, strict=True):
        call = f"next_scale({before[0]:g}, {before[1]}, {overflowed}, {', '.join(map(str, rule))})"
        assert len(reply) == 2, f"{call}: expected two numbers, got {len(reply)}"
        good = typed(reply[1], int, f"{call}: good_steps")
        close(reply[0], wanted[0], rtol=1e-12, what=f"{call}: the scale")
        assert good.bit_length() < 64, f"{call}: good_steps has too many digits"
        assert good == wanted[1], f"{call}: expected good_steps={wanted[1]}, got {good}"
        before = wanted


# A snapshot as bytes.


@of_bytes(
    points=4,
    title="what was packed comes out, for 64 bytes at most",
    hint="The header must say where the state ends, and the step may be as large as 2**63 - 1.",
)
def comes_out_as_it_went_in(student, rng):
    cases = [(0, b""), (2**63 - 1, b"\0"), (7, b"snapshot"), (1, bytes(range(256)) * 3)]
    cases += [
        _drawn(rng, int(rng.integers(1, 10**6)), int(rng.integers(1, 400))) for _ in range(12)
    ]
    packed = [_packed(student, case) for case in cases]
    for case, data, answer in zip(cases, packed, _unpacked(student, packed), strict=True):
        what = f"pack_snapshot({case[0]}, a state of {len(case[1])} bytes)"
        if len(data) > len(case[1]) + 64:
            raise Wrong(f"{what} should have at most {len(case[1]) + 64} bytes, got {len(data)}")
        _expect(answer, {case}, f"unpack_snapshot of {what}")


@of_bytes(
    points=4,
    title="no beginning of a snapshot is taken for one",
    hint="Ask how many bytes there are before you look at them, and compare with what there "
    "should be.",
)
def refuses_beginnings(student, rng):
    for size in (0, 1, int(rng.integers(5, 60))):
        snapshot = _drawn(rng, int(rng.integers(1, 1000)), size)
        data = _packed(student, snapshot)
        answers = _unpacked(student, [data[:end] for end in range(len(data))])
        for end, answer in enumerate(answers):
            _expect(answer, {None}, f"unpack_snapshot of the first {end} of {len(data)} bytes")


@of_bytes(
    points=5,
    title="no other bytes are taken for a snapshot",
    hint="The checksum must see everything: the step, the length, each byte of the state and its "
    "place. And the checksum of nothing may well be 0.",
)
def refuses_other_bytes(student, rng):
    size = int(rng.integers(40, 80))
    first, second = (_packed(student, _drawn(rng, step, size)) for step in (300, 301))
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
    for what, answer in zip(damaged, _unpacked(student, list(damaged.values())), strict=True):
        _expect(answer, {None}, f"unpack_snapshot of {what}")


def _drawn(rng, step: int, size: int) -> Snapshot:
    return step, rng.integers(0, 256, size, np.uint8).tobytes()


def _packed(student, snapshot: Snapshot) -> bytes:
    return typed(student.call("pack_snapshot", *snapshot), bytes, "what pack_snapshot returns")


def _unpacked(student, pieces: list[bytes]) -> list[Any]:
    answers = typed(student.run("unpacked", pieces), list, "the answers")
    assert len(answers) == len(pieces), f"expected {len(pieces)} answers, got {len(answers)}"
    return answers


def _expect(answer: Any, allowed: set[Snapshot | None], what: str) -> None:
    """The answer of unpack_snapshot or newest_snapshot is one of those allowed."""
    if answer is None and None in allowed:
        return
    if isinstance(answer, list) and [type(part) for part in answer] == [int, bytes]:
        if tuple(answer) in allowed:
            return
        known = {step for step, _ in allowed - {None}}
        step = f"step {answer[0]}" if answer[0].bit_length() < 64 else "a step beyond 2**63"
        came = f"{step}, {len(answer[1])} bytes" + (
            ", not those saved" if answer[0] in known else ""
        )
    else:
        came = repr(answer) if answer is None else f"{answer!a:.100}" if type(answer) is str else ""
        came = came or f"a {type(answer).__name__} that is no (step, state)"
    wanted = " or ".join("None" if one is None else f"step {one[0]}" for one in _sorted(allowed))
    raise Wrong(f"{what}: expected {wanted}, got {came}")


def _sorted(allowed: set[Snapshot | None]) -> list[Snapshot | None]:
    return sorted(allowed, key=lambda one: (-1, b"") if one is None else one)


# A folder that survives.

SECTOR = 32  # bytes that reach the disk together, unless the power goes just then
LARGEST = 2**20  # bytes of a file
ARGUMENTS = {
    "write": [str, int, bytes], "fsync": [str], "fsync_dir": [], "rename": [str, str],
    "unlink": [str],
}  # fmt: skip


class Disk:
    """A folder as the running program sees it, and what of it would survive a power cut.

    names: file number by name; contents: by file number. Of both there is what is seen, and what
    is safe. Between the two stand the changes that were not asked to be safe yet.
    """

    def __init__(self, files: Files) -> None:
        self.safe_names = {name: number for number, name in enumerate(files)}
        self.safe = dict(enumerate(files.values()))
        self.names, self.contents = dict(self.safe_names), dict(self.safe)
        self.renamed: list[dict[str, int | None]] = []  # changes of the folder
        self.written: list[tuple[int, int, bytes]] = []  # file number, offset, bytes of one sector
        self.syncs = self.bytes = 0

    def files(self) -> Files:
        """What the running program sees."""
        return {name: self.contents[number] for name, number in self.names.items()}

    def do(self, operation: list[Any]) -> None:
        verb, *rest = operation
        getattr(self, verb)(*rest)

    def write(self, name: str, offset: int, data: bytes) -> None:
        if name not in self.names:
            number = len(self.contents)
            self.contents[number] = self.safe[number] = b""
            self._change({name: number})
        number = self.names[name]
        self.contents[number] = _overlaid(self.contents[number], offset, data)
        self.bytes += len(data)
        ends = [*range(offset - offset % SECTOR + SECTOR, offset + len(data), SECTOR)]
        for start, end in itertools.pairwise([offset, *ends, offset + len(data)]):
            self.written.append((number, start, data[start - offset : end - offset]))

    def fsync(self, name: str) -> None:
        number = self._number(name)
        self.safe[number] = self.contents[number]
        self.written = [piece for piece in self.written if piece[0] != number]
        self.syncs += 1

    def fsync_dir(self) -> None:
        self.safe_names, self.renamed = dict(self.names), []
        self.syncs += 1

    def rename(self, old: str, new: str) -> None:
        self._change({old: None, new: self._number(old)})

    def unlink(self, name: str) -> None:
        self._number(name)
        self._change({name: None})

    def after_power_cut(self, renamed: Any, written: Any, torn: int = 0) -> Files:
        """What is found if these changes had reached the disk, the last write but for its end."""
        names: dict[str, int | None] = dict(self.safe_names)
        for change in renamed:
            names |= change
        contents = dict(self.safe)
        for place, (number, offset, data) in enumerate(written):
            kept = data[:torn] if torn and place == len(written) - 1 else data
            contents[number] = _overlaid(contents[number], offset, kept)
        return {name: contents[n] for name, n in names.items() if n is not None}

    def power_cuts(self, rng) -> Iterator[Files]:
        """All that may be found, or a hundred possibilities; then some with a write torn."""
        changes = [
            *((self.renamed, c) for c in self.renamed),
            *((self.written, p) for p in self.written),
        ]
        n = len(changes)
        picks = itertools.product((0, 1), repeat=n) if n < 8 else self._some(rng, n)
        for pick in picks:
            kept = [change for change, chosen in zip(changes, pick, strict=True) if chosen]
            renamed = [c for where, c in kept if where is self.renamed]
            written = [p for where, p in kept if where is self.written]
            yield self.after_power_cut(renamed, written)
            if written:
                torn = int(rng.integers(0, len(written[-1][2]) + 1))
                yield self.after_power_cut(renamed, written, torn)

    @staticmethod
    def _some(rng, n: int) -> Iterator[list[int]]:
        """None, all, one alone, all but one, and random choices."""
        alone = np.eye(n, dtype=int)
        rows = [np.zeros(n, int), np.ones(n, int), *alone[:20], *(1 - alone[:20])]
        yield from [*rows, *rng.integers(0, 2, (60, n))]

    def _number(self, name: str) -> int:
        if name not in self.names:
            raise Wrong(
                f"there is no {name}; the folder holds {', '.join(self.names) or 'nothing'}"
            )
        return self.names[name]

    def _change(self, change: dict[str, int | None]) -> None:
        self.renamed.append(change)
        for name, number in change.items():
            self.names.pop(name, None)
            if number is not None:
                self.names[name] = number


def _overlaid(content: bytes, offset: int, data: bytes) -> bytes:
    """Zeros fill the gap behind the end, if data lie beyond it."""
    return content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]


class Crash(NamedTuple):
    """What is left of a folder, what newest_snapshot may answer, and how it came about."""

    files: Files
    allowed: set[Snapshot | None]
    story: str

    def found(self) -> str:
        held = ", ".join(f"{name} ({len(data)} bytes)" for name, data in self.files.items())
        return f"{self.story}\nfound: {held or 'an empty folder'}"


def operations(student, disk: Disk, snapshot: Snapshot) -> list[list[Any]]:
    """The student's operations, each of a form that the disk knows."""
    what = f"save of step {snapshot[0]}"
    log = typed(
        student.call("save_snapshot", disk.files(), *snapshot),
        list[list],
        f"{what}: what it returns",
    )
    assert len(log) <= 1000, f"{what}: expected at most 1,000 operations, got {len(log):,}"
    for place, operation in enumerate(log):
        verb, rest = (operation[0], operation[1:]) if operation else ("", [])
        here = f"{what}: operation {place}"
        if type(verb) is not str or [type(one) for one in rest] != ARGUMENTS.get(verb, [None]):
            raise Wrong(
                f"{here} is none of those in the handout, with the arguments that they have"
            )
        for name in (one for one in rest if type(one) is str):
            if not (name.startswith("snapshot") and name.isascii() and len(name) <= 80):
                raise Wrong(
                    f"{here}, {verb}: names of your files begin with 'snapshot', got {name!a:.60}"
                )
        if verb == "write" and not (rest[1] >= 0 and rest[1] + len(rest[2]) <= LARGEST):
            raise Wrong(f"{here}: a write should end within the first {LARGEST:,} bytes")
    return log


def told(log: list[list[Any]], crash: str) -> str:
    """The log in words, one operation a line, and what came then."""
    lines = []
    for verb, *rest in log:
        if verb == "write":
            rest = [rest[0], f"bytes {rest[1]} to {rest[1] + len(rest[2]) - 1}"]
        lines.append("  " + " ".join([verb, *map(str, rest)]))
    return "\n".join([*lines, f"  {crash}"] if crash else lines)


def performed(
    student, disk: Disk, snapshot: Snapshot, before: Snapshot | None, cut: Callable[..., Any]
) -> Iterator[Crash]:
    """Do what save_snapshot asks for, and crash between: ``cut(disk, next operation)``."""
    log = operations(student, disk, snapshot)
    for done in range(len(log) + 1):
        coming = log[done] if done < len(log) else None
        allowed = {snapshot} if coming is None else {before, snapshot}
        first = f"save of step {snapshot[0]}, step {before[0] if before else 'none'} before it\n"
        nothing_new = done == 0 and log and cut is not _killed  # since the save before ended
        for files, how in [] if nothing_new else cut(disk, coming):
            yield Crash(files, allowed, first + told(log[:done], how))
        if coming is not None:
            try:
                disk.do(coming)
            except Wrong as wrong:
                raise Wrong(f"{first}{told(log[: done + 1], '')}\n{wrong}") from None


def judge(student, crashes: list[Crash]) -> None:
    """Ask a new process, which knows nothing but the files, for each crash."""
    student.restart()
    answers = typed(student.run("recovered", [c.files for c in crashes]), list, "the answers")
    assert len(answers) == len(crashes), f"expected {len(crashes)} answers, got {len(answers)}"
    faults = []
    for crash, answer in zip(crashes, answers, strict=True):
        try:
            _expect(answer, crash.allowed, f"{crash.found()}\nnewest_snapshot")
        except Wrong as wrong:
            faults.append(wrong)
    if faults:
        count = f"{len(faults)} of {len(crashes)} cases fail; this is the first"
        raise Wrong(f"{faults[0]}\n({count})")


def life(rng, steps: list[int], low: int = 30, high: int = 100) -> list[Snapshot]:
    """Snapshots of one run, of the same size."""
    size = int(rng.integers(low, high))
    return [_drawn(rng, step, size) for step in steps]


@of_disk(
    points=4,
    title="the newest snapshot comes back",
    hint="'snapshot-9' comes after 'snapshot-10' in the order of texts. Other people's files are "
    "to be left alone, whatever they hold.",
)
def newest_comes_back(student, rng):
    other = {"log.txt": b"step 8: loss 2.3", "data-snapshot": bytes(70)}
    crashes = [Crash({}, {None}, "nothing was saved"), Crash(other, {None}, "nothing was saved")]
    for files in ({}, other):
        disk, before = Disk(files), None
        for snapshot in life(rng, [0, 8, 9, 10, 11, 99, 100, 1000, 2**40]):
            crashes += list(performed(student, disk, snapshot, before, _at_the_end))
            before = snapshot
    judge(student, crashes)


def _at_the_end(disk: Disk, coming: Any) -> list[Any]:
    return [(disk.files(), "all done, no crash")] if coming is None else []


@of_disk(
    points=6,
    title="survives being killed at any byte",
    hint="Until the new snapshot is whole, the old one must stay as it is.",
)
def survives_a_kill(student, rng):
    crashes, before = [], None
    disk = Disk({"log.txt": b"step 8"})
    for snapshot in life(rng, [100, 120, 140, 160], 20, 40):
        crashes += list(performed(student, disk, snapshot, before, _killed))
        before = snapshot
    judge(student, crashes)


def _killed(disk: Disk, coming: Any) -> Iterator[Any]:
    yield disk.files(), "killed"
    if coming is not None and coming[0] == "write":
        _, name, offset, data = coming
        files = disk.files()
        for end in range(1, len(data)):
            part = _overlaid(files.get(name, b""), offset, data[:end])
            yield (
                files | {name: part},
                f"killed in the next write, after {end} of {len(data)} bytes",
            )


@of_disk(
    points=9,
    title="survives a power cut at any moment",
    hint="What must be on the disk before the next operation may be? A file's bytes and its name "
    "are made safe by two different operations.",
)
def survives_a_power_cut(student, rng):
    crashes = []
    for low, steps in ((1, [8, 9, 10, 11]), (60, [100, 120, 140, 160])):
        disk, before = Disk({}), None
        for snapshot in life(rng, steps, low, low + 40):
            crashes += list(performed(student, disk, snapshot, before, partial(_cut, rng)))
            before = snapshot
    judge(student, crashes)


def _cut(rng, disk: Disk, coming: Any) -> Iterator[Any]:
    seen = list[Files]()
    for files in disk.power_cuts(rng):
        if files not in seen:
            seen.append(files)
            yield files, "power cut"


@of_disk(
    points=4,
    title="goes on in a folder where it was killed",
    hint="A killed save leaves a file behind. A write into a longer file leaves the old end "
    "standing. Is the name that you write to free?",
)
def goes_on_when_killed(student, rng):
    folders: list[tuple[Disk, Snapshot | None]] = [(Disk({}), None) for _ in range(12)]
    for step in (100, 120, 140):
        done, killed = [], []
        for disk, before in folders:
            first = _drawn(rng, step, int(rng.integers(1, 60)))
            second = _drawn(rng, step + 10, int(rng.integers(60, 120)))  # leaves a longer end
            done += list(performed(student, disk, first, before, _killed))
            every = list(performed(student, disk, second, first, _killed))
            if len(killed) % 2:  # between two operations: a write has many more bytes
                every = [crash for crash in every if crash.story.endswith(" killed")] or every
            killed.append(every[int(rng.integers(len(every)))])
        judge(student, [*done, *killed])
        answers = student.run("recovered", [crash.files for crash in killed])
        before = [None if answer is None else (answer[0], answer[1]) for answer in answers]
        folders = [(Disk(crash.files), one) for crash, one in zip(killed, before, strict=True)]


@of_disk(
    points=4,
    title="one damaged file is not the end",
    hint="When a save is done, two whole snapshots must stand in different files. "
    "newest_snapshot must pass over what unpack_snapshot refuses.",
)
def survives_damage(student, rng):
    crashes, before, disk = [], None, Disk({})
    for snapshot in life(rng, [80, 99, 100, 120]):
        crashes += list(performed(student, disk, snapshot, before, _at_the_end))
        if before:
            for name, what, files in _damaged(rng, disk.files()):
                story = f"step {before[0]} and then step {snapshot[0]} were saved; {name} {what}"
                crashes.append(Crash(files, {before, snapshot}, story))
        before = snapshot
    judge(student, crashes)


def _damaged(rng, files: Files) -> Iterator[tuple[str, str, Files]]:
    for name, data in files.items():
        yield name, "was lost", {other: files[other] for other in files if other != name}
        yield name, "was emptied", files | {name: b""}
        yield name, "was cut in half", files | {name: data[: len(data) // 2]}
        for i in range(len(data)):
            other = bytes([data[i] ^ (1 << int(rng.integers(8)))])
            yield (
                name,
                f"has a bit flipped in byte {i}",
                files | {name: data[:i] + other + data[i + 1 :]},
            )


@of_disk(
    points=5,
    title="costs two syncs, the snapshot's own bytes, and no more space than needed",
    hint="Which calls of fsync and fsync_dir could be left out? Who removes the third snapshot, "
    "and what a killed save left behind?",
)
def costs_little(student, rng):
    steps, size = [100, 120, 140, 160, 180], int(rng.integers(200, 300))
    unit, excess, found = size + 64, [set[str]() for _ in range(3)], []
    leftovers = {"snapshot": b"", "snapshot-1.tmp": bytes(99), "log.txt": bytes(10**4)}
    for files in ({}, leftovers, leftovers):
        disk, before = Disk(files), None
        for snapshot in [_drawn(rng, step, size) for step in steps]:
            disk.syncs = disk.bytes = 0
            spaces: list[int] = []
            crashes = performed(student, disk, snapshot, before, partial(_weighed, spaces))
            found += [crash for crash in crashes if len(crash.allowed) == 1]
            peak, end = max(spaces), spaces[-1]
            story = f"save of step {snapshot[0]}"
            if disk.syncs > 2:
                excess[0].add(f"{story} calls fsync and fsync_dir {disk.syncs} times")
            if disk.bytes > unit:
                excess[1].add(f"{story} writes {disk.bytes} bytes; state and 64 are {unit}")
            if peak > 3 * unit or end > 2 * unit:
                excess[2].add(f"{story} takes {peak} bytes, and at its end {end}; one is {unit}")
            before = snapshot
    judge(student, found)  # what cannot be recovered is cheap
    if any(excess):
        faults = [min(messages) for messages in excess if messages]
        return Score(1 - len(faults) / 3, "; ".join(faults))
    return None


def _weighed(spaces: list[int], disk: Disk, coming: Any) -> Iterator[Any]:
    files = disk.files()
    spaces.append(sum(len(data) for name, data in files.items() if name.startswith("snapshot")))
    if coming is None:
        yield files, "all done, no crash"


# While training goes on.


class Training:
    """A state of blocks that steps overwrite, a disk, and some memory for copies."""

    def __init__(self, blocks: int, overwrites: list[list[int]], speed: int, memory: int) -> None:
        self.overwrites, self.speed, self.memory = overwrites, speed, memory
        self.left, self.copies = set(range(blocks)), set[int]()  # not in the file; held
        self.steps = self.waits = 0
        self.free = speed  # blocks that the disk still takes in this period
        self.took = 0  # periods until the file was complete

    def act(self, action: list[Any]) -> None:
        verb, *rest = action if action and type(action[0]) is str else [""]
        if verb in ("copy", "write") and [type(one) for one in rest] == [int]:
            if rest[0] not in self.left:
                raise Wrong("it is in the file already, or there is no such block")
            getattr(self, verb)(rest[0])
        elif verb in ("step", "wait") and not rest:
            getattr(self, verb)()
        else:
            raise Wrong("an action is ('copy', block), ('write', block), ('step',) or ('wait',)")

    def copy(self, block: int) -> None:
        if block in self.copies:
            raise Wrong("it is copied already")
        if len(self.copies) == self.memory:
            held = f": {_listed(self.copies)}" if self.copies else ""
            raise Wrong(f"there is memory for {self.memory} copies, and all is taken{held}")
        self.copies.add(block)

    def write(self, block: int) -> None:
        if not self.free:
            raise Wrong(f"the disk takes {self.speed} blocks before it needs a step or a wait")
        self.free -= 1
        self.left.remove(block)
        self.copies.discard(block)
        self.took = self.steps + self.waits + 1

    def step(self) -> None:
        touched = self.overwrites[self.steps] if self.steps < len(self.overwrites) else []
        if lost := (set(touched) & self.left) - self.copies:
            raise Wrong(
                f"step {self.steps} overwrites block {min(lost)}, which is neither in the file nor "
                f"copied: the snapshot would mix two states"
            )
        self.steps += 1
        self.free = self.speed

    def wait(self) -> None:
        self.waits += 1
        self.free = self.speed


def _listed(blocks: Any) -> str:
    return ", ".join(map(str, sorted(blocks)))


Case = tuple[int, list[list[int]], int, int]  # blocks, overwrites, speed, memory


def case_text(blocks: int, overwrites: list[list[int]], speed: int, memory: int) -> str:
    return f"blocks={blocks}, overwrites={overwrites}, speed={speed}, memory={memory}"


def executed(student, case: Case) -> Training:
    """Run the student's plan; what it did is in the training that is returned."""
    what, training = case_text(*case), Training(*case)
    plan = typed(student.call("snapshot_plan", *case), list[list], f"{what}: the plan")
    assert len(plan) <= 5000, f"{what}: expected at most 5,000 actions, got {len(plan):,}"
    for place, action in enumerate(plan):
        try:
            training.act(action)
        except Wrong as wrong:
            before = " ".join("-".join(map(str, done)) for done in plan[max(0, place - 8) : place])
            began = f"after {'... ' if place > 8 else ''}{before or 'nothing'}"
            raise Wrong(f"{what}\n{began}\nplan[{place}], {action!a:.60}: {wrong}") from None
    if training.left:
        raise Wrong(f"{what}\nthe plan ends, and blocks {_listed(training.left)} are not written")
    return training


def cases(rng) -> list[Case]:
    """From one block to some thirty; dense steps that overwrite everything, and sparse ones."""
    found: list[Case] = [
        (1, [], 1, 0),
        (1, [[0]], 1, 0),
        (3, [[0, 1, 2]], 1, 2),
        (3, [[2], [1]], 1, 0),
        (3, [[], [1, 2]], 1, 0),
    ]
    for kind in range(24):
        blocks, speed = int(rng.integers(4, 25)), int(rng.integers(1, 4))
        share = (0.1, 0.5, 0.4, 0.4, 0.2, 0.6, 1.0, 1.0)[kind % 8]
        touched = [np.flatnonzero(rng.random(blocks) < share) for _ in range(rng.integers(1, 9))]
        overwrites = [rng.permutation(each).tolist() for each in touched]
        if kind % 2:  # a calm before, in which most of those blocks could be written
            calm = len(overwrites[0]) // speed - int(rng.integers(1, 3))
            overwrites = [[] for _ in range(calm)] + overwrites
        most = needed(overwrites, speed)
        memory = most if kind % 2 else int(rng.integers(0, most + 3))
        found.append((blocks, overwrites, speed, memory))
    return sorted(found, key=lambda case: (case[0], len(case[1])))


def due(overwrites: list[list[int]]) -> Array:
    """How many blocks each step and those before it have overwritten; of an empty list, [0]."""
    first = {block: s for s in reversed(range(len(overwrites))) for block in overwrites[s]}
    return np.cumsum(np.bincount(list(first.values()), minlength=max(1, len(overwrites))))


def needed(overwrites: list[list[int]], speed: int) -> int:
    """What is due by a step and cannot have been written must be held, at the worst step."""
    late = due(overwrites)
    return max(0, int((late - speed * np.arange(1, len(late) + 1)).max()))


def fewest_waits(overwrites: list[list[int]], speed: int, memory: int) -> int:
    """Periods that must have passed before each step, so that what is due then fits in memory."""
    late = due(overwrites)
    return max(0, int((-((memory - late) // speed) - np.arange(1, len(late) + 1)).max()))


def share(student, rng, fault_of: Callable[[Training, Case], str]) -> Score | None:
    """A part of the points for each case; the message is that of the smallest that fails."""
    drawn, faults = cases(rng), []
    for case in drawn:
        try:
            fault = fault_of(executed(student, case), case)
        except StudentError as error:
            if error.reason != "error":  # not written, or out of time: all cases would fare alike
                raise
            fault = f"{case_text(*case)}: {error}"
        except Wrong as wrong:
            fault = str(wrong)
        faults += [fault] if fault else []
    if not faults:
        return None
    right = len(drawn) - len(faults)
    message = f"{faults[0]}\n(the smallest case that fails; {right} of {len(drawn)} are right)"
    return Score(right / len(drawn), message)


@of_plan(
    points=8,
    title="the file holds the state of one moment",
    hint="Before ('step',), each block that this step overwrites must be in the file or copied.",
)
def holds_the_state_of_one_moment(student, rng):
    return share(student, rng, lambda training, case: "")


@of_plan(
    points=6,
    title="no wait more than needed, and no idle disk",
    hint="In which order must blocks be written, so that few are still in memory's way when a step "
    "comes? Before the first step, the disk has time for some already.",
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
    hint="Until step s, which blocks had to leave their places, and how many of them can the disk "
    "have taken? The worst step decides. If time ran out: count as you go.",
)
def knows_the_memory_needed(student, rng):
    drawn = [case[:3] for case in cases(rng)]
    order = [rng.permutation(3000)[: int(rng.integers(5, 20))].tolist() for _ in range(200)]
    for blocks, overwrites, speed in [*drawn, (3000, order, 5)]:
        got = typed(student.call("snapshot_memory", blocks, overwrites, speed), int, "the memory")
        want = needed(overwrites, speed)
        shown = overwrites if len(overwrites) < 20 else f"({len(overwrites)} steps)"
        what = f"snapshot_memory({blocks}, {shown}, {speed})"
        assert got == want, f"{what}: expected {want}, got {got if abs(got) < 10**9 else 'more'}"
