# keeps: all
# how: two files in turn, the older one overwritten; SHA-256; the plan is a heap of deadlines.

import hashlib
import heapq


def pack_snapshot(step: int, state: bytes) -> bytes:
    facts = step.to_bytes(8, "little") + len(state).to_bytes(8, "little")
    return hashlib.sha256(b"slot" + facts + state).digest() + facts + state


def unpack_snapshot(data: bytes) -> tuple[int, bytes] | None:
    seal, facts, rest = data[:32], data[32:48], data[48:]
    state = rest[: int.from_bytes(facts[8:], "little")]
    if hashlib.sha256(b"slot" + facts + state).digest() != seal:
        return None
    return int.from_bytes(facts[:8], "little"), state


def save_snapshot(files: dict[str, bytes], step: int, state: bytes) -> list[Operation]:
    slots = ["snapshot-even", "snapshot-odd"]
    steps = [(unpack_snapshot(files.get(slot, b"")) or (-1, b""))[0] for slot in slots]
    target = slots[steps[1] < steps[0]]
    others = [name for name in files if name.startswith("snapshot") and name not in slots]
    log: list[Operation] = [("unlink", name) for name in others]
    data = pack_snapshot(step, state)
    for start in range(0, len(data), 50):
        log.append(("write", target, start, data[start : start + 50]))
    log.append(("fsync", target))
    return log if target in files else [*log, ("fsync_dir",)]


def newest_snapshot(files: dict[str, bytes]) -> tuple[int, bytes] | None:
    best = None
    for name in ("snapshot-even", "snapshot-odd"):
        found = unpack_snapshot(files.get(name, b""))
        if found and (best is None or found[0] > best[0]):
            best = found
    return best


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    first = {b: s for s in range(len(overwrites) - 1, -1, -1) for b in overwrites[s]}
    heap = [(first.get(b, 10**9), b) for b in range(blocks)]
    heapq.heapify(heap)
    plan: list[Action] = []
    held: set[int] = set()
    step = 0
    while True:
        for _ in range(min(speed, len(heap))):
            _, block = heapq.heappop(heap)
            held.discard(block)
            plan.append(("write", block))
        if not heap:
            return plan
        threatened = [b for d, b in heap if d == step and b not in held]
        if len(held) + len(threatened) > memory:
            room = memory - len(held)
            early, threatened = threatened[:room], []
            plan += [("copy", b) for b in early]
            held.update(early)
            plan.append(("wait",))
        else:
            plan += [("copy", b) for b in threatened]
            held.update(threatened)
            plan.append(("step",))
            step += 1


def snapshot_memory(blocks: int, overwrites: list[list[int]], speed: int) -> int:
    touched = bytearray(blocks)
    waiting = most = 0
    for step in overwrites:
        for block in step:
            waiting += not touched[block]
            touched[block] = 1
        waiting -= speed
        most = max(most, waiting)
    return most
