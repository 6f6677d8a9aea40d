# loses: tight_is_served, loose_is_served
# why: whoever must begin first goes first, also if there is no time for both.


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    plans = {}
    for kind in models:
        if line := [each for each in waiting if each[1] == kind]:
            plans[kind] = _solution_plan(now, line, models[kind], _solution_cap(kind, models))
    dropped = [number for plan in plans.values() for number in plan.hopeless]
    able = [kind for kind in plans if plans[kind].batch]
    if not able:
        return [], dropped
    chosen = min(able, key=lambda kind: plans[kind].start)
    return plans[chosen].batch, dropped + plans[chosen].passed
