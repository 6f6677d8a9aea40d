# loses: waits_no_more_than_needed
# why: with all that is due in the file, the disk could go on, and does not.


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    due: dict[int, float] = dict.fromkeys(range(blocks), math.inf)
    for step in reversed(range(len(overwrites))):
        due.update(dict.fromkeys(overwrites[step], step))
    queue = sorted(range(blocks), key=lambda block: due[block])
    plan: list[Action] = []
    copied: set[int] = set()
    step = 0
    while queue:
        n = min(speed, max(1, sum(due[block] <= step for block in queue)))
        now, queue = queue[:n], queue[n:]
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
