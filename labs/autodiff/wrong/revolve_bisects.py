# loses: plans_run_no_step_too_often
# why: halving looks optimal and is not: the part behind must make do with one slot less.


def _solution_split(length: int, slots: int) -> int:
    return length - 1 if slots == 1 else (length + 1) // 2
