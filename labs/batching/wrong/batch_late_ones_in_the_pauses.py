# loses: in_order
# why: gives up nobody; who is too late is answered when there is nothing else to do.


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    plans = {}
    for kind in models:
        if line := [each for each in waiting if each[1] == kind]:
            plans[kind] = _solution_plan(now, line, models[kind], _solution_cap(kind, models))
    able = sorted((kind for kind in plans if plans[kind].batch), key=lambda kind: plans[kind].start)
    if not able:
        return [waiting[0][0]], []
    used = _solution_used(state, now, models)
    chosen = able[0]
    if len(able) == 2 and now + plans[chosen].seconds > plans[able[1]].start:
        slow, chosen = sorted(able, key=lambda kind: plans[kind].rate)
        if used[slow] < 0.6 * used[chosen]:
            chosen = slow
    used[chosen] += plans[chosen].seconds
    return plans[chosen].batch, []
