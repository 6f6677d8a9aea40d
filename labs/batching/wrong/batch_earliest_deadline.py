# loses: p99_in_time, tight_is_served, loose_is_served
# why: the policy of the chapter: the earliest deadline says whose turn it is, and nothing else.


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    plans = {}
    for kind in models:
        if line := [each for each in waiting if each[1] == kind]:
            plans[kind] = _solution_plan(now, line, models[kind], 4096)
    dropped = [number for plan in plans.values() for number in plan.hopeless]
    able = [kind for kind in plans if plans[kind].batch]
    if not able:
        return [], dropped
    arrived = {number: at for number, _, at in waiting}
    first = {kind: (plans[kind].passed + plans[kind].batch)[0] for kind in able}
    chosen = min(able, key=lambda kind: arrived[first[kind]] + models[kind][2])
    return plans[chosen].batch, dropped + plans[chosen].passed
