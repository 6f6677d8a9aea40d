# loses: waits_no_more_than_needed
# why: blocks that the step after next overwrites could have been written now, and were not.


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    left, copied, step = list(range(blocks)), set[int](), 0
    plan: list[Action] = []
    while left:
        soon = set(overwrites[step]) if step < len(overwrites) else set[int]()
        left.sort(key=lambda block: (block not in soon, block not in copied))
        now, left = left[:speed], left[speed:]
        plan += [("write", block) for block in now]
        copied -= set(now)
        need = [block for block in left if block in soon and block not in copied]
        if len(copied) + len(need) > memory:
            plan.append(("wait",))
            continue
        plan += [("copy", block) for block in need]
        copied |= set(need)
        plan.append(("step",))
        step += 1
    return plan
