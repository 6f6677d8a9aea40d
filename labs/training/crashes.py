"""Saves on the disk, crashed at every byte and in every order, and what may be found afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autograder import Wrong, typed

from .disk import ARGUMENTS, LARGEST, Disk, Files, overlaid
from .replies import tuples

Snapshot = tuple[int, bytes]


def drawn_snapshot(rng, step: int, size: int) -> Snapshot:
    return step, rng.integers(0, 256, size, np.uint8).tobytes()


def expect(answer: Any, allowed: set[Snapshot | None], what: str) -> None:
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
    wanted = " or ".join("None" if one is None else f"step {one[0]}" for one in in_order(allowed))
    raise Wrong(f"{what}: expected {wanted}, got {came}")


def in_order(allowed: set[Snapshot | None]) -> list[Snapshot | None]:
    return sorted(allowed, key=lambda one: (-1, b"") if one is None else one)


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
    log = tuples(student.call("save_snapshot", disk.files(), *snapshot), f"{what}: what it returns")
    assert len(log) <= 1000, f"{what}: expected at most 1,000 operations, got {len(log):,}"
    for place, operation in enumerate(log):
        verb, rest = (operation[0], operation[1:]) if operation else ("", [])
        here = f"{what}: operation {place}"
        in_form(verb, rest, here)
        for name in (one for one in rest if type(one) is str):
            if not (name.startswith("snapshot") and name.isascii() and len(name) <= 80):
                raise Wrong(
                    f"{here}, {verb}: names of your files begin with 'snapshot', got {name!a:.60}"
                )
        if verb == "write" and not (rest[1] >= 0 and rest[1] + len(rest[2]) <= LARGEST):
            raise Wrong(f"{here}: a write should end within the first {LARGEST:,} bytes")
    return log


def in_form(verb: Any, rest: list[Any], here: str) -> None:
    if type(verb) is not str or verb not in ARGUMENTS:
        came = f"{verb!a:.60}" if type(verb) is str else f"a {type(verb).__name__}"
        raise Wrong(f"{here} should begin with one of {', '.join(ARGUMENTS)}, got {came}")
    came, kinds = (
        [kind.__name__ for kind in found] for found in (map(type, rest), ARGUMENTS[verb])
    )
    if came != kinds:
        wanted = ", ".join(kinds) or "nothing"
        raise Wrong(f"{here}: {verb} takes {wanted}, got {', '.join(came) or 'nothing'}")


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
        for files, how in cut(disk, coming):
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
            expect(answer, crash.allowed, f"{crash.found()}\nnewest_snapshot")
        except Wrong as wrong:
            faults.append(wrong)
    if faults:
        count = f"{len(faults)} of {len(crashes)} cases fail; this is the first"
        raise Wrong(f"{faults[0]}\n({count})")


def life(rng, steps: list[int], low: int = 30, high: int = 100) -> list[Snapshot]:
    """Snapshots of one run, of the same size."""
    size = int(rng.integers(low, high))
    return [drawn_snapshot(rng, step, size) for step in steps]


def at_the_end(disk: Disk, coming: Any) -> list[Any]:
    return [(disk.files(), "all done, no crash")] if coming is None else []


def killed_anywhere(disk: Disk, coming: Any, every: int = 1) -> Iterator[Any]:
    """Between two operations, or in one: after each byte that it writes, or only some of them."""
    yield disk.files(), "killed"
    if coming is not None and coming[0] == "write":
        _, name, offset, data = coming
        files = disk.files()
        for end in range(1, len(data), every):
            part = overlaid(files.get(name, b""), offset, data[:end])
            how = f"killed in the next write, after {end} of {len(data)} bytes"
            yield files | {name: part}, how


def power_cut(rng, disk: Disk, coming: Any) -> Iterator[Any]:
    seen = list[Files]()
    for files in disk.power_cuts(rng):
        if files not in seen:
            seen.append(files)
            yield files, "power cut"


def damages(rng, files: Files) -> Iterator[tuple[str, str, Files]]:
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


def packed_by(student, snapshot: Snapshot) -> bytes:
    return typed(student.call("pack_snapshot", *snapshot), bytes, "what pack_snapshot returns")


def unpacked_by(student, pieces: list[bytes]) -> list[Any]:
    answers = typed(student.run("unpacked", pieces), list, "the answers")
    assert len(answers) == len(pieces), f"expected {len(pieces)} answers, got {len(answers)}"
    return answers


def other_files(student, rng) -> Files:
    """Files of somebody else. One is a whole snapshot, of a step far ahead."""
    theirs = packed_by(student, drawn_snapshot(rng, 2**62, 50))
    return {"log.txt": b"step 8: loss 2.3", "data-snapshot": theirs}
