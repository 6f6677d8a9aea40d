# loses: waits_no_more_than_needed
# why: right, and everybody waits for the disk.


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    plan: list[Action] = []
    for block in range(blocks):
        if block and block % speed == 0:
            plan.append(("wait",))
        plan.append(("write", block))
    return plan
