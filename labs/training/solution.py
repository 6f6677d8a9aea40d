"""Lab: AdamW, a loss scale, and a snapshot that nobody waits for.

Rebuild two functions of the chapter. Then keep a run alive: turn a state into bytes that are whole
or refused, bring them to a disk that forgets what it was not told to keep, find them again, and
plan how to copy a state that training is changing. The handout says what the disk may do to you.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np

Array = np.ndarray
Operation = tuple[Any, ...]  # ("write", name, offset, data) and four others, see the handout
Action = tuple[Any, ...]  # ("copy", block), ("write", block), ("step",), ("wait",)

_solution_mark = b"snapshot"
_solution_head = ">8sQQI"  # the mark, the step, how many bytes of state, checksum


def pack_snapshot(step: int, state: bytes) -> bytes:
    """A snapshot as bytes: the state, and at most 64 bytes more.

    step: from 0 to 2**63 - 1. state: any bytes, perhaps none.
    """
    facts = struct.pack(">QQ", step, len(state))
    return _solution_mark + facts + struct.pack(">I", zlib.crc32(facts + state)) + state


def unpack_snapshot(data: bytes) -> tuple[int, bytes] | None:
    """The (step, state) that ``pack_snapshot`` made data from; None for whatever it did not make.

    Raises nothing, whatever data is: the beginning of a snapshot, one with other bytes in it, two
    snapshots in one, zeros.
    """
    start = struct.calcsize(_solution_head)
    if len(data) < start:
        return None
    mark, step, length, checksum = struct.unpack(_solution_head, data[:start])
    state = data[start : start + length]
    whole = len(state) == length and checksum == zlib.crc32(data[8:24] + state)
    return (step, state) if whole and mark == _solution_mark else None


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    """The operations that bring a snapshot to the disk, in order; nothing is written here.

    files: what the folder holds now, contents by name, with what earlier calls and crashes have
        left; all of it is safe. Names of your files begin with "snapshot"; you leave all others
        alone.
    step: larger than any that was saved before, whole or not.

    Once the last operation is done, the snapshot survives a kill and a power cut. Before that, what
    is left yields this snapshot or the one that ``newest_snapshot(files)`` finds. When done, the
    folder also holds the latter, if there was one, so that one of the two may be damaged.
    """
    ours = [name for name in files if name.startswith("snapshot")]
    newest = max(ours, key=lambda name: _solution_step(files[name]), default="")
    target = f"snapshot-{step}"
    return [
        *(("unlink", name) for name in ours if name != newest),
        ("write", target, 0, pack_snapshot(step, state)),
        ("fsync", target),
        ("fsync_dir",),
    ]


def _solution_step(data: bytes) -> int:
    """The step of a snapshot, -1 for what is none."""
    content = unpack_snapshot(data)
    return -1 if content is None else content[0]


def newest_snapshot(files: dict[str, bytes]) -> tuple[int, bytes] | None:
    """The (step, state) of the newest whole snapshot in files; None if there is none.

    files: what a crash has left, contents by name. Raises nothing.
    """
    found = [unpack_snapshot(data) for name, data in files.items() if name.startswith("snapshot")]
    return max((content for content in found if content is not None), default=None)


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    """Actions that write the state, as it is now, while training goes on overwriting it.

    blocks: the state consists of the blocks 0 to blocks - 1, at least one.
    overwrites: the blocks that step s overwrites are overwrites[s]; steps after the last in the
        list overwrite none.
    speed: how many blocks the disk can take before a step, and as many more during each wait.
    memory: how many copies of blocks can be held at once; perhaps 0.

    The plan ends when every block is written once, as it was at the start; it waits as little as
    can be, and needs no more periods than the disk does.
    """
    due: dict[int, float] = dict.fromkeys(range(blocks), math.inf)
    for step in reversed(range(len(overwrites))):
        due.update(dict.fromkeys(overwrites[step], step))
    queue = sorted(range(blocks), key=lambda block: due[block])
    plan: list[Action] = []
    copied: set[int] = set()
    step = 0
    while queue:
        now, queue = queue[:speed], queue[speed:]
        plan += [("write", block) for block in now]
        copied -= set(now)
        late = [block for block in queue if due[block] <= step]
        if len(late) > memory:
            plan.append(("wait",))
            continue
        plan += [("copy", block) for block in late if block not in copied]
        copied |= set(late)
        plan.append(("step",))
        step += 1
    return plan


def snapshot_memory(blocks: int, overwrites: list[list[int]], speed: int) -> int:
    """The least memory with which a plan needs no wait. Arguments as in ``snapshot_plan``.

    There may be tens of thousands of blocks and thousands of steps.
    """
    due: set[int] = set()
    most = 0
    for step, touched in enumerate(overwrites):
        due.update(touched)
        most = max(most, len(due) - speed * (step + 1))
    return most
