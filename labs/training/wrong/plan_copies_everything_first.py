# loses: holds_the_state_of_one_moment, waits_no_more_than_needed
# why: right, and needs as much memory again as the state.


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    plan: list[Action] = [("copy", block) for block in range(blocks)]
    for block in range(blocks):
        if block and block % speed == 0:
            plan.append(("step",))
        plan.append(("write", block))
    return plan
