"""What a save costs: syncs, bytes written, and space, which a killed save leaves to the next."""

from __future__ import annotations

from typing import Any

from .crashes import Crash, Snapshot, drawn_snapshot, judge, performed
from .disk import Disk

LATE = 4  # kills are tried before so many of the last operations
LEFTOVERS = {"snapshot": b"", "snapshot-1.tmp": bytes(99), "log.txt": bytes(10**4)}


class Costs:
    """Saves, and what was said of those that took more than a limit; size: bytes of a state."""

    def __init__(self, student, size: int) -> None:
        self.student, self.unit = student, size + 64
        self.over: list[list[str]] = [[], [], []]  # syncs, bytes, space

    def of_save(
        self, disk: Disk, snapshot: Snapshot, before: Snapshot | None, past: str = ""
    ) -> list[Crash]:
        """Do a save; all moments between its operations, the last of which is its end."""
        syncs, written = disk.syncs, disk.bytes
        moments = list(performed(self.student, disk, snapshot, before, between))
        syncs, written = disk.syncs - syncs, disk.bytes - written
        save = f"{past}save of step {snapshot[0]}"
        if syncs > 2:
            self.over[0].append(f"{save} calls fsync and fsync_dir {syncs} times, expected 2")
        if written > self.unit:
            limit = f"expected at most {self.unit}, which is len(state) + 64"
            self.over[1].append(f"{save} writes {written} bytes, {limit}")
        for moment in moments:
            self.weigh(moment, 2 if moment is moments[-1] else 3, past)
        return moments

    def weigh(self, moment: Crash, times: int, past: str) -> None:
        ours = {n: len(data) for n, data in moment.files.items() if n.startswith("snapshot")}
        if (space := sum(ours.values())) > times * self.unit:
            held = ", ".join(f"{name} ({size} bytes)" for name, size in ours.items())
            limit = f"expected at most {times} times {self.unit}"
            self.over[2].append(f"{past}{moment.story}\n{held}: {space} bytes, {limit}")


def between(disk: Disk, coming: Any) -> list[Any]:
    return [(disk.files(), "(all done)" if coming is None else "(so far)")]


def excess(student, rng) -> list[str]:
    """One fault for each of the three limits that some save has exceeded."""
    costs, ends = Costs(student, size := int(rng.integers(200, 300))), []
    for files in ({}, LEFTOVERS):
        disk, before = Disk(files), None
        for step in (100, 120, 140):
            snapshot, next_one = (drawn_snapshot(rng, s, size) for s in (step, step + 10))
            *killed, end = costs.of_save(disk, snapshot, before)
            for moment in killed[-LATE:]:
                past = f"{moment.story.replace('(so far)', 'killed')}\nand then "
                costs.of_save(Disk(moment.files), next_one, before, past)
            ends.append(end)
            before = snapshot
    judge(student, ends)  # what cannot be recovered is cheap
    return [min(faults, key=len) for faults in costs.over if faults]
