# loses: each_once, in_order, p99_in_time, tight_is_served, loose_is_served, rush_ends, goodput
# why: passes over those who are too late, and never says that they are given up.


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    for kind, model in models.items():
        line = [each for each in waiting if each[1] == kind]
        alive = [each for each in line if each[2] + model[2] >= now + model[0] + model[1]]
        if alive:
            return _solution_plan(now, alive, model, _solution_cap(kind, models)).batch, []
    return [], []
