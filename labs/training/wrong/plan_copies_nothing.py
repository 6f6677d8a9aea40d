# loses: holds_the_state_of_one_moment, waits_no_more_than_needed
# why: block after block goes to the disk, while steps go on below.


def snapshot_plan(
    blocks: int, overwrites: list[list[int]], speed: int, memory: int
) -> list[Action]:
    due: dict[int, float] = dict.fromkeys(range(blocks), math.inf)
    for step in reversed(range(len(overwrites))):
        due.update(dict.fromkeys(overwrites[step], step))
    queue = sorted(range(blocks), key=lambda block: due[block])
    plan: list[Action] = []
    while queue:
        now, queue = queue[:speed], queue[speed:]
        plan += [*(("write", block) for block in now), ("step",)]
    return plan
