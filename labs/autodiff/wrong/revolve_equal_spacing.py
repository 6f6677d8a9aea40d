# loses: plans_run_no_step_too_often
# why: equally spaced states serve each part once; slots that fall empty are not used again.


def revolve(length: int, slots: int) -> list[list[Any]]:
    step = -(-length // slots)
    starts, plan = list(range(0, length, step)), []
    for start in starts:
        plan.append(["store", start])
        if start != starts[-1]:
            plan.append(["advance", start, start + step])
    for i in reversed(range(length)):
        start = i - i % step
        plan.append(["restore", start])
        if i > start:
            plan.append(["advance", start, i])
        plan.append(["backward", i])
        if i == start:
            plan.append(["free", start])
    return plan
