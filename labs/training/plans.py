"""Plans to save a state that training overwrites: carried out here, and their fewest waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograder import Score, Wrong, each_alike, typed

from .replies import shown, tuples


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
            held = f": {listed(self.copies)}" if self.copies else ""
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


def listed(blocks: Any) -> str:
    return ", ".join(map(str, sorted(blocks)))


Case = tuple[int, list[list[int]], int, int]  # blocks, overwrites, speed, memory


def case_text(blocks: int, overwrites: list[list[int]], speed: int, memory: int) -> str:
    return f"blocks={blocks}, overwrites={overwrites}, speed={speed}, memory={memory}"


def executed(student, case: Case) -> Training:
    """Run the student's plan; what it did is in the training that is returned."""
    what, training = case_text(*case), Training(*case)
    plan = tuples(student.call("snapshot_plan", *case), f"{what}: the plan")
    assert len(plan) <= 5000, f"{what}: expected at most 5,000 actions, got {len(plan):,}"
    for place, action in enumerate(plan):
        try:
            training.act(action)
        except Wrong as wrong:
            before = " ".join("-".join(map(str, done)) for done in plan[max(0, place - 8) : place])
            began = f"after {'... ' if place > 8 else ''}{before or 'nothing'}"
            raise Wrong(f"{what}\n{began}\nplan[{place}], {tuple(action)!a:.60}: {wrong}") from None
    if training.left:
        raise Wrong(f"{what}\nthe plan ends, and blocks {listed(training.left)} are not written")
    return training


def cases(rng) -> list[Case]:
    """From one block to some twenty; memory is less than wanted in more than half of them."""
    found: list[Case] = [
        (1, [], 1, 0),
        (1, [[0]], 1, 0),
        (2, [[0, 1]], 1, 0),
        (3, [[0, 1, 2]], 1, 1),
        (3, [[2], [1]], 1, 0),
        (3, [[], [1, 2]], 1, 0),
    ]
    for kind in range(24):
        share = (0.1, 0.5, 0.4, 0.4, 0.2, 0.6, 1.0, 1.0)[kind % 8]
        blocks, overwrites, speed = drawn_state(rng, share, calm=kind % 2 == 1)
        most = needed(overwrites, speed)
        short = kind % 8 in (0, 1, 2, 4, 6)
        memory = int(rng.integers(0, most)) if short else most + 2 * (kind % 8 == 5)
        found.append((blocks, overwrites, speed, memory))
    return sorted(found, key=lambda case: (case[0], len(case[1])))


def drawn_state(rng, share: float, calm: bool) -> tuple[int, list[list[int]], int]:
    """Blocks, overwrites and speed, for which some memory is needed; of each block a share."""
    blocks, speed = int(rng.integers(4, 25)), int(rng.integers(1, 4))
    touched = [np.flatnonzero(rng.random(blocks) < share) for _ in range(rng.integers(1, 9))]
    overwrites = [rng.permutation(each).tolist() for each in touched]
    if calm:  # steps before, in which most of those blocks could be written
        quiet = len(overwrites[0]) // speed - int(rng.integers(1, 3))
        overwrites = [[] for _ in range(quiet)] + overwrites
    found = blocks, overwrites, speed
    return found if needed(overwrites, speed) else drawn_state(rng, share, calm)


def due(overwrites: list[list[int]]) -> np.ndarray:
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


def same_memory(got: Any, blocks: int, overwrites: list[list[int]], speed: int) -> None:
    """What snapshot_memory has given is the least memory."""
    steps = overwrites if len(overwrites) < 20 else f"({len(overwrites):,} steps)"
    what = f"snapshot_memory({blocks}, {steps}, {speed})"
    want = needed(overwrites, speed)
    got = typed(got, int, what)
    assert got == want, f"{what}: expected {want}, got {shown(got)}"


def long_training(rng) -> tuple[int, Any]:
    """So many blocks, and the ten of them that each step overwrites: thousands of steps, in which
    nothing can be done anew for all steps before."""
    blocks, steps = 20011, 8000  # a prime, so that no step overwrites a block twice
    start, stride = rng.integers(1, blocks, (2, steps, 1))
    return blocks, (start + stride * np.arange(10)) % blocks


def share(student, rng, fault_of: Callable[[Training, Case], str]) -> Score | None:
    """A part of the points for each case; the message is that of the smallest that fails."""

    def judged(case: Case) -> None:
        if fault := fault_of(executed(student, case), case):
            raise Wrong(fault)

    tally = "\n(the smallest case that fails; {right} of {count} are right)"
    return each_alike(cases(rng), judged, tally, lambda case: case_text(*case))
